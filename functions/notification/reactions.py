"""Which e-mails an order's customer is due: one of each kind, sent when both its cause and the address are known."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from functions.notification.bounces import EmailBounced
from functions.notification.mail import Rejected, Send, Sent
from tidings.contracts import (
    EmailFailed,
    EmailKind,
    OrderCancelled,
    OrderDispatched,
    OrderPlaced,
    PaymentCaptured,
    ReceiptSent,
)
from tidings.decisions import Claim, Commit, Decision, Ignore
from tidings.events import Contract, Event
from tidings.item import Item, handled_key

Status = Literal["due", "sending", "sent", "failed"]
Result = Sent | Rejected | None


class Email(Struct, frozen=True, omit_defaults=True):
    """One e-mail: what it tells beside the order, how far it is, and the key of the event that sends it."""

    detail: str = ""
    status: Status = "due"
    sender: str = ""


class Mailbox(Struct, frozen=True, omit_defaults=True):
    """What an order's customer is written to. `bad` says why the address takes no mail, once that is known."""

    order: OrderPlaced | None = None
    emails: Mapping[EmailKind, Email] = {}
    bad: str = ""


def placed(item: Item[Mailbox], event: Event[OrderPlaced], result: Result) -> Decision[Mailbox]:
    """The address is known from here on."""
    return _send(replace(item.state or Mailbox(), order=event.data), event, result)


def captured(item: Item[Mailbox], event: Event[PaymentCaptured], result: Result) -> Decision[Mailbox]:
    """A receipt is due."""
    return _send(_due(item.state, "receipt"), event, result)


def cancelled(item: Item[Mailbox], event: Event[OrderCancelled], result: Result) -> Decision[Mailbox]:
    """Word of the cancellation is due."""
    return _send(_due(item.state, "cancellation", event.data.reason), event, result)


def dispatched(item: Item[Mailbox], event: Event[OrderDispatched], result: Result) -> Decision[Mailbox]:
    """Word that the goods are on their way is due."""
    return _send(_due(item.state, "dispatch", event.data.tracking), event, result)


def bounced(item: Item[Mailbox], event: Event[EmailBounced], _: object) -> Decision[Mailbox]:
    """The mail system could not deliver what it had taken: the address is not tried again."""
    mailbox = item.state
    email = mailbox.emails.get(event.data.kind) if mailbox else None
    bounce = event.data
    if mailbox is None or email is None or email.status == "failed" or not bounce.failed:
        return Ignore()
    failed, announce = _failed(mailbox, bounce.kind, bounce.detail)
    return Commit(failed if bounce.bad else replace(failed, bad=mailbox.bad), announce)


def _due(mailbox: Mailbox | None, kind: EmailKind, detail: str = "") -> Mailbox:
    mailbox = mailbox or Mailbox()
    return mailbox if kind in mailbox.emails else _with(mailbox, kind, Email(detail))


def _send(mailbox: Mailbox, event: Event[Any], result: Result) -> Decision[Mailbox]:
    """Records what was sent last, and sends what is due next.

    What another event is sending is left to it: its own message comes again where that failed.
    """
    sender = handled_key(event)
    mailbox, announce = _recorded(mailbox, result)
    for kind, email in mailbox.emails.items():
        if email.status != "due" and not (email.status == "sending" and email.sender == sender):
            continue
        if mailbox.bad:
            mailbox, failed = _failed(mailbox, kind, mailbox.bad)
            announce += failed
        elif mailbox.order:
            claimed = _with(mailbox, kind, replace(email, status="sending", sender=sender))
            send = Send(kind, event.subject, mailbox.order, email.detail, event.correlationid, event.traceparent)
            return Claim(claimed, send, announce)
    return Commit(mailbox, announce)


def _recorded(mailbox: Mailbox, result: Result) -> tuple[Mailbox, tuple[Contract, ...]]:
    email = mailbox.emails.get(result.kind) if result else None
    if result is None or email is None or email.status != "sending":
        return mailbox, ()
    if isinstance(result, Rejected):
        return _failed(mailbox, result.kind, result.detail)
    sent = _with(mailbox, result.kind, replace(email, status="sent"))
    return sent, (ReceiptSent(message=result.message),) if result.kind == "receipt" else ()


def _failed(mailbox: Mailbox, kind: EmailKind, why: str) -> tuple[Mailbox, tuple[Contract, ...]]:
    failed = _with(mailbox, kind, replace(mailbox.emails[kind], status="failed"))
    return replace(failed, bad=why), (EmailFailed(kind=kind, detail=why),)


def _with(mailbox: Mailbox, kind: EmailKind, email: Email) -> Mailbox:
    return replace(mailbox, emails={**mailbox.emails, kind: email})
