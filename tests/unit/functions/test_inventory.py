from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_released import StockReleased
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import OrderCancelled
from contracts.values.goods import Shortage, Units
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.inventory.api import Api, StockRequest
from functions.inventory.handlers import Holding, on_order_cancelled, on_order_placed, stock_key
from functions.inventory.service import service
from functions.inventory.stock import Level, Stock
from tests.unit.facts import ORDER, fact, line, order_id, order_placed
from tidings.core.decisions import ConditionFailed, Decision, Increment, Numbers, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.http.problems import Problem
from tidings.testing import Scenario, given, make_request, preceded_by

PLACED = fact(order_placed(line("tea", 2), line("cup", 1)))
CANCELLED = fact(OrderCancelled(reason="customer"), n=2)
DISPATCHED = fact(OrderDispatched())
LINES = (Units("tea", 2), Units("cup", 1))
RESERVED, RELEASED = StockReserved(lines=LINES), StockReleased(lines=LINES)


def stock(available: int, reserved: int = 0) -> Numbers:
    return {"available": available, "reserved": reserved}


def levels(tea: Numbers, cup: Numbers) -> dict[str, Numbers]:
    return {stock_key("tea"): tea, stock_key("cup"): cup}


def inventory(tea: int = 10, cup: int = 10, *events: Event[Any]) -> Scenario[Holding]:
    """Inventory with this stock, after these events."""
    return given(service, *events, numbers=levels(stock(tea), stock(cup)))


# Decisions


def test_all_lines_are_reserved_if_there_is_enough_of_each() -> None:
    decision = on_order_placed(Entity(ORDER), PLACED)
    assert isinstance(decision, Save)
    assert decision.announce == (RESERVED,)
    assert decision.increments == (
        Increment(stock_key("tea"), {"available": -2, "reserved": 2}, {"available": 2}),
        Increment(stock_key("cup"), {"available": -1, "reserved": 1}, {"available": 1}),
    )


def after_shortage(entity: Entity[Holding], *short: tuple[str, Numbers | None]) -> Decision[Holding]:
    decision = on_order_placed(Entity(ORDER), PLACED)
    assert isinstance(decision, Save)
    assert decision.otherwise
    failures = tuple((Increment(stock_key(sku), {}), found) for sku, found in short)
    return decision.otherwise(entity, ConditionFailed(failures))


def test_a_shortage_names_the_requested_and_the_available_quantity() -> None:
    decision = after_shortage(Entity(ORDER), ("tea", stock(1)), ("cup", None))
    assert isinstance(decision, Save)
    assert decision.announce == (StockRejected(short=(Shortage("tea", 2, 1), Shortage("cup", 1, 0))),)
    assert decision.increments == ()


def test_a_shortage_names_only_the_lines_that_are_short() -> None:
    decision = after_shortage(Entity(ORDER), ("cup", stock(0)))
    assert isinstance(decision, Save)
    assert decision.announce == (StockRejected(short=(Shortage("cup", 1, 0),)),)


def test_a_cancelled_order_is_not_rejected() -> None:
    cancelled = Entity(ORDER, version=1, state=Holding(cancelled=True))
    decision = after_shortage(cancelled, ("cup", None))
    assert isinstance(decision, Save)
    assert (decision.state, decision.announce) == (Holding(lines=LINES, cancelled=True), ())
    assert decision.increments == ()


def test_an_order_is_reserved_once() -> None:
    assert on_order_placed(Entity(ORDER, version=1, state=Holding(lines=LINES)), PLACED) == Skip()


def test_a_cancellation_that_comes_first_is_recorded() -> None:
    assert on_order_cancelled(Entity(ORDER), CANCELLED) == Save(Holding(cancelled=True))


# The stock


def test_reserved_units_are_not_available() -> None:
    inventory().when(PLACED).then(announced=[RESERVED], numbers=levels(stock(8, 2), stock(9, 1)))


def test_units_of_a_cancelled_order_are_available_again() -> None:
    outcome = inventory(10, 10, PLACED).when(CANCELLED)
    outcome.then(announced=[RELEASED], numbers=levels(stock(10), stock(10)))


def test_dispatched_units_are_not_on_hand() -> None:
    inventory(10, 10, PLACED).when(DISPATCHED).then(announced=[], numbers=levels(stock(8), stock(9)))


def test_units_on_their_way_back_are_on_hand() -> None:
    inventory(10, 10, PLACED, DISPATCHED).when(CANCELLED).then(numbers=levels(stock(10), stock(10)))


def test_if_one_line_is_short_no_line_is_reserved() -> None:
    rejection = StockRejected(short=(Shortage("cup", 1, 0),))
    inventory(10, 0).when(PLACED).then(announced=[rejection], numbers=levels(stock(10), stock(0)))


def test_a_product_without_stock_is_out_of_stock() -> None:
    scenario = given(service, numbers={stock_key("tea"): stock(10)})
    scenario.when(PLACED).then(announced=[StockRejected(short=(Shortage("cup", 1, 0),))])


def test_the_last_units_go_to_one_order() -> None:
    scenario = inventory(2)
    other = fact(order_placed(line("tea", 2)), order=order_id(2))
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(other)))
    scenario.when(fact(order_placed(line("tea", 2)))).then(numbers={stock_key("tea"): stock(0, 2)})
    assert scenario.announced(ORDER) == [StockRejected(short=(Shortage("tea", 2, 0),))]


def test_a_rejected_order_releases_nothing() -> None:
    inventory(1, 1, PLACED).when(CANCELLED).then(announced=[], numbers=levels(stock(1), stock(1)))


FACTS = (PLACED, DISPATCHED, CANCELLED)


@pytest.mark.parametrize("facts", [FACTS[:1], FACTS[:2], FACTS[::2], FACTS])
def test_the_same_events_in_any_sequence_end_in_the_same_holding(facts: Sequence[Event[Any]]) -> None:
    ends = []
    for events in permutations(facts):
        scenario = inventory(10, 10, *events, *events)
        numbers = [scenario.table.numbers(stock_key(sku)) for sku in ("tea", "cup")]
        ends.append((scenario.state(ORDER), numbers))
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


@pytest.fixture
def api() -> Api:
    """The API of a shop with 7 of tea available and 3 reserved."""
    return Api(MemoryStock(tea=Level(available=7, reserved=3)))


def test_available_and_reserved_units_are_on_hand(api: Api) -> None:
    view = api.show(make_request({"sku": "tea"}))
    assert (view.on_hand, view.available, view.reserved) == (10, 7, 3)


def test_setting_the_units_on_hand_keeps_the_reserved_units(api: Api) -> None:
    view = api.put(make_request({"sku": "tea"}), StockRequest(5))
    assert (view.on_hand, view.available, view.reserved) == (5, 2, 3)


def test_the_problem_names_the_field_of_impossible_stock(api: Api) -> None:
    with pytest.raises(Problem) as refusal:
        api.put(make_request({"sku": "tea"}), StockRequest(2))
    assert (refusal.value.rule.status, refusal.value.field) == (422, "on_hand")


def test_a_product_that_never_had_stock_is_not_found(api: Api) -> None:
    with pytest.raises(Problem) as refusal:
        api.show(make_request({"sku": "gin"}))
    assert refusal.value.rule.status == 404
