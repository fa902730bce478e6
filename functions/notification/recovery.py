"""The recovery of notification: the e-mails of an order once each of its events was announced."""

from typing import Any

from msgspec.structs import replace

from contracts.notification.email_failed import EmailFailed
from contracts.notification.receipt_sent import ReceiptSent
from contracts.values.email import EmailKind
from functions.notification.handlers import Email, Mailbox, Status
from functions.notification.service import service
from tidings.core.event import Event
from tidings.recovery import Recovery, recall


def _after_sent(mailbox: Mailbox | None, _event: Event[ReceiptSent], _cause: Event[Any] | None) -> Mailbox:
    return _with(mailbox or Mailbox(), "receipt", "sent")


def _after_failed(mailbox: Mailbox | None, event: Event[EmailFailed], _cause: Event[Any] | None) -> Mailbox:
    failed = _with(mailbox or Mailbox(), event.data.kind, "failed")
    return replace(failed, bad=event.data.code) if event.data.address_bad else failed


def _with(mailbox: Mailbox, kind: EmailKind, status: Status) -> Mailbox:
    email = replace(mailbox.emails.get(kind, Email()), status=status)
    return replace(mailbox, emails={**mailbox.emails, kind: email})


recovery = Recovery(
    service=service,
    # One event may send several e-mails, and announces each of them as it goes on with the next.
    recalls=(
        recall(ReceiptSent, _after_sent, completes=False),
        recall(EmailFailed, _after_failed, completes=False),
    ),
)
