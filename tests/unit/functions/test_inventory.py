from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from functions.inventory.api import Api, StockRequest
from functions.inventory.reactions import Holding, cancelled, placed, stock_key
from functions.inventory.service import service
from functions.inventory.stock import Level, Stock
from tests.unit.facts import NOON_MILLIS, ORDER, TRACE, fact, line, order_placed
from tests.unit.memory import MemoryTable, comes_after
from tidings.contracts import OrderCancelled, OrderDispatched, Shortage, StockRejected, StockReserved, Units
from tidings.decisions import Adjust, Commit, Ignore, Refused
from tidings.events import decode
from tidings.item import Attributes, Item
from tidings.reactor import Reactor
from tidings.routes import Caller, Problem, Request

PLACED = fact(order_placed(line("tea", 2), line("cup", 1)))
CANCELLED = fact(OrderCancelled(reason="customer"), n=2)
DISPATCHED = fact(OrderDispatched(), source="warehouse")
LINES = (Units("tea", 2), Units("cup", 1))


def stock(sku: str, available: int, reserved: int = 0) -> Attributes:
    return {
        "pk": {"S": stock_key(sku)},
        "available": {"N": str(available)},
        "reserved": {"N": str(reserved)},
    }


class Bench:
    """Inventory over a table in memory with 10 of tea and 10 of cup, or what a test says."""

    def __init__(self, *levels: Attributes) -> None:
        self.table = MemoryTable(*(levels or (stock("tea", 10), stock("cup", 10))))

    def deliver(self, *events: Any) -> None:
        for event in events:
            Reactor(service, self.table, clock=lambda: NOON_MILLIS).order(event.subject).react(event, 0)

    def level(self, sku: str) -> tuple[int, int]:
        """What is available, and what is reserved."""
        return self.table.number(stock_key(sku), "available"), self.table.number(stock_key(sku), "reserved")

    def holding(self) -> Holding:
        state = service.codec.decode(self.table.items[ORDER]).state
        assert state
        return state

    def announced(self) -> list[str]:
        return [decode(event).type for event in service.codec.decode(self.table.items[ORDER]).events]


# Decisions


def test_all_lines_are_reserved_where_there_is_enough_of_each() -> None:
    decision = placed(Item(ORDER), PLACED, None)
    assert isinstance(decision, Commit)
    assert decision.announce == (StockReserved(lines=LINES),)
    assert decision.adjust == (
        Adjust(stock_key("tea"), {"available": -2, "reserved": 2}, {"available": 2}),
        Adjust(stock_key("cup"), {"available": -1, "reserved": 1}, {"available": 1}),
    )


def test_a_shortage_tells_what_was_asked_for_and_what_there_was() -> None:
    refused = Refused(((Adjust(stock_key("tea"), {}), stock("tea", 1)), (Adjust(stock_key("cup"), {}), None)))
    decision = placed(Item(ORDER), PLACED, refused)
    assert isinstance(decision, Commit)
    assert decision.announce == (StockRejected(short=(Shortage("tea", 2, 1), Shortage("cup", 1, 0))),)
    assert decision.adjust == ()


def test_only_lines_that_are_short_are_named() -> None:
    decision = placed(Item(ORDER), PLACED, Refused(((Adjust(stock_key("cup"), {}), stock("cup", 0)),)))
    assert isinstance(decision, Commit)
    assert decision.announce == (StockRejected(short=(Shortage("cup", 1, 0),)),)


def test_an_order_that_is_off_is_not_rejected_besides() -> None:
    off = Item(ORDER, version=1, state=Holding(cancelled=True))
    decision = placed(off, PLACED, Refused(((Adjust(stock_key("cup"), {}), None),)))
    assert decision == Commit(Holding(lines=LINES, cancelled=True))


def test_an_order_is_placed_once() -> None:
    assert placed(Item(ORDER, version=1, state=Holding(lines=LINES)), PLACED, None) == Ignore()


def test_a_cancellation_that_comes_first_is_remembered() -> None:
    assert cancelled(Item(ORDER), CANCELLED, None) == Commit(Holding(cancelled=True))


# The stock


def test_what_is_reserved_is_not_available() -> None:
    bench = Bench()
    bench.deliver(PLACED)
    assert (bench.level("tea"), bench.level("cup")) == ((8, 2), (9, 1))


def test_what_is_cancelled_is_available_again() -> None:
    bench = Bench()
    bench.deliver(PLACED, CANCELLED)
    assert (bench.level("tea"), bench.level("cup")) == ((10, 0), (10, 0))
    assert bench.announced() == ["StockReserved", "StockReleased"]


def test_what_is_dispatched_is_no_longer_on_hand() -> None:
    bench = Bench()
    bench.deliver(PLACED, DISPATCHED)
    assert (bench.level("tea"), bench.level("cup")) == ((8, 0), (9, 0))


def test_what_is_on_its_way_back_counts_as_on_hand() -> None:
    bench = Bench()
    bench.deliver(PLACED, DISPATCHED, CANCELLED)
    assert (bench.level("tea"), bench.level("cup")) == ((10, 0), (10, 0))


def test_all_lines_or_none() -> None:
    bench = Bench(stock("tea", 10), stock("cup", 0))
    bench.deliver(PLACED)
    assert (bench.level("tea"), bench.level("cup")) == ((10, 0), (0, 0))
    assert bench.announced() == ["StockRejected"]


def test_a_product_without_stock_is_out_of_stock() -> None:
    bench = Bench(stock("tea", 10))
    bench.deliver(PLACED)
    assert bench.announced() == ["StockRejected"]


def test_the_last_ones_go_to_one_order() -> None:
    bench = Bench(stock("tea", 2))
    other = fact(order_placed(line("tea", 2)), order="order-2")
    bench.table.mishaps.append(comes_after(lambda: bench.deliver(other)))
    bench.deliver(fact(order_placed(line("tea", 2))))
    assert bench.level("tea") == (0, 2)
    assert bench.announced() == ["StockRejected"]


def test_what_was_rejected_releases_nothing() -> None:
    bench = Bench(stock("tea", 1), stock("cup", 1))
    bench.deliver(PLACED, CANCELLED)
    assert (bench.level("tea"), bench.level("cup")) == ((1, 0), (1, 0))
    assert bench.announced() == ["StockRejected"]


FACTS = (PLACED, DISPATCHED, CANCELLED)


@pytest.mark.parametrize("facts", [FACTS[:1], FACTS[:2], FACTS[::2], FACTS])
def test_the_same_facts_in_any_order_hold_the_same(facts: Sequence[Any]) -> None:
    ends = []
    for order in permutations(facts):
        bench = Bench()
        bench.deliver(*order, *order)
        ends.append((bench.holding(), bench.level("tea"), bench.level("cup")))
    assert all(end == ends[0] for end in ends)


# The API


class MemoryStock(Stock):
    """Stock in memory."""

    def __init__(self, **levels: Level) -> None:
        self._levels = levels

    def read(self, sku: str) -> Level | None:
        return self._levels.get(sku)

    def set_on_hand(self, sku: str, on_hand: int) -> Level | None:
        reserved = self._levels[sku].reserved if sku in self._levels else 0
        if on_hand < reserved:
            return None
        self._levels[sku] = Level(on_hand - reserved, reserved)
        return self._levels[sku]


def request(sku: str) -> Request:
    return Request({"sku": sku}, {}, {}, "request-1", TRACE, Caller("operator-1", operator=True))


def test_what_is_available_and_what_is_reserved_is_on_hand() -> None:
    view = Api(MemoryStock(tea=Level(available=7, reserved=3))).show(request("tea"))
    assert (view.on_hand, view.available, view.reserved) == (10, 7, 3)


def test_setting_what_is_on_hand_leaves_what_is_reserved() -> None:
    view = Api(MemoryStock(tea=Level(available=7, reserved=3))).put(request("tea"), StockRequest(5))
    assert (view.on_hand, view.available, view.reserved) == (5, 2, 3)


@pytest.mark.parametrize(
    ("sku", "on_hand", "field"), [("tea", 2, "on_hand"), ("no sku", 2, "sku"), ("stock#tea", 2, "sku")]
)
def test_stock_that_cannot_be_is_refused_with_the_field(sku: str, on_hand: int, field: str) -> None:
    with pytest.raises(Problem) as refusal:
        Api(MemoryStock(tea=Level(available=7, reserved=3))).put(request(sku), StockRequest(on_hand))
    assert (refusal.value.status, refusal.value.field) == (422, field)


def test_a_product_that_never_had_stock_is_not_found() -> None:
    with pytest.raises(Problem) as refusal:
        Api(MemoryStock()).show(request("tea"))
    assert refusal.value.status == 404
