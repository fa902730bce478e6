"""What a batch of orders asks of inventory together."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from functions.inventory.reactions import stock_key
from functions.inventory.service import service
from tests.unit.facts import NOON_MILLIS, fact, line, order_placed
from tests.unit.functions.test_inventory import stock
from tests.unit.memory import AtOnce, MemoryTable, Mishap, comes_after, conflicts, fails, unanswered
from tidings.batch_reactor import MAX_TRIES, BatchReactor
from tidings.contracts import OrderCancelled, OrderPlaced, Shortage, StockRejected
from tidings.errors import LostRaceError
from tidings.events import Contracts, Event, decode
from tidings.reactor import Reactor

CONTRACTS = Contracts(service.announces)


def placed(n: int, *lines: tuple[str, int]) -> Event[OrderPlaced]:
    return fact(order_placed(*(line(*each) for each in lines or (("tea", 1),))), order=f"order-{n}")


class Desk:
    """Inventory's consumer, as much of it as a batch's preparation and its reactions are."""

    def __init__(self, **levels: int) -> None:
        self.table = MemoryTable(*(stock(sku, available) for sku, available in levels.items()))
        self.reactor = Reactor(service, self.table, clock=lambda: NOON_MILLIS, pause=lambda _tries: None)
        self.batch = BatchReactor(self.reactor, AtOnce())

    def handle(self, *events: Event[Any], mishaps: Sequence[Mishap] = ()) -> list[str]:
        """Hands it a batch whose writes meet these mishaps; gives the orders whose events go back."""
        self.table.mishaps.extend(mishaps)
        self.batch.prepare(events)
        failed = []
        for event in events:
            try:
                self.batch.open_order(event.subject)(event, 0)
            except (LostRaceError, TimeoutError):
                failed.append(event.subject)
        return failed

    def announced(self, order: str) -> list[Any]:
        item = self.table.items.get(order)
        return [CONTRACTS.decode(decode(event)).data for event in service.codec.decode(item).events] if item else []

    def types(self, *events: Event[Any]) -> list[str]:
        return [type(data).__name__ for event in events for data in self.announced(event.subject)]

    def level(self, sku: str) -> tuple[int, int]:
        return self.table.number(stock_key(sku), "available"), self.table.number(stock_key(sku), "reserved")


def test_orders_of_one_product_are_reserved_in_one_transaction() -> None:
    desk = Desk(tea=10)
    orders = [placed(n) for n in range(4)]
    desk.handle(*orders)
    assert desk.table.transactions == [[order.subject for order in orders]]
    assert (desk.table.reads, len(desk.table.writes)) == (0, 4)
    assert desk.types(*orders) == ["StockReserved"] * 4
    assert desk.level("tea") == (6, 4)


def test_orders_that_share_no_product_are_reserved_apart() -> None:
    desk = Desk(tea=10, cup=10)
    desk.handle(placed(1, ("tea", 1)), placed(2, ("cup", 1)))
    assert desk.table.transactions == [["order-1"], ["order-2"]]


def test_orders_that_share_a_product_through_a_third_are_reserved_together() -> None:
    desk = Desk(tea=10, cup=10, pot=10)
    desk.handle(placed(1, ("tea", 1)), placed(2, ("pot", 1)), placed(3, ("pot", 2), ("tea", 2)))
    assert [sorted(orders) for orders in desk.table.transactions] == [["order-1", "order-2", "order-3"]]
    assert desk.level("tea") == (7, 3)


def test_more_orders_than_a_transaction_takes_go_into_several() -> None:
    desk = Desk(tea=1000)
    orders = [placed(n) for n in range(150)]
    desk.handle(*orders)
    assert sorted(len(each) for each in desk.table.transactions) == [51, 99]
    assert desk.level("tea") == (850, 150)


def test_a_single_order_is_decided_once_and_not_prepared() -> None:
    desk = Desk(tea=10)
    desk.handle(placed(1))
    assert desk.table.transactions == [["order-1"]]


def test_what_does_not_suffice_for_all_goes_to_those_who_came_first() -> None:
    desk = Desk(tea=3)
    orders = [placed(n) for n in range(5)]
    desk.handle(*orders)
    assert desk.types(*orders) == ["StockReserved"] * 3 + ["StockRejected"] * 2
    assert desk.level("tea") == (0, 3)


def test_an_order_too_large_for_what_is_left_does_not_hold_up_a_smaller_one() -> None:
    desk = Desk(tea=3)
    orders = [placed(1, ("tea", 2)), placed(2, ("tea", 2)), placed(3, ("tea", 1))]
    desk.handle(*orders)
    assert desk.types(*orders) == ["StockReserved", "StockRejected", "StockReserved"]
    assert desk.level("tea") == (0, 3)


def test_orders_of_what_is_sold_out_are_rejected_by_one_write_each() -> None:
    desk = Desk(tea=0)
    orders = [placed(n) for n in range(5)]
    desk.handle(*orders)
    assert desk.announced("order-1") == [StockRejected(short=(Shortage("tea", 1, 0),))]
    assert (desk.table.reads, len(desk.table.writes), desk.table.transactions) == (0, 5, [])


def test_orders_of_what_was_never_in_stock_are_rejected() -> None:
    desk = Desk()
    orders = [placed(1), placed(2)]
    desk.handle(*orders)
    assert desk.types(*orders) == ["StockRejected"] * 2


def test_an_order_is_not_refused_what_its_neighbours_asked_for_and_did_not_get() -> None:
    desk = Desk(tea=2, cup=0)
    greedy, modest = placed(1, ("tea", 2), ("cup", 1)), placed(2, ("tea", 2))
    desk.handle(greedy, modest)
    assert desk.types(greedy, modest) == ["StockRejected", "StockReserved"]


def test_a_repeated_order_changes_nothing_and_holds_up_no_other() -> None:
    desk = Desk(tea=10)
    desk.handle(placed(1))
    desk.handle(placed(1), placed(2))
    desk.handle(placed(1), placed(2), placed(3))
    assert desk.level("tea") == (7, 3)
    assert desk.types(placed(1), placed(2), placed(3)) == ["StockReserved"] * 3
    assert desk.table.reads == 0


def test_an_order_twice_in_a_batch_is_reserved_once() -> None:
    desk = Desk(tea=10)
    desk.handle(placed(1), placed(1), placed(2))
    assert desk.level("tea") == (8, 2)


def test_an_order_cancelled_in_the_same_batch_is_released_again() -> None:
    desk = Desk(tea=10)
    cancelled = fact(OrderCancelled(reason="customer"), n=2, order="order-1")
    desk.handle(placed(1), cancelled, placed(2))
    assert desk.types(placed(1)) == ["StockReserved", "StockReleased"]
    assert desk.level("tea") == (9, 1)


def test_a_cancellation_before_its_order_in_a_batch_leaves_nothing_reserved_for_it() -> None:
    desk = Desk(tea=10)
    cancelled = fact(OrderCancelled(reason="customer"), n=2, order="order-1")
    desk.handle(cancelled, placed(1), placed(2), placed(3))
    assert desk.types(placed(1)) == []
    assert desk.level("tea") == (8, 2)


def test_orders_in_conflict_are_tried_again_together() -> None:
    desk = Desk(tea=10)
    desk.handle(placed(1), placed(2), mishaps=[conflicts, conflicts])
    assert desk.table.transactions == [["order-1", "order-2"]]


def test_orders_that_never_get_through_go_back_and_leave_nothing() -> None:
    desk = Desk(tea=10)
    assert desk.handle(placed(1), placed(2), mishaps=[conflicts] * MAX_TRIES) == ["order-1", "order-2"]
    assert desk.level("tea") == (10, 0)
    assert desk.handle(placed(1), placed(2)) == []
    assert desk.level("tea") == (8, 2)


def test_orders_whose_transaction_failed_are_reserved_one_by_one() -> None:
    desk = Desk(tea=10)
    desk.handle(placed(1), placed(2), mishaps=[fails(TimeoutError("no answer"))])
    assert desk.table.transactions == [["order-1"], ["order-2"]]
    assert desk.level("tea") == (8, 2)


def test_orders_whose_transaction_was_done_unheard_are_not_reserved_again() -> None:
    desk = Desk(tea=10)
    desk.handle(placed(1), placed(2), mishaps=[unanswered])
    assert desk.types(placed(1), placed(2)) == ["StockReserved"] * 2
    assert desk.level("tea") == (8, 2)


def test_stock_that_goes_between_two_tries_is_not_given_twice() -> None:
    desk = Desk(tea=3)

    def meanwhile() -> None:
        Reactor(service, desk.table, clock=lambda: NOON_MILLIS).order("order-9").react(placed(9, ("tea", 2)), 0)

    orders = [placed(1), placed(2), placed(3)]
    desk.handle(*orders, mishaps=[comes_after(meanwhile)])
    assert sorted(desk.types(*orders)) == ["StockRejected", "StockRejected", "StockReserved"]
    assert desk.level("tea") == (0, 3)


def test_an_order_that_cannot_be_decided_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = service.decisions["OrderPlaced"]

    def decided(item: Any, event: Any, result: Any) -> Any:
        if item.order == "order-2":
            raise TimeoutError("undecided")
        return decide(item, event, result)

    monkeypatch.setitem(service.decisions, "OrderPlaced", decided)
    desk = Desk(tea=10)
    assert desk.handle(placed(1), placed(2), placed(3)) == ["order-2"]
    assert desk.table.transactions == [["order-1", "order-3"]]


def test_whatever_befalls_a_batch_nothing_is_oversold_and_none_is_refused_what_is_there(chance: random.Random) -> None:
    for _ in range(200):
        desk = Desk(tea=chance.randrange(30), cup=chance.randrange(30))
        initial = {sku: desk.level(sku)[0] for sku in ("tea", "cup")}
        orders = [
            placed(n, *((sku, chance.randint(1, 4)) for sku in chance.choice([["tea"], ["cup"], ["tea", "cup"]])))
            for n in range(chance.randint(1, 20))
        ]
        befalling = [fails(TimeoutError("no answer")), unanswered, conflicts]
        todo = list(orders)
        while todo:
            batch = [chance.choice(orders), *todo]
            again = desk.handle(*batch, mishaps=[chance.choice(befalling) for _ in range(chance.randrange(4))])
            desk.table.mishaps.clear()
            todo = [order for order in todo if order.subject in again]
        _check(desk, initial, orders)


def _check(desk: Desk, initial: dict[str, int], orders: list[Event[OrderPlaced]]) -> None:
    assert len(desk.types(*orders)) == len(orders)
    for sku, first in initial.items():
        held = sum(
            each.quantity
            for order in orders
            if desk.types(order) == ["StockReserved"]
            for each in order.data.lines
            if each.sku == sku
        )
        assert desk.level(sku) == (first - held, held)
        assert held <= first
    for order in orders:
        if desk.types(order) == ["StockRejected"]:
            assert any(each.quantity > desk.level(each.sku)[0] for each in order.data.lines)
