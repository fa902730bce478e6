from collections import Counter
from collections.abc import Callable
from itertools import permutations
from typing import Any

import msgspec
import pytest

from functions.notification.bounces import EmailBounced
from functions.notification.letters import Letter
from functions.notification.mail import Rejected, Send, Sent, perform
from functions.notification.reactions import Email, Mailbox, bounced, cancelled, captured, placed
from functions.notification.service import service
from tests.unit.facts import NOON_MILLIS, ORDER, TRACE, fact, order_placed
from tests.unit.memory import MemoryTable
from tidings.contracts import (
    EmailFailed,
    EmailKind,
    Money,
    OrderCancelled,
    OrderDispatched,
    PaymentCaptured,
    ReceiptSent,
)
from tidings.decisions import Claim, Commit, Ignore
from tidings.errors import RetryableError
from tidings.events import decode
from tidings.item import Item
from tidings.reactor import Reactor

ORDERED = order_placed()
PLACED = fact(ORDERED)
PAID = fact(PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR")), source="payment")
CANCELLED = fact(OrderCancelled(reason="customer"), n=2)
DISPATCHED = fact(OrderDispatched(tracking="RR123"), source="warehouse")


def report(kind: EmailKind = "receipt", n: int = 1) -> Any:
    return fact(EmailBounced(kind=kind, detail="no such mailbox"), source="ses", n=n)


def item(**mailbox: Any) -> Item[Mailbox]:
    return Item(ORDER, version=1, state=Mailbox(**mailbox))


def send(kind: EmailKind, detail: str = "") -> Send:
    return Send(kind, ORDER, ORDERED, detail, "request-1", TRACE)


class MemoryMailer:
    """A mail system that remembers what it took; it rejects some kinds, and something may happen as it sends."""

    def __init__(self, *rejects: EmailKind) -> None:
        self.sent: list[EmailKind] = []
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []
        self._rejects = rejects

    def send(self, effect: Send, letter: Letter) -> Sent | Rejected:
        assert effect.order in letter.subject
        if self.before:
            self.before.pop(0)()
        if effect.kind in self._rejects:
            return Rejected(effect.kind, "no such address")
        self.sent.append(effect.kind)
        message = f"message-{len(self.sent)}"
        if self.after:
            self.after.pop(0)()
        return Sent(effect.kind, message)


class Bench:
    """Notification over a table and a mail system in memory."""

    def __init__(self, *rejects: EmailKind) -> None:
        self.table = MemoryTable()
        self.mailer = MemoryMailer(*rejects)
        self.now = NOON_MILLIS

    def deliver(self, *events: Any) -> None:
        for event in events:
            reactor = Reactor(service, self.table, lambda effect: perform(self.mailer, effect), lambda: self.now)
            reactor.order(ORDER).react(event, self.now)

    def mailbox(self) -> Mailbox:
        state = service.codec.decode(self.table.items[ORDER]).state
        assert state
        return state

    def statuses(self) -> dict[EmailKind, str]:
        return {kind: email.status for kind, email in self.mailbox().emails.items()}

    def announced(self) -> list[tuple[str, str | None]]:
        """The types of what was announced, and the kind of e-mail that a failure is about."""
        events = [decode(event) for event in service.codec.decode(self.table.items[ORDER]).events]
        return [(event.type, _kind(event)) for event in events]


def _kind(event: Any) -> str | None:
    return msgspec.json.decode(event.data, type=EmailFailed).kind if event.type == "EmailFailed" else None


def crash() -> None:
    raise TimeoutError("no answer")


# Decisions


def test_the_address_alone_sends_nothing() -> None:
    assert placed(Item(ORDER), PLACED, None) == Commit(Mailbox(order=ORDERED))


def test_a_receipt_waits_for_the_address() -> None:
    assert captured(Item(ORDER), PAID, None) == Commit(Mailbox(emails={"receipt": Email()}))


def test_what_is_due_is_sent_once_it_is_written_that_it_is_being_sent() -> None:
    sending = Mailbox(order=ORDERED, emails={"receipt": Email(status="sending", sender="payment/1")})
    assert captured(item(order=ORDERED), PAID, None) == Claim(sending, send("receipt"))


def test_a_receipt_that_was_sent_is_announced() -> None:
    sending = item(order=ORDERED, emails={"receipt": Email(status="sending", sender="payment/1")})
    sent = Mailbox(order=ORDERED, emails={"receipt": Email(status="sent", sender="payment/1")})
    assert captured(sending, PAID, Sent("receipt", "message-1")) == Commit(sent, (ReceiptSent(message="message-1"),))


def test_other_kinds_that_were_sent_are_not_announced() -> None:
    sending = item(order=ORDERED, emails={"cancellation": Email("customer", "sending", "orders/2")})
    decision = cancelled(sending, CANCELLED, Sent("cancellation", "message-1"))
    assert isinstance(decision, Commit)
    assert decision.announce == ()


def test_a_cancellation_tells_its_reason_and_a_dispatch_its_tracking() -> None:
    decision = cancelled(item(order=ORDERED), CANCELLED, None)
    assert isinstance(decision, Claim)
    assert decision.effect == send("cancellation", "customer")
    bench = Bench()
    bench.deliver(PLACED, DISPATCHED)
    assert bench.mailbox().emails["dispatch"].detail == "RR123"


def test_what_another_event_is_sending_is_left_to_it() -> None:
    sending = item(order=ORDERED, emails={"receipt": Email(status="sending", sender="payment/1")})
    decision = placed(sending, PLACED, None)
    assert isinstance(decision, Commit)
    assert decision.state.emails["receipt"].status == "sending"


def test_a_report_of_an_email_that_was_never_sent_changes_nothing() -> None:
    assert bounced(Item(ORDER), report(), None) == Ignore()
    assert bounced(item(order=ORDERED), report(), None) == Ignore()


def test_an_email_that_bounced_after_it_was_sent_has_failed() -> None:
    decision = bounced(item(order=ORDERED, emails={"receipt": Email(status="sent")}), report(), None)
    assert isinstance(decision, Commit)
    assert decision.announce == (EmailFailed(kind="receipt", detail="no such mailbox"),)
    assert decision.state.emails["receipt"].status == "failed"


# The whole way


def test_each_kind_is_sent_once_however_often_its_cause_is_delivered() -> None:
    bench = Bench()
    bench.deliver(PLACED, PAID, PAID, DISPATCHED, PLACED, CANCELLED, DISPATCHED, CANCELLED)
    assert Counter(bench.mailer.sent) == {"receipt": 1, "dispatch": 1, "cancellation": 1}
    assert bench.announced() == [("ReceiptSent", None)]


@pytest.mark.parametrize("events", list(permutations([PLACED, PAID, CANCELLED, DISPATCHED])))
def test_in_whatever_order_each_kind_is_sent_once(events: tuple[Any, ...]) -> None:
    bench = Bench()
    bench.deliver(*events, *events)
    assert bench.statuses() == {"receipt": "sent", "cancellation": "sent", "dispatch": "sent"}
    assert len(bench.mailer.sent) == 3


def test_when_the_address_is_known_all_that_waited_is_sent() -> None:
    bench = Bench()
    bench.deliver(PAID, DISPATCHED, CANCELLED)
    assert bench.mailer.sent == []
    bench.deliver(PLACED)
    assert bench.mailer.sent == ["receipt", "dispatch", "cancellation"]
    assert set(bench.statuses().values()) == {"sent"}


def test_an_email_takes_two_writes() -> None:
    bench = Bench()
    bench.deliver(PLACED)
    bench.deliver(PAID)
    assert len(bench.table.writes) == 1 + 2


def test_a_rejected_address_is_announced_once_for_the_kind() -> None:
    bench = Bench("receipt")
    bench.deliver(PLACED, PAID, PAID)
    assert bench.statuses() == {"receipt": "failed"}
    assert bench.announced() == [("EmailFailed", "receipt")]


def test_to_a_rejected_address_later_kinds_are_not_sent() -> None:
    bench = Bench("receipt")
    bench.deliver(PLACED, PAID, DISPATCHED, CANCELLED)
    assert bench.mailer.sent == []
    assert bench.announced() == [
        ("EmailFailed", "receipt"),
        ("EmailFailed", "dispatch"),
        ("EmailFailed", "cancellation"),
    ]


def test_to_a_rejected_address_what_waited_with_it_is_not_sent() -> None:
    bench = Bench("receipt")
    bench.deliver(PAID, CANCELLED, PLACED)
    assert bench.mailer.sent == []
    assert bench.statuses() == {"receipt": "failed", "cancellation": "failed"}


def test_after_a_bounce_later_kinds_are_not_sent() -> None:
    bench = Bench()
    bench.deliver(PLACED, PAID, report(), report(), DISPATCHED)
    assert bench.mailer.sent == ["receipt"]
    assert bench.announced() == [("ReceiptSent", None), ("EmailFailed", "receipt"), ("EmailFailed", "dispatch")]


def test_a_bounce_that_overtakes_the_record_of_its_sending_stands() -> None:
    bench = Bench()
    bench.deliver(PLACED)
    bench.mailer.after.append(lambda: bench.deliver(report()))
    bench.deliver(PAID)
    assert bench.statuses() == {"receipt": "failed"}
    assert bench.announced() == [("EmailFailed", "receipt")]


def test_two_emails_of_one_kind_that_bounce_fail_once() -> None:
    bench = Bench()
    bench.deliver(PLACED, PAID, report(n=1), report(n=2))
    assert bench.announced() == [("ReceiptSent", None), ("EmailFailed", "receipt")]


@pytest.mark.parametrize("crashes", [1, 3])
def test_each_crash_between_sending_and_recording_sends_one_more_at_most(crashes: int) -> None:
    bench = Bench()
    bench.deliver(PLACED)
    bench.mailer.after += [crash] * crashes
    for _ in range(crashes):
        with pytest.raises(RetryableError):
            bench.deliver(PAID)
    bench.deliver(PAID, PAID)
    assert len(bench.mailer.sent) == 1 + crashes
    assert bench.statuses() == {"receipt": "sent"}


def test_a_crash_before_sending_sends_no_more() -> None:
    bench = Bench()
    bench.deliver(PLACED)
    bench.mailer.before.append(crash)
    with pytest.raises(RetryableError):
        bench.deliver(PAID)
    bench.deliver(PAID)
    assert bench.mailer.sent == ["receipt"]


def test_what_comes_while_one_is_being_sent_is_sent_too() -> None:
    bench = Bench()
    bench.deliver(PLACED)
    bench.mailer.before.append(lambda: bench.deliver(CANCELLED))
    bench.deliver(PAID)
    assert sorted(bench.mailer.sent) == ["cancellation", "receipt"]
    assert bench.statuses() == {"receipt": "sent", "cancellation": "sent"}


def test_a_sending_that_is_resumed_does_not_try_an_address_that_has_turned_out_bad() -> None:
    bench = Bench("cancellation")
    bench.deliver(PLACED)
    bench.mailer.before.append(crash)
    with pytest.raises(RetryableError):
        bench.deliver(PAID)
    bench.deliver(CANCELLED, PAID)
    assert bench.mailer.sent == []
    assert bench.statuses() == {"receipt": "failed", "cancellation": "failed"}
