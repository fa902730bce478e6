from collections.abc import Iterable, Iterator

import pytest

from contracts.orders.order_cancelled import OrderCancelled
from functions.orders.expiry.job import CHUNK, ExpiryJob, ExpiryReport
from functions.orders.expiry.pending import INDEX, SHARDS, PendingOrder, pending_attributes
from functions.orders.handlers import Order, expire
from functions.orders.service import service
from tests.unit.facts import NOON_MILLIS, ORDER, TRACE, fact, order_id, order_placed
from tidings.core.clock import from_rfc3339
from tidings.core.decisions import Save, Skip
from tidings.core.entity import Entity, OutboxEvent
from tidings.core.errors import PermanentError
from tidings.testing import InlineExecutor, Scenario, fails, given, preceded_by

PENDING = Order()
CONFIRMED = Order("CONFIRMED", paid=True, reserved=True)
NOT_PENDING = [CONFIRMED, Order("DISPATCHED", paid=True, reserved=True), Order("CANCELLED", reason="customer")]

LIMIT = 60
TOO_OLD = NOON_MILLIS - LIMIT * 1000 - 1
JUST_YOUNG_ENOUGH = NOON_MILLIS - LIMIT * 1000
DEADLINE = NOON_MILLIS + 1000
FIRST, SECOND = order_id(1), order_id(2)


def entity(state: Order, order: str = ORDER) -> Entity[Order]:
    return Entity(order, version=1, state=state, outbox=(OutboxEvent.of(fact(order_placed(), order=order)),))


def run(scenario: Scenario[Order], pending: Iterable[PendingOrder]) -> ExpiryReport:
    return ExpiryJob(scenario.executor, InlineExecutor()).run(pending, LIMIT, DEADLINE)


def status(scenario: Scenario[Order], order: str = ORDER) -> str:
    state = scenario.state(order)
    assert state
    return state.status


# The decision


@pytest.mark.parametrize(
    ("order", "detail"),
    [(PENDING, "payment, stock"), (Order(paid=True), "stock"), (Order(reserved=True), "payment")],
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
    assert pending_attributes(entity(PENDING)).keys() == {INDEX.partition, INDEX.sort}
    assert pending_attributes(entity(order)) == {}


def test_an_orders_position_in_the_index_does_not_change_while_it_is_pending() -> None:
    attributes = [pending_attributes(entity(order)) for order in (PENDING, Order(paid=True), Order(reserved=True))]
    assert attributes[0] == attributes[1] == attributes[2]


def test_orders_are_spread_over_the_indexs_shards() -> None:
    shards = [pending_attributes(entity(PENDING, order_id(n)))[INDEX.partition] for n in range(400)]
    assert {*shards} == {str(shard) for shard in range(SHARDS)}
    assert min(shards.count(shard) for shard in {*shards}) > 50


def test_an_entry_of_the_index_is_far_smaller_than_a_write_unit() -> None:
    entry = {"pk": ORDER, **pending_attributes(entity(PENDING))}
    # An item's size is that of its names and values; an index adds up to 100 bytes for each of its entries
    # (Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats").
    assert sum(len(name) + len(value) for name, value in entry.items()) + 100 < 1024
    added = sum(len(name) + len(value) for name, value in pending_attributes(entity(PENDING)).items())
    assert added < 40


# The run


def test_an_order_that_is_too_old_is_cancelled_and_a_younger_one_is_not() -> None:
    scenario = given(service, entity(PENDING, FIRST), entity(PENDING, SECOND))
    report = run(scenario, [PendingOrder(TOO_OLD, FIRST), PendingOrder(JUST_YOUNG_ENOUGH, SECOND)])
    assert report == ExpiryReport(1, 0, finished=True, oldest=LIMIT + 0.001)
    assert (status(scenario, FIRST), status(scenario, SECOND)) == ("CANCELLED", "PENDING")


def test_without_pending_orders_the_run_does_nothing() -> None:
    assert run(given(service), []) == ExpiryReport(0, 0, finished=True, oldest=0)


def test_an_order_that_ended_after_the_index_was_written_is_neither_changed_nor_counted() -> None:
    scenario = given(service, entity(CONFIRMED))
    assert run(scenario, [PendingOrder(TOO_OLD, ORDER)]) == ExpiryReport(0, 0, finished=True, oldest=LIMIT + 0.001)
    assert scenario.table.commits == []


def test_an_order_that_a_concurrent_run_cancels_first_is_counted_once() -> None:
    scenario = given(service, entity(PENDING))
    reports: list[ExpiryReport] = []

    def run_concurrently() -> None:
        scenario.clock.advance(milliseconds=5)
        reports.append(run(scenario, [PendingOrder(TOO_OLD, ORDER)]))

    scenario.table.commit_faults.next(preceded_by(run_concurrently))
    reports.append(run(scenario, [PendingOrder(TOO_OLD, ORDER)]))
    assert [report.cancelled for report in reports] == [1, 0]
    assert len(scenario.table.commits) == 1


def test_an_order_that_fails_is_counted_and_stops_no_other() -> None:
    scenario = given(service, entity(PENDING, FIRST), entity(PENDING, SECOND))
    scenario.table.commit_faults.at(FIRST, fails(TimeoutError("no answer")))
    report = run(scenario, [PendingOrder(TOO_OLD, FIRST), PendingOrder(TOO_OLD, SECOND)])
    assert (report.cancelled, report.failed) == (1, 1)
    assert (status(scenario, FIRST), status(scenario, SECOND)) == ("PENDING", "CANCELLED")


def test_a_run_begins_no_order_after_its_deadline_and_reports_that_it_did_not_finish() -> None:
    orders = [order_id(n) for n in range(3 * CHUNK)]
    scenario = given(service, *(entity(PENDING, order) for order in orders))
    read: list[str] = []

    def pending() -> Iterator[PendingOrder]:
        for order in orders:
            read.append(order)
            if len(read) == 2 * CHUNK:
                scenario.clock.now = DEADLINE
            yield PendingOrder(TOO_OLD, order)

    report = run(scenario, pending())
    assert (report.finished, report.cancelled) == (False, 2 * CHUNK)
    expected = ["CANCELLED"] * 2 * CHUNK + ["PENDING"] * CHUNK
    assert [status(scenario, order) for order in orders] == expected
    assert len(read) == 2 * CHUNK


def test_a_cancellation_belongs_to_the_request_that_placed_the_order_and_has_no_cause() -> None:
    scenario = given(service, entity(PENDING))
    run(scenario, [PendingOrder(TOO_OLD, ORDER)])
    cancelled = scenario.entity(ORDER).outbox[-1].body
    assert f'"traceparent":"{TRACE}"' in cancelled
    assert '"causationid"' not in cancelled
    assert from_rfc3339(pending_attributes(entity(PENDING))[INDEX.sort]) > 0
