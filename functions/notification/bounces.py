"""The reports of SES about accepted e-mails, parsed as events that notification handles."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from contracts.values.email import EmailKind
from contracts.values.order import OrderEvent, OrderId
from contracts.values.text import Text, as_text
from tidings.core.clock import parse_any_rfc3339, to_rfc3339
from tidings.core.errors import PermanentError
from tidings.core.event import Event, Traceparent
from tidings.core.explanation import explained
from tidings.core.strict_json import StrictJsonError, decode_strict
from tidings.messaging.consumer import Parse


class EmailBounced(OrderEvent, frozen=True, kw_only=True):
    """A report of SES about an e-mail. It comes from SES only, never from the topic.

    `failed` means that the e-mail was not delivered, `bad` that the address accepts no mail. A bounce that is not
    permanent is neither: it may be an out-of-office reply.
    """

    producer = "ses"

    kind: EmailKind
    detail: Text
    failed: bool = True
    bad: bool = True


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
    diagnostic_code: str = ""


class _Bounce(Struct, rename="camel"):
    bounce_type: str
    bounced_recipients: tuple[_Recipient, ...] = ()


class _Reject(Struct):
    reason: str


class _Report(Struct, rename="camel"):
    """A report (Amazon SES Developer Guide, "Examples of event data that Amazon SES publishes to Amazon SNS")."""

    event_type: str
    mail: _Mail
    bounce: _Bounce | None = None
    reject: _Reject | None = None


class _EventBridgeEvent(Struct):
    """An event of EventBridge with a report (Amazon SES Developer Guide, "Monitoring Amazon SES using EventBridge")."""

    detail: _Report


SES = "aws.ses"


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
    permanent = report.bounce is not None and report.bounce.bounce_type == "Permanent"
    return Event(
        id=f"{EmailBounced.producer}/{tags.order[0]}/{report.mail.message_id}",
        source=EmailBounced.producer,
        type=EmailBounced.__name__,
        dataschema=EmailBounced.schema(),
        subject=tags.order[0],
        time=time,
        correlationid=bytes.fromhex(tags.correlation[0]).decode(),
        traceparent=tags.trace[0],
        data=EmailBounced(
            kind=tags.kind[0], detail=_detail(report), failed=permanent or not report.bounce, bad=permanent
        ),
    )


def _detail(report: _Report) -> str:
    if report.bounce:
        codes = " ".join(recipient.diagnostic_code for recipient in report.bounce.bounced_recipients)
        return as_text(f"{report.bounce.bounce_type} bounce: {codes}").rstrip(": ")
    return as_text(report.reject.reason if report.reject else report.event_type)
