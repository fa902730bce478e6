"""The brake of the expiry job."""

import random

import pytest

from functions.orders.expiry.brake import (
    KEY,
    MAX_EXPIRED,
    Brake,
    BrakeLimit,
    StoredBrake,
    begin,
    resume,
)
from functions.orders.expiry.job import ExpiryJob, ExpiryReport
from functions.orders.handlers import Order
from functions.orders.service import service
from infra.shop import SETTINGS
from tests.unit.facts import NOON_MILLIS, fact, order_id, order_placed
from tidings.aws.dynamodb import to_attributes
from tidings.aws.pending import PendingEntity
from tidings.core.entity import RESERVED, Entity, OutboxEvent, StoredEntity
from tidings.core.errors import ContentionError
from tidings.testing import (
    InlineExecutor,
    MemoryTable,
    Scenario,
    VirtualClock,
    duplicate_request,
    fails,
    given,
    preceded_by,
)

HOUR = 60 * 60 * 1000
LIMIT = BrakeLimit(3, HOUR)
NONE: frozenset[str] = frozenset()


def orders(*numbers: int) -> list[str]:
    return [order_id(n) for n in numbers]


def begun(*numbers: int, at: int = 0) -> dict[str, int]:
    return dict.fromkeys(orders(*numbers), at)


# The decision


def test_orders_are_admitted_and_counted_until_the_limit_is_reached_which_stops_the_job() -> None:
    brake, admitted = begin(Brake(), orders(1, 2), 5, LIMIT)
    assert (brake, admitted) == (Brake(begun(1, 2, at=5)), frozenset(orders(1, 2)))
    brake, admitted = begin(brake, orders(3, 4), 6, LIMIT)
    assert (brake, admitted) == (Brake(begun(1, 2, at=5) | begun(3, at=6), stopped=6), frozenset(orders(3)))


def test_a_stopped_job_may_cancel_nothing_however_long_ago_it_stopped() -> None:
    stopped = Brake(begun(1, 2, 3), stopped=0)
    for now in (0, HOUR, 1000 * HOUR):
        assert begin(stopped, orders(1, 4), now, LIMIT) == (stopped, NONE)


def test_an_order_is_counted_once_however_often_it_is_begun() -> None:
    brake = Brake()
    for now in range(10):
        brake, admitted = begin(brake, orders(1, 2), now, LIMIT)
        assert admitted == frozenset(orders(1, 2))
    assert brake == Brake(begun(1, 2, at=9))


def test_an_order_counts_for_an_hour_after_it_was_begun_last() -> None:
    brake = Brake(begun(1, 2))
    assert begin(brake, orders(3), HOUR - 1, LIMIT)[0].stopped == HOUR - 1
    assert begin(brake, orders(3), HOUR, LIMIT)[0] == Brake(begun(3, at=HOUR))
    again, _ = begin(brake, orders(1), HOUR - 1, LIMIT)
    assert begin(again, orders(3), HOUR, LIMIT)[0] == Brake(begun(1, at=HOUR - 1) | begun(3, at=HOUR))


def test_no_hour_contains_more_orders_than_the_limit_at_whatever_times_they_come(rng: random.Random) -> None:
    for _ in range(200):
        brake, now, times = Brake(), 0, list[int]()
        for n in range(40):
            now += rng.choice((0, 1, HOUR // 7, HOUR // 2))
            before = brake
            brake, admitted = begin(brake, orders(*range(n, n + rng.randrange(1, 4))), now, LIMIT)
            times += [now] * len(admitted - before.begun.keys())
        assert all(sum(0 <= time - first < HOUR for time in times) <= LIMIT.orders for first in times)


def test_a_resumed_job_goes_on_with_a_new_count() -> None:
    assert resume(Brake(begun(1, 2, 3), stopped=0)) == Brake()


def test_a_job_that_is_not_stopped_keeps_its_count_when_it_is_resumed() -> None:
    assert resume(Brake(begun(1, 2))) == Brake(begun(1, 2))


@pytest.mark.parametrize(("pending_limit", "seconds"), [(600, 3600), (3600, 3600), (7200, 7200)])
def test_orders_are_counted_for_an_hour_or_for_the_pending_limit_if_that_is_longer(
    pending_limit: float, seconds: int
) -> None:
    assert BrakeLimit.of(50, pending_limit) == BrakeLimit(50, 1000 * seconds)


@pytest.mark.parametrize(("stage", "orders"), [("local", 20), ("dev", 50), ("prod", 50)])
def test_a_stages_job_stops_after_a_number_of_orders(stage: str, orders: int) -> None:
    assert SETTINGS[stage].expired_per_hour == orders


# The item


def stored(table: MemoryTable, limit: BrakeLimit = LIMIT, now: int = NOON_MILLIS) -> StoredBrake:
    return StoredBrake(table, limit, VirtualClock(now))


def test_the_brake_is_one_item_of_the_table_under_a_key_that_no_order_has() -> None:
    table = MemoryTable()
    stored(table).begin(orders(1))
    assert list(table.entities) == [KEY]
    assert KEY.startswith(RESERVED)
    assert to_attributes(table.entities[KEY]).keys() == {"pk", "version", "state"}


def test_the_longest_count_fits_into_an_item() -> None:
    table = MemoryTable()
    stored(table, BrakeLimit(MAX_EXPIRED, HOUR)).begin(orders(*range(MAX_EXPIRED)))
    assert len(table.entities[KEY].state) < 100_000


def test_two_runs_at_once_agree_which_orders_they_may_cancel() -> None:
    table = MemoryTable()
    first, second = stored(table), stored(table)
    assert not first.is_stopped()
    assert not second.is_stopped()
    assert first.begin(orders(1, 2)) == (frozenset(orders(1, 2)), False)
    assert second.begin(orders(2, 3, 4)) == (frozenset(orders(2, 3)), True)
    assert first.begin(orders(5)) == (NONE, True)
    assert table.entities[KEY].version == 2


def test_a_run_recognizes_its_own_write_that_the_client_repeats() -> None:
    table = MemoryTable()
    table.commit_faults.next(duplicate_request)
    assert stored(table).begin(orders(1, 2, 3)) == (frozenset(orders(1, 2, 3)), True)


def test_a_crash_after_the_count_leaves_the_orders_to_the_next_run_which_counts_them_once() -> None:
    table = MemoryTable()
    stored(table).begin(orders(1, 2))
    next_run = stored(table, now=NOON_MILLIS + 60_000)
    assert not next_run.is_stopped()
    assert next_run.begin(orders(1, 2)) == (frozenset(orders(1, 2)), False)


def test_a_stopped_brake_writes_nothing() -> None:
    table = MemoryTable()
    stored(table).begin(orders(1, 2, 3))
    again = stored(table)
    assert again.is_stopped()
    assert again.begin(orders(4)) == (NONE, True)
    assert len(table.commits) == 1


def test_only_the_first_of_two_operators_resumes_the_job() -> None:
    table = MemoryTable()
    stored(table).begin(orders(1, 2, 3))
    assert [stored(table).resume(), stored(table).resume()] == [True, False]
    assert not stored(table).is_stopped()


def test_a_brake_that_others_write_on_every_attempt_admits_nothing() -> None:
    table = MemoryTable()
    brake = stored(table)

    def write_first() -> None:
        found = table.entities.get(KEY)
        version = found.version + 1 if found else 1
        table.put(StoredEntity(KEY, version, "{}"))

    table.commit_faults.always(preceded_by(write_first))
    with pytest.raises(ContentionError):
        brake.begin(orders(1))


# The job


TOO_OLD = NOON_MILLIS - 61_000


def pending(*numbers: int) -> list[PendingEntity]:
    """Return orders that are too old, the first the oldest."""
    return [PendingEntity(TOO_OLD - 100_000 + n, order_id(n)) for n in numbers]


def shop(*numbers: int) -> Scenario[Order]:
    placed = {order: OutboxEvent.of(fact(order_placed(), order=order)) for order in orders(*numbers)}
    return given(
        service, *(Entity(order, version=1, state=Order(), outbox=(event,)) for order, event in placed.items())
    )


def run(scenario: Scenario[Order], limit: int, *numbers: int) -> ExpiryReport:
    brake = StoredBrake(scenario.table, BrakeLimit(limit, HOUR), scenario.clock)
    job = ExpiryJob(scenario.executor, brake, InlineExecutor(), random.Random(1))  # noqa: S311 - not for secrecy
    return job.run(pending(*numbers), 60, NOON_MILLIS + HOUR)


def cancelled(scenario: Scenario[Order]) -> set[str]:
    found = {key: scenario.state(key) for key in scenario.table.entities if not key.startswith(RESERVED)}
    return {key for key, order in found.items() if order and order.status == "CANCELLED"}


@pytest.mark.parametrize("due", [51, 200, 1_000])
def test_the_job_cancels_as_many_orders_as_the_brake_allows_and_then_none_until_it_is_resumed(due: int) -> None:
    numbers = range(due)
    scenario = shop(*numbers)
    report = run(scenario, 50, *numbers)
    assert (report.cancelled, report.stopped, report.finished) == (50, True, False)
    scenario.clock.advance(seconds=24 * 3600)
    assert run(scenario, 50, *numbers).cancelled == 0
    assert len(cancelled(scenario)) == 50
    assert StoredBrake(scenario.table, BrakeLimit(50, HOUR), scenario.clock).resume()
    left = [n for n in numbers if order_id(n) not in cancelled(scenario)]
    scenario.clock.now = NOON_MILLIS
    report = run(scenario, 50, *left)
    assert report.cancelled == min(50, due - 50)
    assert report.stopped == (due >= 100)


def test_the_oldest_orders_come_first_when_the_brake_admits_a_part() -> None:
    scenario = shop(*range(20))
    run(scenario, 5, *range(20))
    assert cancelled(scenario) == frozenset(orders(0, 1, 2, 3, 4))


def test_a_job_below_the_limit_is_not_stopped() -> None:
    scenario = shop(*range(9))
    report = run(scenario, 10, *range(9))
    assert (report.cancelled, report.stopped, report.finished) == (9, False, True)


def test_the_order_that_reaches_the_limit_stops_the_job_although_it_has_tried_all() -> None:
    scenario = shop(*range(10))
    report = run(scenario, 10, *range(10))
    assert (report.cancelled, report.stopped, report.finished) == (10, True, True)


def test_a_stopped_job_goes_on_to_report_the_oldest_order_and_that_it_is_stopped() -> None:
    scenario = shop(*range(10))
    first = run(scenario, 3, *range(10))
    again = run(scenario, 3, *range(3, 10))
    assert again == ExpiryReport(0, 0, finished=False, oldest=first.oldest - 0.003, stopped=True)
    assert run(scenario, 3) == ExpiryReport(0, 0, finished=True, oldest=0, stopped=True)


def test_an_order_that_fails_again_and_again_is_counted_once() -> None:
    scenario = shop(1, 2)
    scenario.table.commit_faults.at(order_id(1), fails(TimeoutError("no answer")))
    for _ in range(10):
        assert (report := run(scenario, 2, 1)).failed == 1
        assert not report.stopped
        scenario.clock.advance(milliseconds=1)


def test_a_brake_that_cannot_be_written_cancels_nothing() -> None:
    scenario = shop(1, 2)
    scenario.table.commit_faults.at(KEY, fails(TimeoutError("no answer")))
    with pytest.raises(TimeoutError):
        run(scenario, 2, 1, 2)
    assert cancelled(scenario) == set()
