"""Batches of orders in inventory. The mechanism itself is tested in `tests/unit/tidings/test_batch.py`."""

import random
from collections.abc import Mapping, Sequence

import pytest

from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_released import StockReleased
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from contracts.values.goods import Shortage, Units
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.inventory.handlers import Holding, stock_key
from functions.inventory.service import service
from tests.unit.facts import fact, line, order_id, order_placed
from tidings.core.contract import Contract
from tidings.core.event import Event
from tidings.testing import Fault, Scenario, fails, given, lost_answer, preceded_by, transaction_conflict

ONE_TEA = StockReserved(lines=(Units("tea", 1),))
NO_TEA = StockRejected(short=(Shortage("tea", 1, 0),))


def placed(n: int, **quantities: int) -> Event[OrderPlaced]:
    lines = (line(sku, quantity) for sku, quantity in (quantities or {"tea": 1}).items())
    return fact(order_placed(*lines), order=order_id(n))


def cancelled(n: int) -> Event[OrderCancelled]:
    return fact(OrderCancelled(reason="customer"), n=2, order=order_id(n))


def inventory(**available: int) -> Scenario[Holding]:
    return given(service, numbers={stock_key(sku): {"available": n, "reserved": 0} for sku, n in available.items()})


def level(scenario: Scenario[Holding], sku: str) -> tuple[int, int]:
    """The available and the reserved units of a product."""
    numbers = scenario.table.numbers(stock_key(sku))
    return numbers["available"], numbers["reserved"]


def announced(scenario: Scenario[Holding], *events: Event[OrderPlaced]) -> list[type[Contract]]:
    return [type(data) for event in events for data in scenario.announced(event.subject)]


def test_orders_of_one_product_are_reserved_in_one_transaction() -> None:
    scenario, orders = inventory(tea=10), [placed(n) for n in range(4)]
    scenario.when_batch(*orders).then(announced=[ONE_TEA] * 4, writes=4)
    ((writes, _),) = scenario.table.commits
    assert [write.key for write in writes] == [order.subject for order in orders]
    assert (scenario.table.reads, level(scenario, "tea")) == ([], (6, 4))


def test_stock_that_does_not_suffice_for_all_goes_to_the_first_orders() -> None:
    scenario, orders = inventory(tea=3), [placed(n) for n in range(5)]
    scenario.when_batch(*orders).then()
    assert announced(scenario, *orders) == [StockReserved] * 3 + [StockRejected] * 2
    assert level(scenario, "tea") == (0, 3)


def test_orders_of_a_product_that_is_sold_out_are_rejected_by_one_write_each() -> None:
    scenario = inventory(tea=0)
    scenario.when_batch(*[placed(n) for n in range(5)]).then(announced=[NO_TEA] * 5, writes=5)
    assert scenario.table.reads == []


def test_orders_of_a_product_that_never_had_stock_are_rejected() -> None:
    inventory().when_batch(placed(1), placed(2)).then(announced=[NO_TEA] * 2)


def test_an_order_is_not_refused_what_its_neighbour_wanted_and_did_not_get() -> None:
    scenario = inventory(tea=2, cup=0)
    greedy, modest = placed(1, tea=2, cup=1), placed(2, tea=2)
    scenario.when_batch(greedy, modest).then()
    assert announced(scenario, greedy, modest) == [StockRejected, StockReserved]


def test_an_order_that_is_cancelled_in_the_same_batch_is_released() -> None:
    scenario = inventory(tea=10)
    scenario.when_batch(placed(1), cancelled(1), placed(2)).then()
    assert announced(scenario, placed(1)) == [StockReserved, StockReleased]
    assert level(scenario, "tea") == (9, 1)


def test_for_an_order_whose_cancellation_comes_first_in_a_batch_nothing_is_reserved() -> None:
    scenario = inventory(tea=10)
    scenario.when_batch(cancelled(1), placed(1), placed(2), placed(3)).then()
    assert announced(scenario, placed(1)) == []
    assert level(scenario, "tea") == (8, 2)


@pytest.mark.parametrize(
    ("available", "announced_types", "left"),
    [
        (9, [StockReserved, StockReserved], (3, 6)),
        (5, [StockReserved, StockRejected], (0, 5)),
        (4, [StockRejected, StockReserved], (3, 1)),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_product_in_two_lines_is_reserved_alone_as_in_a_batch(
    together: bool, available: int, announced_types: list[type[Contract]], left: tuple[int, int]
) -> None:
    twice = fact(order_placed(line("tea", 2), line("tea", 3)), order=order_id(1))
    once = placed(2)
    scenario = inventory(tea=available)
    if together:
        scenario.when_batch(twice, once).then()
    else:
        scenario.when(twice, once).then()
    assert announced(scenario, twice, once) == announced_types
    assert level(scenario, "tea") == left


def test_orders_that_are_cancelled_or_dispatched_are_committed_in_one_transaction_with_new_ones() -> None:
    scenario = inventory(tea=3).given(placed(1), placed(2))
    dispatched = fact(OrderDispatched(), n=3, order=order_id(2))
    scenario.when_batch(cancelled(1), dispatched, placed(3, tea=2)).then()
    writes, _ = scenario.table.commits[-1]
    assert [write.key for write in writes] == [order_id(1), order_id(2), order_id(3)]
    assert level(scenario, "tea") == (0, 2)


def test_stock_that_a_rival_takes_between_two_attempts_is_not_reserved_twice() -> None:
    scenario, orders = inventory(tea=3), [placed(1), placed(2), placed(3)]
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(placed(9, tea=2))))
    scenario.when_batch(*orders).then()
    assert sorted(each.__name__ for each in announced(scenario, *orders)) == [
        "StockRejected",
        "StockRejected",
        "StockReserved",
    ]
    assert level(scenario, "tea") == (0, 3)


def test_under_any_faults_nothing_is_oversold_and_no_order_is_refused_what_is_available(rng: random.Random) -> None:
    faults: Sequence[Fault] = (fails(TimeoutError("no answer")), lost_answer, transaction_conflict)
    for _ in range(200):
        available = {sku: rng.randrange(30) for sku in ("tea", "cup")}
        scenario = inventory(**available)
        orders = [
            placed(n, **{sku: rng.randint(1, 4) for sku in rng.choice([["tea"], ["cup"], ["tea", "cup"]])})
            for n in range(rng.randint(1, 20))
        ]
        todo = list(orders)
        while todo:
            scenario.table.commit_faults.next(*rng.choices(faults, k=rng.randrange(4)))
            errors = scenario.when_batch(rng.choice(orders), *todo).errors
            scenario.table.commit_faults.clear()
            todo = [order for order in todo if order.id in errors]
        require_consistent(scenario, available, orders)


def require_consistent(
    scenario: Scenario[Holding], available: Mapping[str, int], orders: Sequence[Event[OrderPlaced]]
) -> None:
    assert len(announced(scenario, *orders)) == len(orders)
    for sku, initial in available.items():
        reserved = sum(
            each.quantity
            for order in orders
            if announced(scenario, order) == [StockReserved]
            for each in order.data.lines
            if each.sku == sku
        )
        assert level(scenario, sku) == (initial - reserved, reserved)
        assert reserved <= initial
    for order in orders:
        if announced(scenario, order) == [StockRejected]:
            assert any(each.quantity > level(scenario, each.sku)[0] for each in order.data.lines)
