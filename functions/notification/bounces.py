"""What SES reports of e-mails that it had taken, read as events that notification can react to."""

from typing import Any

import msgspec
from msgspec import Struct

from functions.notification.mail import MAX_DETAIL
from tidings.clock import millis, rfc3339
from tidings.consumer import Parse
from tidings.contracts import EmailKind
from tidings.errors import PermanentError
from tidings.events import Contract, Event


class EmailBounced(Contract, frozen=True, kw_only=True):
    """SES has something to say of an e-mail. Nobody announces this on the topic: it comes from SES alone.

    `failed` says that the e-mail was not delivered, and `bad` that the address takes none at all. A bounce that is not
    permanent is neither: it may be an out-of-office reply.
    """

    kind: EmailKind
    detail: str
    failed: bool = True
    bad: bool = True


class _Tags(Struct):
    order: tuple[str]
    kind: tuple[EmailKind]
    correlation: tuple[str]
    trace: tuple[str]


class _Mail(Struct, rename="camel"):
    message_id: str
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
    """Amazon SES Developer Guide, "Examples of event data that Amazon SES publishes to Amazon SNS"."""

    event_type: str
    mail: _Mail
    bounce: _Bounce | None = None
    reject: _Reject | None = None


class _Told(Struct):
    """Amazon SES Developer Guide, "Monitoring Amazon SES email sending using EventBridge"."""

    detail: _Report


class _Source(Struct):
    source: str = ""


SES = "aws.ses"


def with_bounces(parse: Parse) -> Parse:
    """Reads SES's reports, and everything else as `parse` does."""

    def either(body: str) -> Event[Any]:
        try:
            is_report = msgspec.json.decode(body, type=_Source).source == SES
        except (ValueError, RecursionError):
            is_report = False
        return bounce(body) if is_report else parse(body)

    return either


def bounce(body: str) -> Event[EmailBounced]:
    """The event in SES's report of a bounce or a rejection; PermanentError where it is not of an e-mail of ours."""
    try:
        report = msgspec.json.decode(body, type=_Told).detail
        time = rfc3339(millis(report.mail.timestamp))
        tags = report.mail.tags
        correlation = bytes.fromhex(tags.correlation[0]).decode()
    except (ValueError, RecursionError) as error:
        raise PermanentError("breaks-contract", f"a report of SES: {error}") from error
    permanent = report.bounce is not None and report.bounce.bounce_type == "Permanent"
    return Event(
        id=f"ses/{tags.order[0]}/{report.mail.message_id}",
        source="ses",
        type=EmailBounced.__name__,
        dataschema=EmailBounced.schema(),
        subject=tags.order[0],
        time=time,
        sequence=1,
        correlationid=correlation,
        traceparent=tags.trace[0],
        data=EmailBounced(
            kind=tags.kind[0], detail=_detail(report), failed=permanent or not report.bounce, bad=permanent
        ),
    )


def _detail(report: _Report) -> str:
    if report.bounce:
        codes = " ".join(recipient.diagnostic_code for recipient in report.bounce.bounced_recipients)
        return f"{report.bounce.bounce_type} bounce: {codes}"[:MAX_DETAIL].rstrip(": ")
    return (report.reject.reason if report.reject else report.event_type)[:MAX_DETAIL]
