"""The recovery of notification: the e-mails of an order once each of its events was announced, and their counts."""

from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from contracts.notification.email_failed import EmailFailed
from contracts.notification.email_sent import EmailSent
from contracts.orders.order_placed import OrderPlaced
from contracts.values.email import EmailKind
from contracts.values.recipient import Recipient
from functions.notification.handlers import Email, Mailbox, Status
from functions.notification.limit import LIMITED
from functions.notification.service import service
from tidings.core.event import Event, read_personal
from tidings.recovery import Recovery, recall


def _known(mailbox: Mailbox | None, cause: Event[Any] | None) -> Mailbox:
    """Return the mailbox, with the order if it became known by the event that sent an e-mail."""
    known = mailbox or Mailbox()
    if cause is None or not isinstance(cause.data, OrderPlaced):
        return known
    return replace(known, order=cause.data, personal=read_personal(cause, Recipient))


def _after_sent(mailbox: Mailbox | None, event: Event[EmailSent], cause: Event[Any] | None) -> Mailbox:
    return _with(_known(mailbox, cause), event.data.kind, "sent")


def _after_failed(mailbox: Mailbox | None, event: Event[EmailFailed], cause: Event[Any] | None) -> Mailbox:
    failed = _with(_known(mailbox, cause), event.data.kind, "failed")
    return replace(failed, bad=event.data.code) if event.data.address_bad else failed


def _with(mailbox: Mailbox, kind: EmailKind, status: Status) -> Mailbox:
    email = replace(mailbox.emails.get(kind, Email()), status=status)
    return replace(mailbox, emails={**mailbox.emails, kind: email})


class EmailCounter(Protocol):
    """The counts of customers' e-mails."""

    def count(self, order: str, kind: EmailKind, customer: str, time: int) -> bool:
        """Count an e-mail, unless it is counted."""


class CountAgain(Struct, frozen=True):
    """The request to count an e-mail that was sent. A repeat changes nothing."""

    order: str
    kind: EmailKind
    customer: str
    time: int

    def perform(self, counter: EmailCounter) -> bool:
        """Count the e-mail in the hour of the event that caused it."""
        return counter.count(self.order, self.kind, self.customer, self.time)


def _counted(before: Mailbox | None, event: Event[Any], cause: Event[Any] | None) -> CountAgain | None:
    """Return the request to count an e-mail that was handed to the mail system."""
    mailbox = _known(before, cause)
    was_refused = event.type == EmailFailed.__name__
    # An e-mail that bounced was counted when it was sent.
    if mailbox.order is None or cause is None or (was_refused and (mailbox.bad or event.data.code == LIMITED)):
        return None
    return CountAgain(event.subject, event.data.kind, mailbox.order.customer, cause.millis)


recovery = Recovery(
    service=service,
    # One event may send several e-mails, and announces each of them as it goes on with the next.
    recalls=(
        recall(EmailSent, _after_sent, completes=False),
        recall(EmailFailed, _after_failed, completes=False),
    ),
    repeat=_counted,
)
