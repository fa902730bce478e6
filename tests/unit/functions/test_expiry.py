import random
from collections.abc import Iterable, Iterator

import pytest

from contracts.orders.order_cancelled import OrderCancelled
from functions.orders.expiry.brake import BrakeLimit, StoredBrake
from functions.orders.expiry.job import CHUNK, WINDOW, ExpiryJob, ExpiryReport, spread
from functions.orders.expiry.pending import INDEX
from functions.orders.handlers import Order, expire
from functions.orders.service import service
from tests.unit.facts import NOON_MILLIS, ORDER, TRACE, fact, order_id, order_placed
from tidings.aws.pending import PendingEntity
from tidings.core.clock import from_rfc3339
from tidings.core.decisions import Save, Skip
from tidings.core.entity import RESERVED, Entity, OutboxEvent
from tidings.core.errors import PermanentError
from tidings.testing import Fault, InlineExecutor, Scenario, fails, given, preceded_by

PENDING = Order()
CONFIRMED = Order("CONFIRMED", paid=True, reserved=True)
NOT_PENDING = [CONFIRMED, Order("DISPATCHED", paid=True, reserved=True), Order("CANCELLED", reason="customer")]

LIMIT = 60
TOO_OLD = NOON_MILLIS - LIMIT * 1000 - 1
JUST_YOUNG_ENOUGH = NOON_MILLIS - LIMIT * 1000
DEADLINE = NOON_MILLIS + 1000
NO_BRAKE = BrakeLimit(10**6, 10**9)
FIRST, SECOND = order_id(1), order_id(2)


def entity(state: Order, order: str = ORDER) -> Entity[Order]:
    return Entity(order, version=1, state=state, outbox=(OutboxEvent.of(fact(order_placed(), order=order)),))


def run(scenario: Scenario[Order], pending: Iterable[PendingEntity], rng: random.Random | None = None) -> ExpiryReport:
    brake = StoredBrake(scenario.table, NO_BRAKE, scenario.clock)
    job = ExpiryJob(scenario.executor, brake, InlineExecutor(), rng or random.Random(1))  # noqa: S311 - not for secrecy
    return job.run(pending, LIMIT, DEADLINE)


def writes(scenario: Scenario[Order]) -> list[str]:
    """Return the keys of the entities that were written, but for the brake's."""
    found = [write.key for written, _ in scenario.table.commits for write in written]
    return [key for key in found if not key.startswith(RESERVED)]


def due(*orders: str) -> list[PendingEntity]:
    """Return orders that are too old, a second apart, the first the oldest."""
    return [PendingEntity(TOO_OLD - (len(orders) - n) * 1000, order) for n, order in enumerate(orders)]


def status(scenario: Scenario[Order], order: str = ORDER) -> str:
    state = scenario.state(order)
    assert state
    return state.status


# The decision


@pytest.mark.parametrize(
    ("order", "detail"),
    [
        (PENDING, "payment, stock"),
        (Order(paid=True), "stock"),
        (Order(reserved=True), "payment"),
        (Order(approval=True, reserved=True), "approval"),
    ],
)
def test_a_pending_order_expires_and_records_what_it_was_waiting_for(order: Order, detail: str) -> None:
    decision = expire(entity(order))
    assert isinstance(decision, Save)
    assert (decision.state.status, decision.state.reason) == ("CANCELLED", "timeout")
    assert decision.announce == (OrderCancelled(reason="timeout", detail=detail),)


@pytest.mark.parametrize("order", NOT_PENDING)
def test_an_order_that_is_not_pending_does_not_expire(order: Order) -> None:
    assert expire(entity(order)) == Skip()


def test_an_order_that_was_never_placed_does_not_expire() -> None:
    with pytest.raises(PermanentError):
        expire(Entity(ORDER))


# The index


@pytest.mark.parametrize("order", NOT_PENDING)
def test_only_a_pending_order_is_in_the_index(order: Order) -> None:
    assert INDEX.of(entity(PENDING)).keys() == {INDEX.partition, INDEX.sort}
    assert INDEX.of(entity(order)) == {}


def test_an_orders_position_in_the_index_does_not_change_while_it_is_pending() -> None:
    attributes = [INDEX.of(entity(order)) for order in (PENDING, Order(paid=True), Order(reserved=True))]
    assert attributes[0] == attributes[1] == attributes[2]


# The run


def test_an_order_that_is_too_old_is_cancelled_and_a_younger_one_is_not() -> None:
    scenario = given(service, entity(PENDING, FIRST), entity(PENDING, SECOND))
    report = run(scenario, [PendingEntity(TOO_OLD, FIRST), PendingEntity(JUST_YOUNG_ENOUGH, SECOND)])
    assert report == ExpiryReport(1, 0, finished=True, oldest=LIMIT + 0.001, stopped=False)
    assert (status(scenario, FIRST), status(scenario, SECOND)) == ("CANCELLED", "PENDING")


def test_without_pending_orders_the_run_does_nothing() -> None:
    assert run(given(service), []) == ExpiryReport(0, 0, finished=True, oldest=0, stopped=False)


def test_an_order_that_ended_after_the_index_was_written_is_neither_changed_nor_counted() -> None:
    scenario = given(service, entity(CONFIRMED))
    assert run(scenario, [PendingEntity(TOO_OLD, ORDER)]) == ExpiryReport(
        0, 0, finished=True, oldest=LIMIT + 0.001, stopped=False
    )
    assert writes(scenario) == []


def test_an_order_that_a_concurrent_run_cancels_first_is_counted_once() -> None:
    scenario = given(service, entity(PENDING))
    reports: list[ExpiryReport] = []

    def run_concurrently() -> None:
        scenario.clock.advance(milliseconds=5)
        reports.append(run(scenario, [PendingEntity(TOO_OLD, ORDER)]))

    count_first = preceded_by(lambda: None)
    scenario.table.commit_faults.next(count_first, preceded_by(run_concurrently))
    reports.append(run(scenario, [PendingEntity(TOO_OLD, ORDER)]))
    assert [report.cancelled for report in reports] == [1, 0]
    assert writes(scenario) == [ORDER]


def test_an_order_that_fails_is_counted_and_stops_no_other() -> None:
    scenario = given(service, entity(PENDING, FIRST), entity(PENDING, SECOND))
    scenario.table.commit_faults.at(FIRST, fails(TimeoutError("no answer")))
    report = run(scenario, [PendingEntity(TOO_OLD, FIRST), PendingEntity(TOO_OLD, SECOND)])
    assert (report.cancelled, report.failed) == (1, 1)
    assert (status(scenario, FIRST), status(scenario, SECOND)) == ("PENDING", "CANCELLED")


@pytest.mark.parametrize("window", [CHUNK + 7, WINDOW])
def test_every_due_order_is_tried_once_however_the_job_spreads_them(
    window: int, rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.orders.expiry.job.WINDOW", window)
    for count in (CHUNK // 2 - 1, CHUNK // 2, CHUNK // 2 + 1, CHUNK, CHUNK + 7, 2 * CHUNK, 5 * CHUNK + 3):
        orders = [order_id(n) for n in range(count)]
        scenario = given(service, *(entity(PENDING, order) for order in orders), entity(PENDING))
        report = run(scenario, [*due(*orders), PendingEntity(JUST_YOUNG_ENOUGH, ORDER)], rng)
        assert (report.finished, report.cancelled, report.failed) == (True, count, 0)
        assert len(writes(scenario)) == count
        assert status(scenario) == "PENDING"


def test_half_of_each_chunk_are_the_oldest_orders_left_and_the_others_are_spread_over_all(rng: random.Random) -> None:
    orders = due(*(order_id(n) for n in range(20 * CHUNK)))
    chunks = list(spread(orders, rng))
    assert sorted(order for chunk in chunks for order in chunk) == orders
    assert [len(chunk) for chunk in chunks] == [CHUNK] * 20
    left = orders
    for chunk in chunks:
        assert chunk[CHUNK // 2 :] == left[: CHUNK // 2]
        left = [order for order in left if order not in chunk]
    assert any(order in orders[10 * CHUNK :] for order in chunks[0])


def test_the_job_reads_no_more_orders_than_its_window_before_it_begins_one() -> None:
    scenario = given(service, entity(PENDING, FIRST))
    read = 0

    def pending() -> Iterator[PendingEntity]:
        nonlocal read
        while True:
            read += 1
            if read == WINDOW:
                scenario.clock.now = DEADLINE
            yield PendingEntity(TOO_OLD, FIRST)

    assert run(scenario, pending()) == ExpiryReport(0, 0, finished=False, oldest=LIMIT + 0.001, stopped=False)
    assert read == WINDOW


def test_a_run_begins_no_order_after_its_deadline_and_reports_that_it_did_not_finish() -> None:
    orders = [order_id(n) for n in range(10 * CHUNK)]
    scenario = given(service, *(entity(PENDING, order) for order in orders))
    tried: list[str] = []

    def noting(order: str) -> Fault:
        def begin() -> None:
            tried.append(order)
            if len(tried) == 2 * CHUNK:
                scenario.clock.now = DEADLINE

        return preceded_by(begin)

    for order in orders:
        scenario.table.commit_faults.at(order, noting(order))
    report = run(scenario, due(*orders))
    assert (report.finished, report.cancelled) == (False, 2 * CHUNK)
    assert {order for order in orders if status(scenario, order) == "CANCELLED"} == set(tried)
    assert set(orders[:CHUNK]) <= set(tried)


def test_old_orders_that_fail_and_use_up_a_run_do_not_hold_up_those_behind_them() -> None:
    failing, behind = ([order_id(n) for n in numbers] for numbers in (range(500), range(500, 1_000)))
    scenario = given(service, *(entity(PENDING, order) for order in (*failing, *behind)))

    def time_out() -> None:
        scenario.clock.now = DEADLINE
        raise TimeoutError("no answer")

    for order in failing:
        scenario.table.commit_faults.at(order, preceded_by(time_out))
    report = run(scenario, due(*failing, *behind))
    assert report.finished is False
    cancelled = [order for order in behind if status(scenario, order) == "CANCELLED"]
    assert len(cancelled) == report.cancelled == CHUNK - report.failed
    assert cancelled


# A cancellation


def test_a_cancellation_belongs_to_the_request_that_placed_the_order_and_has_no_cause() -> None:
    scenario = given(service, entity(PENDING))
    run(scenario, [PendingEntity(TOO_OLD, ORDER)])
    cancelled = scenario.entity(ORDER).outbox[-1].body
    assert f'"traceparent":"{TRACE}"' in cancelled
    assert '"causationid"' not in cancelled
    assert from_rfc3339(INDEX.of(entity(PENDING))[INDEX.sort]) > 0
