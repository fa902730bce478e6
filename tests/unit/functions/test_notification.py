from collections import Counter
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from contracts.notification.email_failed import EmailFailed
from contracts.notification.email_sent import EmailSent
from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.payment_captured import PaymentCaptured
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.email import EmailKind
from contracts.values.money import Money
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.notification.bounces import EmailBounced
from functions.notification.handlers import (
    Email,
    Mailbox,
    on_email_bounced,
    on_order_cancelled,
    on_order_confirmed,
    on_order_placed,
    on_payment_captured,
)
from functions.notification.mail import Rejected, Send, Sent
from functions.notification.service import service
from functions.notification.templates import RenderedEmail
from tests.unit.facts import ORDER, RECIPIENT, TRACE, fact, line, order_confirmed, order_placed
from tidings.core.decisions import Decision, Reserve, Save, Skip
from tidings.core.entity import Entity
from tidings.core.errors import RetryableError
from tidings.core.event import Event
from tidings.testing import CORRELATION_ID, FUNCTION_SECONDS, Scenario, given

ORDERED = order_placed()
PLACED = fact(ORDERED)
PAID = fact(PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR")))
CANCELLED = fact(OrderCancelled(reason="customer"), n=2)
DISPATCHED = fact(OrderDispatched(tracking="RR123"))
ERASED = fact(PersonalDataErased(reason="customer"))
RECEIPT_SENT = EmailSent(kind="receipt", message="message-1")


def sent_as(kind: EmailKind, n: int) -> EmailSent:
    return EmailSent(kind=kind, message=f"message-{n}")


def report(kind: EmailKind = "receipt", n: int = 1) -> Event[EmailBounced]:
    return fact(EmailBounced(kind=kind, code="5.1.1", failed=True, address_bad=True), source="ses", n=n)


def entity(**mailbox: Any) -> Entity[Mailbox]:
    return Entity(ORDER, version=1, state=Mailbox(**mailbox))


def send(kind: EmailKind, detail: str = "") -> Send:
    return Send(kind, ORDER, ORDERED, RECIPIENT, detail, PAID.millis, CORRELATION_ID, TRACE)


def failed(kind: EmailKind, code: str = "MessageRejected", *, address_bad: bool = True) -> EmailFailed:
    return EmailFailed(kind=kind, code=code, address_bad=address_bad)


class MemoryMailer:
    """A mail system that records what it accepted. It rejects some kinds, and something may happen as it sends."""

    def __init__(self, *rejects: EmailKind) -> None:
        self.sent: list[EmailKind] = []
        self.before: list[Callable[[], object]] = []
        self.after: list[Callable[[], object]] = []
        self._rejects = rejects

    def send(self, request: Send, email: RenderedEmail) -> Sent | Rejected:
        assert request.order in email.subject
        if self.before:
            self.before.pop(0)()
        if request.kind in self._rejects:
            return Rejected(request.kind, "MessageRejected", address_bad=True)
        self.sent.append(request.kind)
        message = f"message-{len(self.sent)}"
        if self.after:
            self.after.pop(0)()
        return Sent(request.kind, message)


def statuses(scenario: Scenario[Mailbox]) -> dict[EmailKind, str]:
    mailbox = scenario.state(ORDER) or Mailbox()
    return {kind: email.status for kind, email in mailbox.emails.items()}


def crash() -> None:
    raise TimeoutError("no answer")


# Decisions


def test_the_address_alone_sends_nothing() -> None:
    assert on_order_placed(Entity(ORDER), PLACED) == Save(Mailbox(order=ORDERED, personal=RECIPIENT))


def test_a_receipt_waits_for_the_address() -> None:
    assert on_payment_captured(Entity(ORDER), PAID) == Save(Mailbox(emails={"receipt": Email()}))


def test_an_order_that_costs_nothing_has_its_receipt_when_it_is_confirmed() -> None:
    free = order_placed(line("tea", 2, amount=0))
    mailer = MemoryMailer()
    confirmed = fact(order_confirmed(line("tea", 2, amount=0)), n=2)
    given(service, fact(free), port=mailer).when(confirmed).then(announced=[RECEIPT_SENT])
    assert mailer.sent == ["receipt"]


def test_an_order_that_costs_something_has_no_receipt_before_its_payment_is_captured() -> None:
    assert on_order_confirmed(entity(order=ORDERED, personal=RECIPIENT), fact(order_confirmed(), n=2)) == Skip()


def reserved(decision: Decision[Mailbox]) -> Reserve[Mailbox]:
    assert isinstance(decision, Reserve)
    return decision


def test_the_intent_to_send_is_recorded_before_an_email_is_sent() -> None:
    decision = reserved(on_payment_captured(entity(order=ORDERED, personal=RECIPIENT), PAID))
    assert decision.state == Mailbox(
        order=ORDERED, personal=RECIPIENT, emails={"receipt": Email(status="sending", sender="payment/1")}
    )
    assert (decision.effect, decision.announce, decision.repeatable) == (send("receipt"), (), False)


def test_a_sent_receipt_is_announced() -> None:
    decision = reserved(on_payment_captured(entity(order=ORDERED, personal=RECIPIENT), PAID))
    sending = Entity(ORDER, version=2, state=decision.state)
    sent = Mailbox(order=ORDERED, personal=RECIPIENT, emails={"receipt": Email(status="sent", sender="payment/1")})
    assert decision.then(sending, Sent("receipt", "message-1")) == Save(sent, (RECEIPT_SENT,))


@pytest.mark.parametrize(("event", "kind"), [(PAID, "receipt"), (CANCELLED, "cancellation"), (DISPATCHED, "dispatch")])
def test_each_kind_of_email_that_was_sent_is_announced(event: Event[Any], kind: EmailKind) -> None:
    scenario = given(service, PLACED, port=MemoryMailer())
    scenario.when(event).then(announced=[EmailSent(kind=kind, message="message-1")])


def test_a_cancellation_contains_its_reason_and_a_dispatch_its_tracking() -> None:
    assert reserved(on_order_cancelled(entity(order=ORDERED, personal=RECIPIENT), CANCELLED)).effect == send(
        "cancellation", "customer"
    )
    state = given(service, PLACED, DISPATCHED, port=MemoryMailer()).state(ORDER)
    assert state
    assert state.emails["dispatch"].detail == "RR123"


def test_an_email_that_another_event_sends_is_left_to_it() -> None:
    sending = entity(order=ORDERED, personal=RECIPIENT, emails={"receipt": Email(status="sending", sender="payment/1")})
    decision = on_order_placed(sending, PLACED)
    assert isinstance(decision, Save)
    assert decision.state.emails["receipt"].status == "sending"


def test_a_report_about_an_email_that_was_never_sent_changes_nothing() -> None:
    assert on_email_bounced(Entity(ORDER), report()) == Skip()
    assert on_email_bounced(entity(order=ORDERED, personal=RECIPIENT), report()) == Skip()


def test_an_email_that_bounced_after_it_was_sent_has_failed() -> None:
    decision = on_email_bounced(
        entity(order=ORDERED, personal=RECIPIENT, emails={"receipt": Email(status="sent")}), report()
    )
    assert isinstance(decision, Save)
    assert decision.announce == (failed("receipt", "5.1.1"),)
    assert decision.state.emails["receipt"].status == "failed"


# All the way, over a mail system in memory


@pytest.fixture
def mailer() -> MemoryMailer:
    return MemoryMailer()


@pytest.fixture
def scenario(mailer: MemoryMailer) -> Scenario[Mailbox]:
    return given(service, port=mailer)


def test_each_kind_is_sent_once_however_often_its_cause_is_delivered(
    scenario: Scenario[Mailbox], mailer: MemoryMailer
) -> None:
    events = PLACED, PAID, PAID, DISPATCHED, PLACED, CANCELLED, DISPATCHED, CANCELLED
    sent = [sent_as("dispatch", 2), sent_as("cancellation", 3)]
    scenario.when(*events).then(announced=[RECEIPT_SENT, *sent])
    assert Counter(mailer.sent) == {"receipt": 1, "dispatch": 1, "cancellation": 1}


@pytest.mark.parametrize("events", list(permutations([PLACED, PAID, CANCELLED, DISPATCHED])))
def test_in_any_sequence_of_events_each_kind_is_sent_once(
    scenario: Scenario[Mailbox], mailer: MemoryMailer, events: tuple[Event[Any], ...]
) -> None:
    scenario.given(*events, *events)
    assert statuses(scenario) == {"receipt": "sent", "cancellation": "sent", "dispatch": "sent"}
    assert len(mailer.sent) == 3


def test_all_waiting_emails_are_sent_when_the_address_is_known(
    scenario: Scenario[Mailbox], mailer: MemoryMailer
) -> None:
    scenario.given(PAID, DISPATCHED, CANCELLED)
    assert mailer.sent == []
    scenario.given(PLACED)
    assert mailer.sent == ["receipt", "dispatch", "cancellation"]
    assert set(statuses(scenario).values()) == {"sent"}


def test_an_email_takes_two_writes(scenario: Scenario[Mailbox]) -> None:
    scenario.when(PLACED).then(writes=1).when(PAID).then(writes=2)


def test_a_rejected_address_is_announced_once() -> None:
    scenario = given(service, port=MemoryMailer("receipt"))
    scenario.when(PLACED, PAID, PAID).then(announced=[failed("receipt")])
    assert statuses(scenario) == {"receipt": "failed"}


def test_later_kinds_are_not_sent_to_a_rejected_address() -> None:
    mailer = MemoryMailer("receipt")
    outcome = given(service, port=mailer).when(PLACED, PAID, DISPATCHED, CANCELLED)
    outcome.then(announced=[failed("receipt"), failed("dispatch"), failed("cancellation")])
    assert mailer.sent == []


def test_an_email_that_waited_with_it_is_not_sent_to_a_rejected_address() -> None:
    mailer = MemoryMailer("receipt")
    scenario = given(service, PAID, CANCELLED, PLACED, port=mailer)
    assert mailer.sent == []
    assert statuses(scenario) == {"receipt": "failed", "cancellation": "failed"}


def test_after_a_bounce_later_kinds_are_not_sent(scenario: Scenario[Mailbox], mailer: MemoryMailer) -> None:
    outcome = scenario.when(PLACED, PAID, report(), report(), DISPATCHED)
    outcome.then(announced=[RECEIPT_SENT, failed("receipt", "5.1.1"), failed("dispatch", "5.1.1")])
    assert mailer.sent == ["receipt"]


def test_a_bounce_that_is_known_before_the_sending_is_recorded_stands(
    scenario: Scenario[Mailbox], mailer: MemoryMailer
) -> None:
    scenario.given(PLACED)
    mailer.after.append(lambda: scenario.given(report()))
    scenario.when(PAID).then(announced=[failed("receipt", "5.1.1")])
    assert statuses(scenario) == {"receipt": "failed"}


def test_after_a_failure_that_is_not_the_addresss_fault_later_kinds_are_sent(
    scenario: Scenario[Mailbox], mailer: MemoryMailer
) -> None:
    full = fact(EmailBounced(kind="receipt", code="5.2.2", failed=True, address_bad=False), source="ses")
    scenario.when(PLACED, PAID, full, DISPATCHED).then(
        announced=[RECEIPT_SENT, failed("receipt", "5.2.2", address_bad=False), sent_as("dispatch", 2)]
    )
    assert mailer.sent == ["receipt", "dispatch"]


def test_a_report_that_may_be_an_automatic_reply_changes_nothing() -> None:
    away = fact(EmailBounced(kind="receipt", code="Transient/General", failed=False, address_bad=False), source="ses")
    assert (
        on_email_bounced(entity(order=ORDERED, personal=RECIPIENT, emails={"receipt": Email(status="sent")}), away)
        == Skip()
    )


def test_two_bounced_emails_of_one_kind_fail_once(scenario: Scenario[Mailbox]) -> None:
    outcome = scenario.when(PLACED, PAID, report(n=1), report(n=2))
    outcome.then(announced=[RECEIPT_SENT, failed("receipt", "5.1.1")])


def deliver_after_a_crash(scenario: Scenario[Mailbox], event: Event[Any]) -> None:
    """Let a delivery fail, and wait until another one may perform its effect."""
    scenario.when(event).then_fails(RetryableError)
    scenario.clock.advance(seconds=FUNCTION_SECONDS)


@pytest.mark.parametrize("crashes", [1, 3])
def test_each_crash_between_sending_and_recording_sends_at_most_one_more(
    scenario: Scenario[Mailbox], mailer: MemoryMailer, crashes: int
) -> None:
    scenario.given(PLACED)
    mailer.after += [crash] * crashes
    for _ in range(crashes):
        deliver_after_a_crash(scenario, PAID)
    scenario.given(PAID, PAID)
    assert len(mailer.sent) == 1 + crashes
    assert statuses(scenario) == {"receipt": "sent"}


def test_a_crash_before_sending_sends_no_more(scenario: Scenario[Mailbox], mailer: MemoryMailer) -> None:
    scenario.given(PLACED)
    mailer.before.append(crash)
    deliver_after_a_crash(scenario, PAID)
    scenario.given(PAID)
    assert mailer.sent == ["receipt"]


def test_further_tries_within_one_delivery_send_an_email_once(
    scenario: Scenario[Mailbox], mailer: MemoryMailer
) -> None:
    scenario.given(PLACED)
    mailer.before.append(crash)
    outcome = scenario.when_batch(PAID, receives=5)
    outcome.then(announced=[RECEIPT_SENT])
    assert (mailer.sent, outcome.dead_letters) == (["receipt"], ())
    scenario.given(PAID)
    assert mailer.sent == ["receipt"]


def test_an_email_that_becomes_due_while_another_is_sent_is_sent_too(
    scenario: Scenario[Mailbox], mailer: MemoryMailer
) -> None:
    scenario.given(PLACED)
    mailer.before.append(lambda: scenario.given(CANCELLED))
    scenario.given(PAID)
    assert sorted(mailer.sent) == ["cancellation", "receipt"]
    assert statuses(scenario) == {"receipt": "sent", "cancellation": "sent"}


def test_a_resumed_sending_does_not_try_an_address_that_was_rejected_meanwhile() -> None:
    mailer = MemoryMailer("cancellation")
    scenario = given(service, PLACED, port=mailer)
    mailer.before.append(crash)
    deliver_after_a_crash(scenario, PAID)
    scenario.given(CANCELLED, PAID)
    assert mailer.sent == []
    assert statuses(scenario) == {"receipt": "failed", "cancellation": "failed"}


# Personal data


@pytest.mark.parametrize("events", list(permutations([PLACED, PAID, ERASED])))
def test_an_email_is_sent_only_before_the_erasure_and_withheld_after_it(
    scenario: Scenario[Mailbox], mailer: MemoryMailer, events: tuple[Event[Any], ...]
) -> None:
    scenario.given(*events, *events)
    in_time = events[-1] is ERASED
    assert (mailer.sent, statuses(scenario)) == (["receipt"] * in_time, {"receipt": "sent" if in_time else "withheld"})
    assert RECIPIENT.email not in str(scenario.table.entities)


def test_a_withheld_email_is_neither_announced_nor_sent_later(
    scenario: Scenario[Mailbox], mailer: MemoryMailer
) -> None:
    scenario.given(PLACED, ERASED)
    scenario.when(PAID, DISPATCHED, PLACED, CANCELLED).then(announced=[])
    assert set(statuses(scenario).values()) == {"withheld"}
    assert mailer.sent == []


def test_an_erasure_during_the_sending_brings_no_address_back(
    scenario: Scenario[Mailbox], mailer: MemoryMailer
) -> None:
    scenario.given(PLACED)
    mailer.after.append(lambda: scenario.given(ERASED))
    scenario.when(PAID).then(announced=[RECEIPT_SENT])
    assert (mailer.sent, statuses(scenario)) == (["receipt"], {"receipt": "sent"})
    assert RECIPIENT.email not in str(scenario.table.entities)


def test_an_email_whose_sending_failed_is_withheld_after_the_erasure(
    scenario: Scenario[Mailbox], mailer: MemoryMailer
) -> None:
    scenario.given(PLACED)
    mailer.before += [crash] * 3
    scenario.when(PAID).then_fails(RetryableError)
    scenario.given(ERASED)
    scenario.clock.advance(seconds=FUNCTION_SECONDS)
    mailer.before.clear()
    scenario.when(PAID).then(announced=[])
    assert (mailer.sent, statuses(scenario)) == ([], {"receipt": "withheld"})


def test_an_email_that_was_sent_may_bounce_after_the_erasure(scenario: Scenario[Mailbox]) -> None:
    scenario.given(PLACED, PAID, ERASED).when(report()).then(announced=[failed("receipt", "5.1.1")])
