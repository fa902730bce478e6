import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contracts.orders.order_cancelled import CancellationReason, OrderCancelled
from contracts.values.goods import MAX_LINES, OrderLine
from contracts.values.money import Money
from functions.analytics.api import MAX_ROWS, Api
from functions.analytics.handlers import (
    SHARDS,
    Sale,
    SaleHandlers,
    contribution,
)
from functions.analytics.report import Counters, DayFigures, Figures, ProductFigures, days
from functions.analytics.service import service, service_in
from tests.unit.facts import ORDER, fact, line, order_confirmed, order_id, order_placed
from tidings.core.decisions import Save
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.ports import MAX_ACTIONS
from tidings.core.strategy import Projection
from tidings.handling.projection import projection_increments
from tidings.http.problems import Problem
from tidings.http.requests import Request
from tidings.testing import InlineExecutor, Scenario, given, make_request

MONDAY, TUESDAY, WEDNESDAY = "2026-03-30", "2026-03-31", "2026-04-01"
LINES = (line("tea", 2), line("cup", 1, 300))
IN_UTC = SaleHandlers(UTC)


def was_placed(day: str = MONDAY, order: str = ORDER, lines: Sequence[OrderLine] = LINES) -> Event[Any]:
    return fact(order_placed(*lines), order=order, time=f"{day}T23:59:59.999Z")


def was_confirmed(day: str = TUESDAY, order: str = ORDER, lines: Sequence[OrderLine] = LINES) -> Event[Any]:
    return fact(order_confirmed(*lines), n=2, order=order, time=f"{day}T00:00:00.000Z")


def was_cancelled(
    day: str = WEDNESDAY, order: str = ORDER, reason: CancellationReason = "customer", n: int = 3
) -> Event[Any]:
    return fact(OrderCancelled(reason=reason), n=n, order=order, time=f"{day}T12:00:00.000Z")


def analytics(*batches: Sequence[Event[Any]]) -> Scenario[Sale]:
    """Analytics after these batches."""
    scenario = given(service)
    for batch in batches:
        scenario.when_batch(*batch).then()
    return scenario


def days_after(*batches: Sequence[Event[Any]]) -> dict[str, DayFigures]:
    """The figures of each day after these batches."""
    return days_of(analytics(*batches))


def days_of(scenario: Scenario[Sale]) -> dict[str, DayFigures]:
    numbers: dict[tuple[str, str], dict[str, int]] = {}
    for counter, n in scenario.table.counters().items():
        day, _, product = counter.row.partition("#")
        numbers.setdefault((day, product), {})[counter.name] = n
    return {figures.day: figures for figures in days(numbers)}


def figures(*, ordered: int = 0, sold: int = 0, units: int = 0, revenue: int = 0, **cancelled: int) -> Figures:
    return Figures(ordered, sold, cancelled, units, (Money(revenue, "EUR"),) if revenue else ())


def day(name: str, total: Figures, tea: Figures | None = None, cup: Figures | None = None) -> DayFigures:
    products = {"cup": cup, "tea": tea}
    return DayFigures(name, total, tuple(ProductFigures(sku, its) for sku, its in products.items() if its))


# Decisions


def test_a_placed_order_is_stored_with_its_time_and_its_lines() -> None:
    decision = IN_UTC.on_order_placed(Entity(ORDER), was_placed())
    assert decision == Save(Sale(LINES, placed=f"{MONDAY}T23:59:59.999+00:00"))


def test_a_confirmation_that_comes_first_provides_the_lines() -> None:
    decision = IN_UTC.on_order_confirmed(Entity(ORDER), was_confirmed())
    assert decision == Save(Sale(LINES, confirmed=f"{TUESDAY}T00:00:00.000+00:00"))


def test_a_cancellation_that_comes_first_is_stored() -> None:
    decision = IN_UTC.on_order_cancelled(Entity(ORDER), was_cancelled())
    assert decision == Save(Sale(cancelled=f"{WEDNESDAY}T12:00:00.000+00:00", reason="customer"))


def test_of_two_cancellations_the_earlier_counts() -> None:
    first, second = was_cancelled(MONDAY, reason="fraud"), was_cancelled(TUESDAY, reason="timeout", n=4)
    for events in ([first, second], [second, first]):
        assert days_after(*([event] for event in events)) == {MONDAY: day(MONDAY, figures(fraud=1))}


def test_an_unknown_order_contributes_nothing() -> None:
    assert contribution(Sale()) == {}


# Figures


def test_a_placed_order_counts_for_its_day_and_for_each_product_but_is_no_revenue() -> None:
    one = figures(ordered=1)
    assert days_after([was_placed()]) == {MONDAY: day(MONDAY, one, tea=one, cup=one)}


def test_a_confirmed_order_adds_units_and_revenue_on_the_day_of_its_confirmation() -> None:
    one = figures(ordered=1)
    assert days_after([was_placed(), was_confirmed()]) == {
        MONDAY: day(MONDAY, one, tea=one, cup=one),
        TUESDAY: day(
            TUESDAY,
            figures(sold=1, units=3, revenue=2300),
            tea=figures(sold=1, units=2, revenue=2000),
            cup=figures(sold=1, units=1, revenue=300),
        ),
    }


def test_a_cancelled_order_is_subtracted_from_the_day_of_its_confirmation() -> None:
    sold, off = figures(sold=1), figures(customer=1)
    assert days_after([was_confirmed()], [was_cancelled()]) == {
        TUESDAY: day(TUESDAY, sold, tea=sold, cup=sold),
        WEDNESDAY: day(WEDNESDAY, off, tea=off, cup=off),
    }


def test_a_cancellation_counts_for_the_products_once_they_are_known() -> None:
    off, one = figures(customer=1), figures(ordered=1)
    assert days_after([was_cancelled()]) == {WEDNESDAY: day(WEDNESDAY, off)}
    assert days_after([was_cancelled()], [was_placed()]) == {
        MONDAY: day(MONDAY, one, tea=one, cup=one),
        WEDNESDAY: day(WEDNESDAY, off, tea=off, cup=off),
    }


def day_in(zone: str, time: str) -> str:
    """The day in a time zone that an order placed at this time counts on."""
    scenario = given(service_in(ZoneInfo(zone)))
    scenario.when_batch(fact(order_placed(*LINES), time=time)).then()
    (found,) = days_of(scenario)
    return found


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        ("UTC", "2026-03-28T00:00:00.000Z", (24, 24, 24)),
        ("Asia/Kolkata", "2026-03-27T18:30:00.000Z", (24, 24, 24)),
        ("Europe/Berlin", "2026-03-27T23:00:00.000Z", (24, 23, 24)),
        ("Europe/Berlin", "2026-10-23T22:00:00.000Z", (24, 25, 24)),
        ("America/New_York", "2026-03-07T05:00:00.000Z", (24, 23, 24)),
        ("America/New_York", "2026-10-31T04:00:00.000Z", (24, 25, 24)),
        # Clocks change at midnight: there is no 00:00 on the second day.
        ("America/Santiago", "2026-09-05T04:00:00.000Z", (24, 23, 24)),
    ],
)
def test_an_events_day_begins_and_ends_at_midnight_in_the_shops_time_zone(
    zone: str, first: str, hours: Sequence[int]
) -> None:
    start = datetime.fromisoformat(first)
    day = date.fromisoformat(day_in(zone, first))
    for n, length in enumerate(hours):
        end = start + timedelta(hours=length)
        last = end - timedelta(milliseconds=1)
        for time in (start, last):
            text = f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
            assert day_in(zone, text) == str(day + timedelta(days=n)), text
        start = end


def test_of_two_times_in_an_hour_that_is_repeated_the_earlier_counts() -> None:
    """Berlin's clocks showed 02:15 and 02:45 twice on this day, and the texts of these times sort the other way."""
    earlier, later = "2026-10-25T00:45:00.000Z", "2026-10-25T01:15:00.000Z"
    cancellations = [
        fact(OrderCancelled(reason="fraud"), n=2, time=earlier),
        fact(OrderCancelled(reason="timeout"), n=3, time=later),
    ]
    for events in permutations(cancellations):
        scenario = given(service_in(ZoneInfo("Europe/Berlin")))
        for event in events:
            scenario.when(event).then()
        assert scenario.state(ORDER) == Sale(cancelled="2026-10-25T02:45:00.000+02:00", reason="fraud")


def test_an_order_that_is_known_keeps_its_days_when_the_time_zone_changes() -> None:
    """So what its confirmation added is subtracted where it was added."""
    before = given(service_in(ZoneInfo("Europe/Berlin")))
    before.when_batch(fact(order_confirmed(*LINES), n=2, time="2026-03-30T22:30:00.000Z")).then()
    sale = before.state(ORDER)
    assert sale is not None
    decision = IN_UTC.on_order_cancelled(Entity(ORDER, state=sale), was_cancelled())
    assert isinstance(decision, Save)
    assert {counter.row[:10] for counter in contribution(decision.state)} == {TUESDAY, WEDNESDAY}


def test_each_currency_is_summed_separately() -> None:
    lines = (line("tea", 2), OrderLine("cup", 3, Money(500, "JPY")))
    total = days_after([was_confirmed(lines=lines)])[TUESDAY].total
    assert total.revenue == (Money(2000, "EUR"), Money(1500, "JPY"))


def test_a_product_in_two_lines_counts_as_one_order_with_all_its_units() -> None:
    total = days_after([was_confirmed(lines=(line("tea", 2), line("tea", 3, 900)))])[TUESDAY]
    assert total.products == (ProductFigures("tea", figures(sold=1, units=5, revenue=4700)),)
    assert total.total == figures(sold=1, units=5, revenue=4700)


def test_a_free_product_counts_as_units_without_revenue() -> None:
    (tea,) = days_after([was_confirmed(lines=(line("tea", 1, 0),))])[TUESDAY].products
    assert tea.total == figures(sold=1, units=1)


def test_the_largest_order_on_three_days_is_counted_completely_in_any_sequence() -> None:
    lines = tuple(line(f"sku-{n}", 1) for n in range(MAX_LINES))
    facts = (was_placed(lines=lines), was_confirmed(lines=lines), was_cancelled())
    for order in permutations(facts):
        for batches in ([order], [[event] for event in order]):
            found = days_after(*batches)
            assert [len(found[name].products) for name in (MONDAY, TUESDAY, WEDNESDAY)] == [MAX_LINES] * 3
            assert found[WEDNESDAY].total == figures(customer=1)
            assert all(each.total == figures(customer=1) for each in found[WEDNESDAY].products)


def test_the_largest_order_that_moves_to_another_day_is_one_transaction_and_no_larger_one_would_be() -> None:
    for lines, fits in ((MAX_LINES, True), (MAX_LINES + 1, False)):
        products = tuple(line(f"sku-{n}", 1) for n in range(lines))
        tuesday, monday = (Sale(products, confirmed=f"{day}T00:00:00.000Z") for day in (TUESDAY, MONDAY))
        increments = projection_increments(Projection(contribution=contribution), tuesday, monday, 0)
        assert (1 + len(increments) <= MAX_ACTIONS) == fits


def test_the_largest_order_is_cancelled_again_on_an_earlier_day() -> None:
    placing = was_placed(lines=[line(f"sku-{n}", 1) for n in range(MAX_LINES)])
    found = days_after([placing], [was_cancelled(WEDNESDAY)], [was_cancelled(TUESDAY, n=4)])
    assert found.keys() == {MONDAY, TUESDAY}
    assert len(found[TUESDAY].products) == MAX_LINES


def test_the_increments_of_one_day_are_one_row() -> None:
    scenario = analytics([was_placed(order=order_id(n)) for n in range(90)])
    ((_, increments),) = scenario.table.commits
    assert sorted(increment.row for increment in increments) == [f"{MONDAY}#", f"{MONDAY}#cup", f"{MONDAY}#tea"]
    assert days_of(scenario)[MONDAY].total == figures(ordered=90)


FACTS = (was_placed(), was_confirmed(), was_cancelled())


@pytest.mark.parametrize("facts", [FACTS[:1], FACTS[:2], FACTS[1:], FACTS[::2], FACTS])
def test_the_same_events_in_any_sequence_give_the_same_figures(facts: Sequence[Event[Any]]) -> None:
    ends = [days_after(*([event, event] for event in order), order) for order in permutations(facts)]
    ends.append(days_after(facts))
    assert all(end == ends[0] for end in ends)


def expected(events: Sequence[Event[Any]]) -> Mapping[str, Figures]:
    """The days' figures, counted in the simplest way that the definition allows."""
    off = {event.subject for event in events if event.type == "OrderCancelled"}
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        of_day = found.setdefault(
            event.time[:10], {"placed": 0, "confirmed": 0, "cancelled": {}, "units": 0, "revenue": 0}
        )
        match event.type:
            case "OrderPlaced":
                of_day["placed"] += 1
            case "OrderCancelled":
                reasons = of_day["cancelled"]
                reasons[event.data.reason] = reasons.get(event.data.reason, 0) + 1
            case "OrderConfirmed":
                of_day["confirmed"] += 1
                if event.subject not in off:
                    of_day["units"] += sum(each.quantity for each in event.data.lines)
                    of_day["revenue"] += event.data.total.amount
    return {
        day: Figures(**all_of_it | {"revenue": (Money(all_of_it["revenue"], "EUR"),) if all_of_it["revenue"] else ()})
        for day, all_of_it in found.items()
    }


def test_500_shuffles_of_mixed_batches_give_the_same_figures_as_a_simple_count(rng: random.Random) -> None:
    reasons: tuple[CancellationReason, ...] = ("customer", "fraud", "timeout")
    for _ in range(500):
        events = []
        for n in range(rng.randint(1, 8)):
            lines = [line(f"sku-{k}", rng.randint(1, 9)) for k in range(rng.randint(1, 5))]
            order = order_id(n)
            name = rng.choice([MONDAY, TUESDAY, WEDNESDAY])
            each = [
                was_placed(name, order, lines),
                was_confirmed(rng.choice([TUESDAY, WEDNESDAY]), order, lines),
                was_cancelled(rng.choice([TUESDAY, WEDNESDAY]), order, rng.choice(reasons)),
            ]
            events += rng.sample(each, rng.randint(1, 3))
        deliveries = events * 2
        rng.shuffle(deliveries)
        size = rng.randint(1, 10)
        batches = (deliveries[start : start + size] for start in range(0, len(deliveries), size))
        assert {name: found.total for name, found in days_after(*batches).items()} == expected(events)


def test_the_figures_of_products_sum_to_the_days() -> None:
    tuesday = days_after([was_placed(), was_confirmed(), was_confirmed(order=order_id(2), lines=LINES[:1])])[TUESDAY]
    assert tuesday.total.units == sum(each.total.units for each in tuesday.products) == 5
    assert tuesday.total.revenue == (Money(4300, "EUR"),)


# The API

ZONE = "Europe/Berlin"


class MemoryCounters(Counters):
    """Counters in memory, which record the ranges that were read."""

    def __init__(self, numbers: Mapping[tuple[str, str], Mapping[str, int]]) -> None:
        self.numbers = numbers
        self.asked: list[tuple[date, date, int]] = []

    def read(self, first: date, last: date, most: int) -> Mapping[tuple[str, str], Mapping[str, int]]:
        self.asked.append((first, last, most))
        return self.numbers


def request(first: str, last: str) -> Request:
    return make_request(query={"from": first, "to": last})


def api(numbers: Mapping[tuple[str, str], Mapping[str, int]] | None = None, *, rebuilding: bool = False) -> Api:
    return Api(MemoryCounters(numbers or {}), lambda: rebuilding, ZONE)


def test_the_answer_contains_the_days_of_the_range() -> None:
    numbers = {(MONDAY, ""): {"placed": 2}, (MONDAY, "tea"): {"placed": 2}, (TUESDAY, ""): {"placed": 0}}
    counters = MemoryCounters(numbers)
    answer = Api(counters, lambda: False, ZONE).sales(request(MONDAY, WEDNESDAY))
    assert counters.asked == [(date(2026, 3, 30), date(2026, 4, 1), MAX_ROWS)]
    assert (answer.first, answer.last, answer.time_zone, answer.rebuilding) == (MONDAY, WEDNESDAY, ZONE, False)
    assert answer.days == (day(MONDAY, figures(ordered=2), tea=figures(ordered=2)),)


def test_the_answer_says_that_the_figures_are_being_rebuilt() -> None:
    assert api(rebuilding=True).sales(request(MONDAY, MONDAY)).rebuilding


@pytest.mark.parametrize(("first", "last"), [(MONDAY, MONDAY), ("2026-01-01", "2026-04-02")])
def test_a_range_has_one_to_92_days(first: str, last: str) -> None:
    assert api().sales(request(first, last)).days == ()


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        (TUESDAY, MONDAY, "to"),
        ("2026-01-01", "2026-04-03", "to"),
        ("0001-01-01", "9999-12-31", "to"),
    ],
)
def test_an_invalid_range_is_a_problem_with_its_field(first: str, last: str, field: str) -> None:
    with pytest.raises(Problem) as refusal:
        api().sales(request(first, last))
    assert (refusal.value.rule.status, refusal.value.field) == (422, field)


def test_an_answer_that_would_be_too_large_is_a_problem() -> None:
    numbers = {(MONDAY, f"sku-{n}"): {"placed": 1} for n in range(MAX_ROWS + 1)}
    with pytest.raises(Problem) as refusal:
        api(numbers).sales(request(MONDAY, MONDAY))
    assert (refusal.value.rule.status, refusal.value.field) == (422, "to")


class StubClient:
    """The part of DynamoDB's client that reads counters. Each shard of March has the same row."""

    def __init__(self) -> None:
        self.queries: list[dict[str, Any]] = []

    def get_paginator(self, name: str) -> "StubClient":
        assert name == "query"
        return self

    def paginate(self, **query: Any) -> list[dict[str, Any]]:
        self.queries.append(query)
        shard = query["ExpressionAttributeValues"][":shard"]["S"]
        item = {"pk": {"S": shard}, "sk": {"S": f"{TUESDAY}#tea"}, "units": {"N": "2"}}
        return [{"Items": [item]}, {"Items": []}] if "2026-03" in shard else [{"Items": []}]


@pytest.mark.parametrize(("first", "last", "months"), [(MONDAY, TUESDAY, 1), (MONDAY, WEDNESDAY, 2)])
def test_counters_are_read_by_a_query_for_each_month_and_shard_and_summed(first: str, last: str, months: int) -> None:
    client: Any = StubClient()
    found = Counters(client, "table", InlineExecutor()).read(date.fromisoformat(first), date.fromisoformat(last), 100)
    assert len(client.queries) == months * SHARDS
    assert found == {(TUESDAY, "tea"): {"units": 2 * SHARDS}}
