import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from functions.payment.checks.job import DISPUTES_WATCHED, WINDOW, CheckJob, CheckReport
from functions.payment.gateway import (
    Authorized,
    Captured,
    Inspection,
    NotRefunded,
    Refunded,
    RefundOutcome,
    RefundPending,
)
from functions.payment.reports import Ports
from functions.payment.service import service
from functions.payment.state import MINUTE, Dispute, Payment
from tests.unit.facts import NOON_MILLIS, TRACE, fact, order_id
from tests.unit.functions.payments import (
    AUTHORIZED,
    OTHER,
    PAY,
    TOTAL,
    VOIDED,
    Intent,
    MemoryGateway,
    MemoryReports,
    found_dispute,
    payment,
    refund,
    refund_failed,
    refunded,
)
from tidings.aws.pending import PendingEntity
from tidings.core.clock import to_rfc3339
from tidings.core.contract import Contract
from tidings.core.entity import Entity, OutboxEvent
from tidings.core.errors import ThrottledError
from tidings.testing import CORRELATION_ID, Scenario, given

HOUR = 60 * MINUTE
DUE = NOON_MILLIS - HOUR
DEADLINE = NOON_MILLIS + 1000
FIRST, SECOND, THIRD = order_id(1), order_id(2), order_id(3)
REFUNDING = payment("captured", refund(), due=to_rfc3339(DUE))


def attempt(order: str) -> str:
    return f"{order}/cancellation/1"


def gateway_with(refund_outcome: RefundOutcome = RefundPending(), *orders: str) -> MemoryGateway:  # noqa: B008 - frozen
    """Return a gateway with a captured payment, and the outcome of these orders' refunds."""
    return MemoryGateway({PAY: Intent(Captured(), refunds={attempt(order): refund_outcome for order in orders})})


def holding(gateway: MemoryGateway, *orders: str, state: Payment = REFUNDING) -> Scenario[Payment]:
    """Payment with these orders, each with this state."""
    outbox = {order: (OutboxEvent.of(fact(AUTHORIZED, order=order)),) for order in orders}
    entities = [Entity(order, version=1, state=state, outbox=outbox[order]) for order in orders]
    return given(service, *entities, port=Ports(gateway, MemoryReports()))


def job(scenario: Scenario[Payment]) -> CheckJob:
    return CheckJob(scenario.executor, scenario.port, random.Random(1))  # noqa: S311 - not for secrecy


def run(scenario: Scenario[Payment], *orders: str, since: int = DUE, early: bool = False) -> CheckReport:
    pending = [PendingEntity(since + n, order) for n, order in enumerate(orders)]
    return job(scenario).run(pending, DEADLINE, early=early)


def state_of(scenario: Scenario[Payment], order: str = FIRST) -> Payment:
    state = scenario.state(order)
    assert state
    return state


# A check that finds news


@pytest.mark.parametrize(
    ("outcome", "announced", "report"),
    [
        (Refunded(TOTAL), refunded(), (0, 1)),
        (NotRefunded("lost"), refund_failed("lost"), (1, 0)),
    ],
)
def test_a_refund_that_has_ended_is_recorded_as_an_effect_of_the_orders_request(
    outcome: RefundOutcome, announced: Contract, report: tuple[int, int]
) -> None:
    scenario = holding(gateway_with(outcome, FIRST), FIRST)
    ended, waiting = report
    assert run(scenario, FIRST) == CheckReport(ended, waiting, failed=0, finished=True, oldest=HOUR / 1000)
    assert scenario.announced(FIRST)[-1] == announced
    last = scenario.entity(FIRST).outbox[-1].envelope
    assert (last.correlationid, last.traceparent) == (CORRELATION_ID, TRACE)


def test_an_approval_whose_report_was_lost_is_found() -> None:
    gateway = MemoryGateway({PAY: Intent(Authorized())})
    scenario = holding(gateway, FIRST, state=payment("action_required"))
    assert run(scenario, FIRST).ended == 1
    assert (state_of(scenario), scenario.announced(FIRST)[-1]) == (payment("authorized"), AUTHORIZED)


def test_a_payment_whose_order_was_cancelled_while_its_bank_decides_is_voided() -> None:
    gateway = MemoryGateway({PAY: Intent(Authorized())})
    scenario = holding(gateway, FIRST, state=payment("processing", cancelled=True))
    assert run(scenario, FIRST).ended == 1
    assert (state_of(scenario), scenario.announced(FIRST)[-1]) == (payment("voided"), VOIDED)


def test_a_refund_that_an_operator_requested_is_made_although_its_message_was_lost() -> None:
    gateway = gateway_with()
    scenario = holding(gateway, FIRST)
    assert run(scenario, FIRST).waiting == 1
    assert gateway.own.refunds == {attempt(FIRST): Refunded(TOTAL)}
    assert scenario.announced(FIRST)[-1] == refunded()


def test_a_dispute_is_followed_to_its_end() -> None:
    gateway = MemoryGateway({PAY: Intent(Captured(), disputes=(found_dispute("lost"),))})
    open_ = payment("captured", disputes=(Dispute("dp_1", "open"),), due=to_rfc3339(DUE))
    scenario = holding(gateway, FIRST, state=open_)
    assert run(scenario, FIRST).ended == 1
    assert state_of(scenario).disputes == (Dispute("dp_1", "lost"),)


# A payment that still waits


def test_a_payment_that_still_waits_is_looked_at_again_later() -> None:
    scenario = holding(gateway_with(RefundPending(), FIRST), FIRST)
    assert run(scenario, FIRST) == CheckReport(0, 1, 0, finished=True, oldest=HOUR / 1000)
    assert state_of(scenario).due == to_rfc3339(NOON_MILLIS + MINUTE)
    assert scenario.announced(FIRST) == [AUTHORIZED]


def test_a_payment_that_is_not_due_is_looked_at_only_if_an_operator_asks() -> None:
    gateway = gateway_with(Refunded(TOTAL), FIRST)
    scenario = holding(gateway, FIRST)
    assert run(scenario, FIRST, since=NOON_MILLIS + 1) == CheckReport(0, 0, 0, finished=True, oldest=0)
    assert gateway.calls == []
    assert run(scenario, FIRST, since=NOON_MILLIS + 1, early=True) == CheckReport(0, 1, 0, finished=True, oldest=0)
    assert gateway.calls == ["inspect"]


def test_a_payment_is_looked_at_as_soon_as_it_is_due() -> None:
    scenario = holding(gateway_with(Refunded(TOTAL), FIRST), FIRST)
    assert run(scenario, FIRST, since=NOON_MILLIS).waiting == 1


def test_a_look_before_its_time_does_not_put_off_the_next() -> None:
    waiting = payment("captured", refund(), due=to_rfc3339(NOON_MILLIS + MINUTE))
    scenario = holding(gateway_with(RefundPending(), FIRST), FIRST, state=waiting)
    run(scenario, FIRST, early=True)
    assert scenario.entity(FIRST).version == 1


def test_an_entry_of_the_index_whose_payment_has_ended_meanwhile_changes_nothing() -> None:
    scenario = holding(gateway_with(), FIRST, state=payment("captured"))
    assert run(scenario, FIRST).ended == 1
    assert scenario.entity(FIRST).version == 1
    assert run(given(service, port=scenario.port), FIRST).ended == 1


# Several payments of one order


def test_each_payment_of_an_order_that_is_watched_is_looked_at_once() -> None:
    name = f"unexpected-{OTHER}"
    both = payment(
        "action_required",
        refund(name=name, payment=OTHER),
        refund("succeeded", "b", payment=OTHER),
        due=to_rfc3339(DUE),
    )
    intents = {PAY: Intent(Authorized()), OTHER: Intent(Captured(), refunds={f"{FIRST}/{name}/1": Refunded(TOTAL)})}
    gateway = MemoryGateway(intents)
    scenario = holding(gateway, FIRST, state=both)
    run(scenario, FIRST)
    assert gateway.calls == ["inspect", "inspect"]
    assert scenario.announced(FIRST) == [AUTHORIZED, AUTHORIZED, refunded(name, of=OTHER)]


def test_the_refund_of_an_order_without_a_payment_of_its_own_is_looked_at() -> None:
    name = f"unexpected-{OTHER}"
    forbidden = payment("forbidden", refund(name=name, payment=OTHER), due=to_rfc3339(DUE))
    gateway = MemoryGateway({OTHER: Intent(Captured(), refunds={f"{FIRST}/{name}/1": Refunded(TOTAL)})})
    scenario = holding(gateway, FIRST, state=forbidden)
    assert run(scenario, FIRST).waiting == 1
    assert scenario.announced(FIRST)[-1] == refunded(name, of=OTHER)


class FailingGateway(MemoryGateway):
    """A gateway that does not answer about the payments of its list."""

    silent: Sequence[str] = ()

    def inspect(self, payment: str) -> Inspection:
        if payment in self.silent:
            raise TimeoutError("no answer")
        return super().inspect(payment)


def test_a_payment_that_cannot_be_looked_at_holds_up_no_other_of_its_order() -> None:
    name = f"unexpected-{OTHER}"
    gateway = FailingGateway({OTHER: Intent(Captured(), refunds={f"{FIRST}/{name}/1": Refunded(TOTAL)})})
    gateway.silent = [PAY]
    both = payment("captured", refund(), refund(name=name, payment=OTHER), due=to_rfc3339(DUE))
    scenario = holding(gateway, FIRST, state=both)
    assert run(scenario, FIRST).failed == 1
    assert scenario.announced(FIRST)[-1] == refunded(name, of=OTHER)


# A run


def test_an_order_that_cannot_be_looked_at_holds_up_no_other() -> None:
    gateway = gateway_with(Refunded(TOTAL), FIRST, SECOND)

    def fail() -> None:
        raise TimeoutError("no answer")

    gateway.before["inspect"] = [fail]
    scenario = holding(gateway, FIRST, SECOND)
    report = run(scenario, FIRST, SECOND)
    assert (report.failed, report.waiting, report.finished) == (1, 1, True)
    statuses = sorted(state_of(scenario, order).refunds[0].status for order in (FIRST, SECOND))
    assert statuses == ["pending", "succeeded"]


def test_a_run_ends_when_the_rate_of_calls_is_used_up() -> None:
    gateway = gateway_with(Refunded(TOTAL), FIRST, SECOND)

    def refuse() -> None:
        raise ThrottledError("the rate of calls is used up")

    gateway.before["inspect"] = [refuse]
    report = run(holding(gateway, FIRST, SECOND), FIRST, SECOND)
    assert (report.failed, report.waiting, report.finished, len(gateway.calls)) == (0, 0, False, 1)


def test_an_order_that_cannot_be_read_holds_up_no_other() -> None:
    scenario = holding(gateway_with(Refunded(TOTAL), FIRST, SECOND), FIRST, SECOND)

    def fail(_call: Callable[[], object]) -> object:
        raise TimeoutError("no answer")

    scenario.table.read_faults.at(FIRST, fail)  # type: ignore[arg-type]
    report = run(scenario, FIRST, SECOND)
    assert (report.failed, report.waiting) == (1, 1)


def test_a_run_begins_no_order_after_its_deadline() -> None:
    gateway = gateway_with(RefundPending(), FIRST, SECOND, THIRD)
    scenario = holding(gateway, FIRST, SECOND, THIRD)
    gateway.before["inspect"] = [lambda: scenario.clock.advance(seconds=2)]
    report = run(scenario, FIRST, SECOND, THIRD)
    assert (report.waiting, report.finished) == (1, False)


def test_a_run_ends_without_a_failure_when_the_rate_of_calls_is_used_up() -> None:
    gateway = gateway_with(RefundPending(), FIRST, SECOND, THIRD)

    def throttle() -> None:
        raise ThrottledError("the rate of calls is used up for now")

    gateway.before["inspect"] = [lambda: None, throttle]
    report = run(holding(gateway, FIRST, SECOND, THIRD), FIRST, SECOND, THIRD)
    assert (report.waiting, report.failed, report.finished) == (1, 0, False)
    assert gateway.calls == ["inspect", "inspect"]


def test_a_run_reads_a_bounded_number_of_orders() -> None:
    read: list[int] = []

    def many() -> Iterator[PendingEntity]:
        for n in range(2 * WINDOW):
            read.append(n)
            yield PendingEntity(DUE, FIRST)

    scenario = holding(gateway_with(Refunded(TOTAL), FIRST), FIRST, state=payment("captured"))
    report = job(scenario).run(many(), DEADLINE)
    assert (len(read), report.finished) == (WINDOW, False)


def test_a_run_without_a_payment_that_is_due_reports_the_age_zero() -> None:
    assert run(holding(gateway_with())) == CheckReport(0, 0, 0, finished=True, oldest=0)


def test_concurrent_runs_record_an_outcome_once() -> None:
    gateway = gateway_with(Refunded(TOTAL), FIRST)
    scenario = holding(gateway, FIRST)
    gateway.after["inspect"] = [lambda: run(scenario, FIRST)]
    assert run(scenario, FIRST).waiting == 1
    assert scenario.announced(FIRST) == [AUTHORIZED, refunded()]


# Disputes whose reports were lost


def test_each_dispute_of_the_last_days_is_reported_once_an_hour() -> None:
    asked: list[int] = []

    class DisputedGateway(MemoryGateway):
        def disputed_since(self, time: int) -> Iterator[str]:
            asked.append(time)
            yield from [PAY, OTHER]

    reports = MemoryReports()
    scenario = given(service, port=Ports(DisputedGateway(), reports))
    checks = job(scenario)
    assert checks.report_disputes(DEADLINE) == 2
    assert asked == [NOON_MILLIS - DISPUTES_WATCHED]
    assert [(report.payment, report.about, report.order, report.group) for report in reports.sent] == [
        (PAY, "dispute", None, PAY),
        (OTHER, "dispute", None, OTHER),
    ]
    # The queue drops a repeat within an hour, by its id.
    scenario.clock.advance(seconds=59 * 60)
    checks.report_disputes(scenario.clock() + 1)
    scenario.clock.advance(seconds=60)
    checks.report_disputes(scenario.clock() + 1)
    ids = [report.deduplication_id for report in reports.sent]
    assert ids[:2] == ids[2:4]
    assert len(set(ids)) == 4


def test_no_dispute_is_reported_after_the_deadline() -> None:
    gateway, reports = MemoryGateway(disputed=[PAY, OTHER]), MemoryReports()
    assert job(given(service, port=Ports(gateway, reports))).report_disputes(NOON_MILLIS) == 0
    assert reports.sent == []
