import random
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import permutations
from typing import Any

import pytest

from functions.analytics.api import MOST_ROWS, Api
from functions.analytics.reactions import SHARDS, Sale, cancelled, confirmed, counting, placed, share
from functions.analytics.report import Counters, DayFigures, Figures, ProductFigures, days
from functions.analytics.service import service
from tests.unit.facts import HOME, ORDER, TRACE, fact, line, order_placed
from tests.unit.ledger import MemoryLedger
from tests.unit.memory import AtOnce
from tidings.contracts import CancellationReason, Money, OrderCancelled, OrderConfirmed, OrderLine
from tidings.decisions import Commit
from tidings.events import Event
from tidings.fold import Fold
from tidings.item import Item
from tidings.routes import Caller, Problem, Request

MONDAY, TUESDAY, WEDNESDAY = "2026-03-30", "2026-03-31", "2026-04-01"
LINES = (line("tea", 2), line("cup", 1, 300))


def order_confirmed(*lines: OrderLine) -> OrderConfirmed:
    total = Money(sum(each.price.amount * each.quantity for each in lines), "EUR")
    return OrderConfirmed(customer="customer-1", lines=lines, total=total, email="customer@example.com", address=HOME)


def was_placed(day: str = MONDAY, order: str = ORDER, lines: Sequence[OrderLine] = LINES) -> Event[Any]:
    return fact(order_placed(*lines), order=order, time=f"{day}T23:59:59.999Z")


def was_confirmed(day: str = TUESDAY, order: str = ORDER, lines: Sequence[OrderLine] = LINES) -> Event[Any]:
    return fact(order_confirmed(*lines), n=2, order=order, time=f"{day}T00:00:00.000Z")


def was_cancelled(
    day: str = WEDNESDAY, order: str = ORDER, reason: CancellationReason = "customer", n: int = 3
) -> Event[Any]:
    return fact(OrderCancelled(reason=reason), n=n, order=order, time=f"{day}T12:00:00.000Z")


class Bench:
    """Analytics over a ledger in memory."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()

    def deliver(self, *batches: Sequence[Event[Any]]) -> "Bench":
        for batch in batches:
            fold = Fold(service, counting, self.ledger, pause=lambda _: None)
            assert set(fold.fold(batch).values()) == {None}
        return self

    def days(self) -> dict[str, DayFigures]:
        numbers: dict[tuple[str, str], dict[str, int]] = {}
        for (_, row, name), n in self.ledger.sums().items():
            day, _, product = row.partition("#")
            numbers.setdefault((day, product), {})[name] = n
        return {figures.day: figures for figures in days(numbers)}


def figures(*, ordered: int = 0, sold: int = 0, units: int = 0, revenue: int = 0, **cancelled: int) -> Figures:
    return Figures(ordered, sold, cancelled, units, (Money(revenue, "EUR"),) if revenue else ())


def day(name: str, total: Figures, tea: Figures | None = None, cup: Figures | None = None) -> DayFigures:
    products = {"cup": cup, "tea": tea}
    return DayFigures(name, total, tuple(ProductFigures(sku, its) for sku, its in products.items() if its))


# Decisions


def test_an_order_placed_is_remembered_with_its_time_and_its_lines() -> None:
    decision = placed(Item(ORDER), was_placed(), None)
    assert decision == Commit(Sale(LINES, placed=f"{MONDAY}T23:59:59.999Z"))


def test_a_confirmation_that_comes_first_tells_the_lines() -> None:
    assert confirmed(Item(ORDER), was_confirmed(), None) == Commit(Sale(LINES, confirmed=f"{TUESDAY}T00:00:00.000Z"))


def test_a_cancellation_that_comes_first_is_remembered() -> None:
    decision = cancelled(Item(ORDER), was_cancelled(), None)
    assert decision == Commit(Sale(cancelled=f"{WEDNESDAY}T12:00:00.000Z", reason="customer"))


def test_of_two_cancellations_the_earlier_counts() -> None:
    first, second = was_cancelled(MONDAY, reason="fraud"), was_cancelled(TUESDAY, reason="timeout", n=4)
    for events in ([first, second], [second, first]):
        bench = Bench().deliver(*([event] for event in events))
        assert bench.days() == {MONDAY: day(MONDAY, figures(fraud=1))}


def test_an_order_that_nothing_is_known_of_counts_for_nothing() -> None:
    assert share(Sale()) == {}


# Figures


def test_an_order_placed_counts_for_its_day_and_for_each_product_but_is_no_revenue() -> None:
    one = figures(ordered=1)
    assert Bench().deliver([was_placed()]).days() == {MONDAY: day(MONDAY, one, tea=one, cup=one)}


def test_a_confirmed_order_is_units_and_revenue_on_the_day_of_its_confirmation() -> None:
    one = figures(ordered=1)
    assert Bench().deliver([was_placed(), was_confirmed()]).days() == {
        MONDAY: day(MONDAY, one, tea=one, cup=one),
        TUESDAY: day(
            TUESDAY,
            figures(sold=1, units=3, revenue=2300),
            tea=figures(sold=1, units=2, revenue=2000),
            cup=figures(sold=1, units=1, revenue=300),
        ),
    }


def test_a_confirmed_order_that_is_cancelled_is_taken_off_the_day_of_its_confirmation() -> None:
    sold, off = figures(sold=1), figures(customer=1)
    assert Bench().deliver([was_confirmed()], [was_cancelled()]).days() == {
        TUESDAY: day(TUESDAY, sold, tea=sold, cup=sold),
        WEDNESDAY: day(WEDNESDAY, off, tea=off, cup=off),
    }


def test_a_cancellation_counts_for_the_products_once_they_are_known() -> None:
    off, one = figures(customer=1), figures(ordered=1)
    bench = Bench().deliver([was_cancelled()])
    assert bench.days() == {WEDNESDAY: day(WEDNESDAY, off)}
    assert bench.deliver([was_placed()]).days() == {
        MONDAY: day(MONDAY, one, tea=one, cup=one),
        WEDNESDAY: day(WEDNESDAY, off, tea=off, cup=off),
    }


def test_an_events_day_is_that_of_its_time_in_utc() -> None:
    late = fact(order_placed(*LINES), time="2026-03-31T01:30:00+02:00")
    assert list(Bench().deliver([late]).days()) == [MONDAY]


def test_each_currency_is_a_revenue_of_its_own() -> None:
    lines = (line("tea", 2), OrderLine("cup", 3, Money(500, "JPY")))
    total = Bench().deliver([was_confirmed(lines=lines)]).days()[TUESDAY].total
    assert total.revenue == (Money(2000, "EUR"), Money(1500, "JPY"))


def test_a_product_in_two_lines_is_one_order_and_all_its_units() -> None:
    total = Bench().deliver([was_confirmed(lines=(line("tea", 2), line("tea", 3, 900)))]).days()[TUESDAY]
    assert total.products == (ProductFigures("tea", figures(sold=1, units=5, revenue=4700)),)
    assert total.total == figures(sold=1, units=5, revenue=4700)


def test_what_is_given_away_is_units_and_no_revenue() -> None:
    (tea,) = Bench().deliver([was_confirmed(lines=(line("tea", 1, 0),))]).days()[TUESDAY].products
    assert tea.total == figures(sold=1, units=1)


def test_the_largest_order_on_three_days_is_counted_whole_in_whatever_order() -> None:
    lines = tuple(line(f"sku-{n}", 1) for n in range(50))
    facts = (was_placed(lines=lines), was_confirmed(lines=lines), was_cancelled())
    for order in permutations(facts):
        for batches in ([order], [[event] for event in order]):
            found = Bench().deliver(*batches).days()
            assert [len(found[name].products) for name in (MONDAY, TUESDAY, WEDNESDAY)] == [50, 50, 50]
            assert found[WEDNESDAY].total == figures(customer=1)
            assert all(each.total == figures(customer=1) for each in found[WEDNESDAY].products)


def test_what_orders_add_to_one_day_stands_in_one_row() -> None:
    bench = Bench().deliver([was_placed(order=f"order-{n}") for n in range(90)])
    ((_, tallies),) = bench.ledger.transactions
    assert sorted(tally.row for tally in tallies) == [f"{MONDAY}#", f"{MONDAY}#cup", f"{MONDAY}#tea"]
    assert bench.days()[MONDAY].total == figures(ordered=90)


FACTS = (was_placed(), was_confirmed(), was_cancelled())


@pytest.mark.parametrize("facts", [FACTS[:1], FACTS[:2], FACTS[1:], FACTS[::2], FACTS])
def test_the_same_facts_in_any_order_give_the_same_figures(facts: Sequence[Event[Any]]) -> None:
    ends = [Bench().deliver(*([event, event] for event in order), order).days() for order in permutations(facts)] + [
        Bench().deliver(facts).days()
    ]
    assert all(end == ends[0] for end in ends)


def expected(events: Sequence[Event[Any]]) -> Mapping[str, Figures]:
    """The days' figures, counted in the plainest way that follows from the definition."""
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


def test_500_shuffles_of_mixed_batches_give_the_figures_that_a_plain_count_gives(chance: random.Random) -> None:
    reasons: tuple[CancellationReason, ...] = ("customer", "fraud", "timeout")
    for _ in range(500):
        events = []
        for n in range(chance.randint(1, 8)):
            lines = [line(f"sku-{k}", chance.randint(1, 9)) for k in range(chance.randint(1, 5))]
            order = f"order-{n}"
            name = chance.choice([MONDAY, TUESDAY, WEDNESDAY])
            each = [
                was_placed(name, order, lines),
                was_confirmed(chance.choice([TUESDAY, WEDNESDAY]), order, lines),
                was_cancelled(chance.choice([TUESDAY, WEDNESDAY]), order, chance.choice(reasons)),
            ]
            events += chance.sample(each, chance.randint(1, 3))
        deliveries = events * 2
        chance.shuffle(deliveries)
        size = chance.randint(1, 10)
        bench = Bench().deliver(*(deliveries[start : start + size] for start in range(0, len(deliveries), size)))
        assert {name: found.total for name, found in bench.days().items()} == expected(events)


def test_the_figures_of_products_add_up_to_the_days() -> None:
    bench = Bench().deliver([was_placed(), was_confirmed(), was_confirmed(order="other", lines=LINES[:1])])
    tuesday = bench.days()[TUESDAY]
    assert tuesday.total.units == sum(each.total.units for each in tuesday.products) == 5
    assert tuesday.total.revenue == (Money(4300, "EUR"),)


# The API


class MemoryCounters(Counters):
    """Counters in memory, that remember what they were asked for."""

    def __init__(self, numbers: Mapping[tuple[str, str], Mapping[str, int]]) -> None:
        self.numbers = numbers
        self.asked: list[tuple[date, date, int]] = []

    def read(self, first: date, last: date, most: int) -> Mapping[tuple[str, str], Mapping[str, int]]:
        self.asked.append((first, last, most))
        return self.numbers


def request(**query: str) -> Request:
    return Request(
        {}, {name.rstrip("_"): text for name, text in query.items()}, {}, "r", TRACE, Caller("operator-1", True)
    )


def api(numbers: Mapping[tuple[str, str], Mapping[str, int]] | None = None, *, rebuilding: bool = False) -> Api:
    return Api(MemoryCounters(numbers or {}), lambda: rebuilding)


def test_a_range_is_answered_with_its_days() -> None:
    numbers = {(MONDAY, ""): {"placed": 2}, (MONDAY, "tea"): {"placed": 2}, (TUESDAY, ""): {"placed": 0}}
    counters = MemoryCounters(numbers)
    answer = Api(counters, lambda: False).sales(request(from_=MONDAY, to=WEDNESDAY))
    assert counters.asked == [(date(2026, 3, 30), date(2026, 4, 1), MOST_ROWS)]
    assert (answer.first, answer.last, answer.rebuilding) == (MONDAY, WEDNESDAY, False)
    assert answer.days == (day(MONDAY, figures(ordered=2), tea=figures(ordered=2)),)


def test_figures_that_are_counted_anew_say_so() -> None:
    assert api(rebuilding=True).sales(request(from_=MONDAY, to=MONDAY)).rebuilding


@pytest.mark.parametrize(("first", "last"), [(MONDAY, MONDAY), ("2026-01-01", "2026-04-02")])
def test_a_range_is_from_one_day_to_92(first: str, last: str) -> None:
    assert api().sales(request(from_=first, to=last)).days == ()


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("", MONDAY, "from"),
        (MONDAY, "", "to"),
        ("2026-02-30", MONDAY, "from"),
        ("20260330", MONDAY, "from"),
        ("2026-W14-1", MONDAY, "from"),
        (MONDAY, f"{MONDAY}T00:00:00", "to"),
        (MONDAY, "monday", "to"),
        (MONDAY, "٢٠٢٦-٠٣-٣٠", "to"),
        (TUESDAY, MONDAY, "to"),
        ("2026-01-01", "2026-04-03", "to"),
        ("0001-01-01", "9999-12-31", "to"),
    ],
)
def test_a_range_that_is_none_is_refused_with_the_field(first: str, last: str, field: str) -> None:
    with pytest.raises(Problem) as refusal:
        api().sales(request(from_=first, to=last))
    assert (refusal.value.status, refusal.value.field) == (400, field)


def test_a_range_must_be_given() -> None:
    with pytest.raises(Problem) as refusal:
        api().sales(request())
    assert (refusal.value.status, refusal.value.field) == (400, "from")


def test_an_answer_that_would_be_too_large_is_refused() -> None:
    numbers = {(MONDAY, f"sku-{n}"): {"placed": 1} for n in range(MOST_ROWS + 1)}
    with pytest.raises(Problem) as refusal:
        api(numbers).sales(request(from_=MONDAY, to=MONDAY))
    assert (refusal.value.status, refusal.value.field) == (400, "to")


class Recorder:
    """As much of DynamoDB's client as counting reads with; each shard of March has the same row."""

    def __init__(self) -> None:
        self.queries: list[dict[str, Any]] = []

    def get_paginator(self, name: str) -> "Recorder":
        assert name == "query"
        return self

    def paginate(self, **query: Any) -> list[dict[str, Any]]:
        self.queries.append(query)
        shard = query["ExpressionAttributeValues"][":shard"]["S"]
        item = {"pk": {"S": shard}, "sk": {"S": f"{TUESDAY}#tea"}, "units": {"N": "2"}}
        return [{"Items": [item]}, {"Items": []}] if "2026-03" in shard else [{"Items": []}]


@pytest.mark.parametrize(("first", "last", "months"), [(MONDAY, TUESDAY, 1), (MONDAY, WEDNESDAY, 2)])
def test_reading_is_a_query_for_each_month_and_shard_and_sums_the_shards(first: str, last: str, months: int) -> None:
    client: Any = Recorder()
    found = Counters(client, "table", AtOnce()).read(date.fromisoformat(first), date.fromisoformat(last), 100)
    assert len(client.queries) == months * SHARDS
    assert found == {(TUESDAY, "tea"): {"units": 2 * SHARDS}}
