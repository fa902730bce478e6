"""The reports of SES about accepted e-mails, parsed as events that notification handles."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from contracts.values.email import EmailKind
from contracts.values.order import OrderEvent, OrderId
from contracts.values.text import Code
from tidings.core.clock import parse_any_rfc3339, to_rfc3339
from tidings.core.errors import PermanentError, as_code
from tidings.core.event import Event, Traceparent
from tidings.core.explanation import explained
from tidings.core.strict_json import StrictJsonError, decode_strict
from tidings.messaging.consumer import Parse


class EmailBounced(OrderEvent, frozen=True, kw_only=True):
    """A report of SES about an e-mail. It comes from SES only, never from the topic.

    `code` is the mail server's enhanced status code (RFC 3463), or SES's own words for the kind of report. `failed`
    means that the e-mail was not delivered. It is false if the report may be an automatic reply, such as an
    out-of-office message. `address_bad` means that the address accepts no mail.
    """

    producer = "ses"

    kind: EmailKind
    code: Code
    failed: bool
    address_bad: bool


class _Tags(Struct):
    order: tuple[OrderId]
    kind: tuple[EmailKind]
    # A correlation id, whose characters `!` to `~` are written in hexadecimal.
    correlation: tuple[Annotated[str, Meta(pattern=r"^(2[1-9a-f]|[3-6][0-9a-f]|7[0-9a-e]){1,128}\Z")]]
    trace: tuple[Traceparent]


class _Mail(Struct, rename="camel"):
    message_id: Annotated[str, Meta(pattern=r"^[!-~]{1,128}\Z")]
    timestamp: str
    tags: _Tags


class _Recipient(Struct, rename="camel"):
    status: str = ""
    diagnostic_code: str = ""


class _Bounce(Struct, rename="camel"):
    bounce_type: str
    bounce_sub_type: str = ""
    bounced_recipients: tuple[_Recipient, ...] = ()


class _Report(Struct, rename="camel"):
    """A report (Amazon SES Developer Guide, "Examples of event data that Amazon SES publishes to Amazon SNS")."""

    event_type: str
    mail: _Mail
    bounce: _Bounce | None = None


class _EventBridgeEvent(Struct):
    """An event of EventBridge with a report (Amazon SES Developer Guide, "Monitoring Amazon SES using EventBridge")."""

    detail: _Report


SES = "aws.ses"

_STATUS = re.compile(r"(?<![0-9.])[45]\.(?!0+\.0+(?![0-9]))[0-9]{1,3}\.[0-9]{1,3}(?!\.?[0-9])")
"""An enhanced status code of a failure (RFC 3463), but `x.0.0`, which says nothing more. No IP address has its form."""

_BAD_ADDRESS = re.compile(r"5\.1\.(?![789]\Z)[0-9]+")
"""The codes of a bad address of the recipient. The status `7` and `8` are about the sender's, and `9` is about a relay
(RFC 3463, section 3.2, and RFC 3886)."""

_BAD_SUBTYPES = {"General", "NoEmail", "Suppressed", "OnAccountSuppressionList"}
"""The kinds of a permanent bounce after which the address accepts no mail (Amazon SES Developer Guide, "Bounce
types")."""

_UNDELIVERED_SUBTYPES = {"MailboxFull", "MessageTooLarge", "ContentRejected", "AttachmentRejected"}
"""The kinds of a transient bounce that are no automatic reply."""


def with_bounces(parse: Parse) -> Parse:
    """Return a parser of SES's reports, which leaves everything else to `parse`."""

    def either(body: str) -> Event[Any]:
        try:
            value = decode_strict(body)
        except StrictJsonError:
            value = None
        return bounce(body) if isinstance(value, dict) and value.get("source") == SES else parse(body)

    return either


def bounce(body: str) -> Event[EmailBounced]:
    """Parse SES's report of a bounce or a rejection.

    Raises:
        PermanentError: If the report is not about an e-mail of this shop.
    """
    try:
        report = msgspec.convert(decode_strict(body), _EventBridgeEvent).detail
        time = to_rfc3339(parse_any_rfc3339(report.mail.timestamp))
        tags = report.mail.tags
    except ValueError as error:
        raise PermanentError("breaks-contract", f"a report of SES: {explained(error)}") from error
    return Event(
        id=f"{EmailBounced.producer}/{tags.order[0]}/{report.mail.message_id}",
        source=EmailBounced.producer,
        type=EmailBounced.__name__,
        dataschema=EmailBounced.schema(),
        subject=tags.order[0],
        time=time,
        correlationid=bytes.fromhex(tags.correlation[0]).decode(),
        traceparent=tags.trace[0],
        data=_judge(tags.kind[0], report),
    )


def _judge(kind: EmailKind, report: _Report) -> EmailBounced:
    """Return what became of the e-mail, by the mail server's status code, or by SES's words if it gave none."""
    bounce = report.bounce
    if bounce is None:
        # SES itself refused the e-mail, because of its content.
        return EmailBounced(kind=kind, code=as_code(report.event_type), failed=True, address_bad=False)
    if status := _status(bounce):
        return EmailBounced(kind=kind, code=status, failed=True, address_bad=_BAD_ADDRESS.fullmatch(status) is not None)
    permanent, subtype = bounce.bounce_type == "Permanent", bounce.bounce_sub_type
    return EmailBounced(
        kind=kind,
        code=as_code(f"{bounce.bounce_type}/{subtype}".rstrip("/")),
        failed=permanent or subtype in _UNDELIVERED_SUBTYPES,
        address_bad=permanent and subtype in _BAD_SUBTYPES,
    )


def _status(bounce: _Bounce) -> str:
    """Return the enhanced status code of a bounce; empty if it has none."""
    texts = [text for each in bounce.bounced_recipients for text in (each.status, each.diagnostic_code)]
    found = next(filter(None, map(_STATUS.search, texts)), None)
    return found[0] if found else ""
