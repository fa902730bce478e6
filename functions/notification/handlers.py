"""The e-mails of an order: one of each kind, sent when both its cause and the address are known."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts.notification.email_failed import EmailFailed
from contracts.notification.email_sent import EmailSent
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.email import EmailKind
from contracts.values.recipient import Recipient
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.notification.bounces import EmailBounced
from functions.notification.mail import Rejected, Send, Sent
from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Reserve, Save, Skip
from tidings.core.entity import Entity, inbox_key
from tidings.core.event import Event, read_personal

Status = Literal["due", "sending", "sent", "failed", "withheld"]


class Email(Struct, frozen=True, omit_defaults=True):
    """One e-mail: its detail besides the order, its status, and the inbox key of the event that sends it.

    `withheld` means that it was not sent because the customer's personal data was erased.
    """

    detail: str = ""
    status: Status = "due"
    sender: str = ""


class Mailbox(Struct, frozen=True, omit_defaults=True):
    """The e-mails of an order's customer. `bad` is the code of why the address accepts no mail, once it is known."""

    order: OrderPlaced | None = None
    personal: Recipient | None = None
    emails: Mapping[EmailKind, Email] = {}
    bad: str = ""


def on_order_placed(entity: Entity[Mailbox], event: Event[OrderPlaced]) -> Decision[Mailbox]:
    """Store the order with its address, and send the e-mails that are due."""
    mailbox = replace(entity.state or Mailbox(), order=event.data, personal=read_personal(event, Recipient))
    return _send_due(mailbox, event)


def on_order_confirmed(entity: Entity[Mailbox], event: Event[OrderConfirmed]) -> Decision[Mailbox]:
    """Send the receipt of an order that costs nothing. No payment of it is captured."""
    return _send_due(_with_due(entity.state, "receipt"), event) if event.data.total.amount == 0 else Skip()


def on_payment_captured(entity: Entity[Mailbox], event: Event[PaymentCaptured]) -> Decision[Mailbox]:
    """Send a receipt."""
    return _send_due(_with_due(entity.state, "receipt"), event)


def on_order_cancelled(entity: Entity[Mailbox], event: Event[OrderCancelled]) -> Decision[Mailbox]:
    """Send word of the cancellation."""
    return _send_due(_with_due(entity.state, "cancellation", event.data.reason), event)


def on_order_dispatched(entity: Entity[Mailbox], event: Event[OrderDispatched]) -> Decision[Mailbox]:
    """Send word of the dispatch."""
    return _send_due(_with_due(entity.state, "dispatch", event.data.tracking), event)


def on_email_bounced(entity: Entity[Mailbox], event: Event[EmailBounced]) -> Decision[Mailbox]:
    """Record that an accepted e-mail could not be delivered. A bad address is not tried again."""
    mailbox = entity.state
    email = mailbox.emails.get(event.data.kind) if mailbox else None
    bounce = event.data
    if mailbox is None or email is None or email.status == "failed" or not bounce.failed:
        return Skip()
    return Save(*_failed(mailbox, bounce.kind, bounce.code, bounce.address_bad))


def under_way(mailbox: Mailbox) -> str:
    """Return `mail` while an e-mail is due or being sent; "" if none is."""
    return "mail" if any(email.status in ("due", "sending") for email in mailbox.emails.values()) else ""


def _with_due(mailbox: Mailbox | None, kind: EmailKind, detail: str = "") -> Mailbox:
    mailbox = mailbox or Mailbox()
    return mailbox if kind in mailbox.emails else _with(mailbox, kind, Email(detail))


def _send_due(mailbox: Mailbox, event: Event[Any], announce: tuple[Contract, ...] = ()) -> Decision[Mailbox]:
    """Send the next e-mail that is due; save if none is.

    An e-mail that another event sends is left to it: its own message is delivered again if that failed.
    """
    sender = inbox_key(event)
    for kind, email in mailbox.emails.items():
        if email.status != "due" and not (email.status == "sending" and email.sender == sender):
            continue
        if mailbox.bad:
            mailbox, failed = _failed(mailbox, kind, mailbox.bad, address_bad=True)
            announce += failed
        elif mailbox.order and mailbox.personal is None:
            mailbox = _with(mailbox, kind, replace(email, status="withheld"))
        elif mailbox.order and mailbox.personal:
            sending = _with(mailbox, kind, replace(email, status="sending", sender=sender))
            send = Send(
                kind,
                event.subject,
                mailbox.order,
                mailbox.personal,
                email.detail,
                event.millis,
                event.correlationid,
                event.traceparent,
            )
            return Reserve(sending, send, partial(_after_send, event), announce)
    return Save(mailbox, announce)


def _after_send(event: Event[Any], entity: Entity[Mailbox], result: Sent | Rejected) -> Decision[Mailbox]:
    mailbox, announce = _recorded(entity.state or Mailbox(), result)
    return _send_due(mailbox, event, announce)


def _recorded(mailbox: Mailbox, result: Sent | Rejected) -> tuple[Mailbox, tuple[Contract, ...]]:
    email = mailbox.emails.get(result.kind)
    if email is None or email.status != "sending":
        return mailbox, ()
    if isinstance(result, Rejected):
        return _failed(mailbox, result.kind, result.code, result.address_bad)
    sent = _with(mailbox, result.kind, replace(email, status="sent"))
    return sent, (EmailSent(kind=result.kind, message=result.message),)


def _failed(mailbox: Mailbox, kind: EmailKind, code: str, address_bad: bool) -> tuple[Mailbox, tuple[Contract, ...]]:
    failed = _with(mailbox, kind, replace(mailbox.emails[kind], status="failed"))
    announce = EmailFailed(kind=kind, code=code, address_bad=address_bad)
    return replace(failed, bad=code) if address_bad else failed, (announce,)


def _with(mailbox: Mailbox, kind: EmailKind, email: Email) -> Mailbox:
    return replace(mailbox, emails={**mailbox.emails, kind: email})
