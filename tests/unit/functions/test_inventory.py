from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from contracts.inventory.stock_adjusted import StockAdjusted
from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_released import StockReleased
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import OrderCancelled
from contracts.values.goods import Shortage, Units
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.inventory.adjustments import FIRST_REVISION, Adjustments, adjustments
from functions.inventory.api import Api, StockRequest, StockView
from functions.inventory.handlers import Holding, on_order_cancelled, on_order_placed, stock_key
from functions.inventory.service import service
from functions.inventory.stock import Stock
from tests.unit.facts import ORDER, fact, line, order_id, order_placed
from tidings.core.contract import Contract
from tidings.core.decisions import ConditionFailed, Decision, Increment, Numbers, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.http.problems import Problem
from tidings.testing import Scenario, given, make_request, preceded_by

PLACED = fact(order_placed(line("tea", 2), line("cup", 1)))
CANCELLED = fact(OrderCancelled(reason="customer"), n=2)
DISPATCHED = fact(OrderDispatched())
MONTH = "tea:2026-01"
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


# Operators


class Counting:
    """Inventory with 7 of tea available and 3 reserved, and the processes of its API."""

    def __init__(self) -> None:
        self.scenario: Scenario[Adjustments] = given(adjustments, numbers={stock_key("tea"): stock(7, 3)})
        self.table = self.scenario.table
        self.scenario.port = Stock(self.table)
        self.api = Api(self.scenario.executor, Stock(self.table))

    def put(self, on_hand: int, sku: str = "tea") -> StockView:
        return self.api.put(make_request({"sku": sku}), StockRequest(on_hand))

    def numbers(self, sku: str = "tea") -> Numbers:
        return self.table.numbers(stock_key(sku))

    def announced(self) -> dict[str, list[Contract]]:
        return {key: self.scenario.announced(key) for key in self.table.entities}


@pytest.fixture
def counting() -> Counting:
    return Counting()


def adjusted(difference: int, on_hand: int) -> StockAdjusted:
    return StockAdjusted(difference=difference, on_hand=on_hand)


def test_available_and_reserved_units_are_on_hand(counting: Counting) -> None:
    view = counting.api.show(make_request({"sku": "tea"}))
    assert (view.on_hand, view.available, view.reserved) == (10, 7, 3)


def test_setting_the_units_on_hand_announces_the_difference_and_keeps_the_reserved_units(counting: Counting) -> None:
    view = counting.put(5)
    assert (view.on_hand, view.available, view.reserved) == (5, 2, 3)
    assert counting.announced() == {MONTH: [adjusted(-5, 5)]}


def test_an_adjustment_is_one_transaction_after_two_reads(counting: Counting) -> None:
    counting.put(5)
    ((writes, increments),) = counting.table.commits
    assert [len(writes), len(increments), len(counting.table.reads)] == [1, 1, 1]


def test_a_repeated_count_changes_and_announces_nothing(counting: Counting) -> None:
    assert counting.put(5) == counting.put(5)
    assert counting.announced() == {MONTH: [adjusted(-5, 5)]}


def test_a_months_adjustments_are_one_entity_that_contains_their_sum(counting: Counting) -> None:
    for on_hand in (5, 12, 11):
        counting.put(on_hand)
    assert counting.announced() == {MONTH: [adjusted(-5, 5), adjusted(7, 12), adjusted(-1, 11)]}
    assert counting.scenario.state(MONTH) == Adjustments(1)


def test_the_first_count_of_a_product_sets_its_stock(counting: Counting) -> None:
    assert counting.put(4, "gin").available == 4
    assert counting.put(0, "rum").available == 0
    assert counting.numbers("rum") == {"available": 0, "reserved": 0, "revision": FIRST_REVISION - 1}
    assert counting.announced() == {"gin:2026-01": [adjusted(4, 4)], "rum:2026-01": [adjusted(0, 0)]}


def test_units_that_are_reserved_between_the_reading_and_the_writing_stay_reserved(counting: Counting) -> None:
    counting.table.commit_faults.next(preceded_by(lambda: reserve(counting, 2)))
    view = counting.put(6)
    assert (view.on_hand, view.reserved) == (6, 5)
    assert counting.announced()[MONTH] == [adjusted(-4, 6)]


def test_a_count_below_units_that_are_reserved_meanwhile_is_refused(counting: Counting) -> None:
    counting.table.commit_faults.next(preceded_by(lambda: reserve(counting, 7)))
    with pytest.raises(Problem) as refusal:
        counting.put(6)
    assert refusal.value.detail == "10 units are reserved for orders."
    assert counting.announced() == {}


@pytest.mark.parametrize("days", [0, 1], ids=["in one month", "in two months"])
def test_two_operators_who_count_at_the_same_time_do_not_both_add_their_difference(
    counting: Counting, days: int
) -> None:
    def count_elsewhere() -> None:
        counting.scenario.clock.advance(seconds=days * 24 * 3600)
        counting.put(30)

    counting.table.commit_faults.next(preceded_by(count_elsewhere))
    assert counting.put(20).on_hand == 20
    assert [each for month in counting.announced().values() for each in month] == [adjusted(20, 30), adjusted(-10, 20)]


def reserve(counting: Counting, units: int) -> None:
    numbers = counting.numbers()
    counting.table.put_numbers(
        stock_key("tea"),
        {**numbers, "available": numbers["available"] - units, "reserved": numbers["reserved"] + units},
    )


def test_the_problem_names_the_field_of_impossible_stock(counting: Counting) -> None:
    with pytest.raises(Problem) as refusal:
        counting.put(2)
    assert (refusal.value.rule.status, refusal.value.field) == (422, "on_hand")


def test_a_product_that_never_had_stock_is_not_found(counting: Counting) -> None:
    with pytest.raises(Problem) as refusal:
        counting.api.show(make_request({"sku": "gin"}))
    assert refusal.value.rule.status == 404
