import random
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from functions.payment.refunds.job import WINDOW, RefundJob, RefundReport
from functions.payment.refunds.pending import INDEX, PendingRefund, PendingRefunds, pending_attributes

from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.refund_failed import RefundFailed
from contracts.values.money import Money
from functions.payment.gateway import Cancelled, NotRefunded, Refunded, RefundPending
from functions.payment.handlers import Payment
from functions.payment.service import service
from tests.unit.facts import NOON_MILLIS, TRACE, fact, order_id
from tests.unit.functions.test_payment import AUTHORIZED
from tidings.core.clock import to_rfc3339
from tidings.core.entity import Entity, OutboxEvent
from tidings.testing import CORRELATION_ID, Scenario, given

TOTAL = Money(2000, "EUR")
HOUR = 3_600_000
SINCE = NOON_MILLIS - HOUR
DEADLINE = NOON_MILLIS + 1000
FIRST, SECOND, THIRD = order_id(1), order_id(2), order_id(3)
PENDING = Payment("refunding", "pay_1", TOTAL, to_rfc3339(SINCE))


class StubGateway:
    """A gateway that returns prepared outcomes of refunds, or raises them. Something happens at each call."""

    def __init__(self, *outcomes: Cancelled | Exception, during: Callable[[], object] = lambda: None) -> None:
        self._outcomes = list(outcomes)
        self._during = during

    def cancel(self, _payment: str) -> Cancelled:
        self._during()
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def refunding(*orders: str, gateway: StubGateway) -> Scenario[Payment]:
    """Payment with pending refunds of these orders."""
    entities = [
        Entity(order, version=1, state=PENDING, outbox=(OutboxEvent.of(fact(AUTHORIZED, order=order)),))
        for order in orders
    ]
    return given(service, *entities, port=gateway)


def run(scenario: Scenario[Payment], *orders: str) -> RefundReport:
    pending = [PendingRefund(SINCE + n, order) for n, order in enumerate(orders)]
    return RefundJob(scenario.executor, random.Random(1)).run(pending, DEADLINE)  # noqa: S311 - not for secrecy


def status(scenario: Scenario[Payment], order: str) -> str:
    state = scenario.state(order)
    assert state
    return state.status


@pytest.mark.parametrize(
    ("outcome", "after", "announced"),
    [
        (Refunded(TOTAL), "refunded", PaymentRefunded(payment="pay_1", amount=TOTAL)),
        (NotRefunded("failed"), "refund_failed", RefundFailed(payment="pay_1", amount=TOTAL, code="failed")),
    ],
)
def test_a_refund_that_has_ended_is_recorded_as_an_effect_of_the_orders_request(
    outcome: Cancelled, after: str, announced: Any
) -> None:
    scenario = refunding(FIRST, gateway=StubGateway(outcome))
    assert run(scenario, FIRST) == RefundReport(ended=1, pending=0, failed=0, finished=True, oldest=HOUR / 1000)
    assert (status(scenario, FIRST), scenario.announced(FIRST)[-1]) == (after, announced)
    last = scenario.entity(FIRST).outbox[-1].envelope
    assert (last.correlationid, last.traceparent) == (CORRELATION_ID, TRACE)


def test_a_refund_that_is_still_pending_stays_so_and_writes_nothing() -> None:
    scenario = refunding(FIRST, gateway=StubGateway(RefundPending()))
    assert run(scenario, FIRST) == RefundReport(ended=0, pending=1, failed=0, finished=True, oldest=HOUR / 1000)
    assert (status(scenario, FIRST), scenario.entity(FIRST).version) == ("refunding", 1)


def test_a_refund_that_cannot_be_looked_at_holds_up_no_other() -> None:
    scenario = refunding(FIRST, SECOND, gateway=StubGateway(TimeoutError("no answer"), Refunded(TOTAL)))
    report = run(scenario, FIRST, SECOND)
    assert (report.failed, report.ended, report.finished) == (1, 1, True)
    assert sorted(status(scenario, order) for order in (FIRST, SECOND)) == ["refunded", "refunding"]


def test_a_run_begins_no_refund_after_its_deadline() -> None:
    gateway = StubGateway(RefundPending(), during=lambda: scenario.clock.advance(seconds=2))
    scenario = refunding(FIRST, SECOND, THIRD, gateway=gateway)
    report = run(scenario, FIRST, SECOND, THIRD)
    assert (report.pending, report.finished) == (1, False)


def test_a_run_reads_a_bounded_number_of_refunds() -> None:
    read: list[int] = []

    def many() -> Iterator[PendingRefund]:
        for n in range(2 * WINDOW):
            read.append(n)
            yield PendingRefund(SINCE, FIRST)

    scenario = refunding(FIRST, gateway=StubGateway(Refunded(TOTAL)))
    report = RefundJob(scenario.executor).run(many(), DEADLINE)
    assert (len(read), report.finished) == (WINDOW, False)


def test_a_refund_that_ended_meanwhile_is_not_looked_at() -> None:
    scenario = refunding(FIRST, gateway=StubGateway(Refunded(TOTAL)))
    run(scenario, FIRST)
    assert run(scenario, FIRST).ended == 1
    assert scenario.entity(FIRST).version == 2


def test_a_run_without_a_pending_refund_reports_the_age_zero() -> None:
    assert run(given(service), *()) == RefundReport(0, 0, 0, finished=True, oldest=0)


def test_only_a_payment_whose_refund_is_pending_is_in_the_index() -> None:
    assert pending_attributes(Entity(FIRST, state=PENDING)) == {"waiting": "refund", "since": PENDING.since}
    assert pending_attributes(Entity(FIRST)) == {}
    assert pending_attributes(Entity(FIRST, state=Payment("captured", "pay_1", TOTAL))) == {}


def test_the_pending_refunds_are_read_from_the_index_page_by_page() -> None:
    class Client:
        def get_paginator(self, name: str) -> "Client":
            assert name == "query"
            return self

        def paginate(self, **query: Any) -> Iterator[dict[str, Any]]:
            assert (query["IndexName"], query["ExpressionAttributeValues"]) == (INDEX.name, {":kind": {"S": "refund"}})
            for order in (FIRST, SECOND):
                yield {"Items": [{"pk": {"S": order}, "since": {"S": to_rfc3339(SINCE)}}]}

    found = PendingRefunds(cast("Any", Client()), "payment", INDEX.name).oldest_first()
    assert list(found) == [PendingRefund(SINCE, FIRST), PendingRefund(SINCE, SECOND)]
