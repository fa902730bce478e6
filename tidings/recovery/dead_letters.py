"""Dead letters: what a message in a dead-letter queue tells about its failure, and the message that failed."""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tidings.core.clock import MAX_TIME, parse_any_rfc3339, to_rfc3339
from tidings.core.entity import EventHead
from tidings.core.errors import PermanentError
from tidings.core.event import Event, decode
from tidings.recovery.ports import DeadLetterMessage, OutgoingMessage

FailureKind = Literal["dlq", "undelivered", "relay"]
"""The kind of a dead-letter queue: a consumer's, a subscription's (`undelivered`), or a relay's."""

DEFAULT_REASONS: Mapping[FailureKind, str] = {
    "dlq": "received-too-often",
    "undelivered": "undelivered",
    "relay": "not-relayed",
}
"""The reason of a message that names none. SQS's own redrive policy moves messages to a DLQ without a reason."""


class Remedy(Struct, frozen=True):
    """The remedy for the dead letters of one reason.

    Attributes:
        action: `redrive` if its consumer may still handle it; `drop` if it never will.
        first: What must be done before; empty if the message failed because of the moment.
    """

    action: Literal["redrive", "drop"]
    first: str = ""

    @property
    def fails_again(self) -> bool:
        """True if the message fails again unless something else is done before."""
        return self.action == "drop" or bool(self.first)


NO_EVENT = Remedy("drop")
REDRIVE = Remedy("redrive")
NEW_VERSION = Remedy("redrive", "deploy a version of the service that knows the event")

REMEDIES: Mapping[str, Remedy] = {
    "gave-up": REDRIVE,
    "received-too-often": REDRIVE,
    "undelivered": REDRIVE,
    "waited-too-long": REDRIVE,
    "not-an-event": NO_EVENT,
    "oversized": NO_EVENT,
    "undecodable": NO_EVENT,
    "wrong-source": Remedy("drop", "find out who published it"),
    "conflicting-body": Remedy("drop", "find out which of the two facts happened, and correct the service"),
    "breaks-contract": NEW_VERSION,
    "unknown-type": NEW_VERSION,
    "unknown-version": NEW_VERSION,
    "from-the-future": Remedy("redrive", "wait until the event's time has come"),
}
"""The remedy for each reason for which the library dead-letters a consumer's message."""

OTHER_REMEDY = Remedy("redrive", "correct what the error's text says")
"""The remedy for any other reason. Only a `PermanentError` has one: the message cannot be handled as things are."""

DELIVERY_ERRORS = ("ErrorCode", "ERROR_CODE")
"""The message attributes with the codes by which SNS and EventBridge describe a failed delivery."""

MAX_WRITE_SECONDS = 60
"""Maximum time between an event's time and its write: a function's timeout and the difference of two clocks."""

MAX_LINE = 200
"""Maximum length of a text in a description. Anyone may have written the message and its attributes."""

MAX_DETAIL = 512
"""Maximum length of an error's text in a description, which is what the consumer writes."""

PLAIN = re.compile(r"[!-~]{1,107}")
"""The characters that SQS accepts in every id and attribute, with room for the suffix of a deduplication id."""


class DeadLetterDetails(Struct, frozen=True):
    """The description of a dead letter for an operator. Each text is one line, of 200 characters at most.

    The error's text has 512 at most.

    Attributes:
        message: The queue's id of the message.
        subject: The entity's key, or the message group if the message holds no event.
        event: The event's id.
        type: The event's type.
        reason: A fixed word to select by.
        detail: The error's text.
        receives: Number of deliveries to its consumer.
        first_seen: When it was first sent (RFC 3339).
        batch: Whether it stands for the stream records that Lambda gave up, and not for one event.
        since: For a batch, a time that none of its events precedes (RFC 3339).
    """

    message: str
    subject: str | None
    event: str | None
    type: str | None
    reason: str
    detail: str
    receives: int | None
    first_seen: str
    batch: bool = False
    since: str | None = None


def describe(message: DeadLetterMessage, kind: FailureKind) -> DeadLetterDetails:
    """Describe a dead letter, whatever it holds.

    A relay's queue holds two kinds: the events that the relay refused, with their reason, and the batches that Lambda
    gave up. Long texts are cut off: a message may hold hundreds of kilobytes, and a description is listed and recorded.
    """
    attributes = message.attributes
    if kind == "relay":
        return _describe_refused(message) if "reason" in attributes else _describe_batch(message)
    event = event_of(message)
    event_type = event.type if event else attributes.get("type", "-")
    receives, first_seen = (_number(attributes.get(name)) for name in ("receives", "first_seen"))
    delivery_error = " ".join(attributes[name] for name in DELIVERY_ERRORS if name in attributes)
    return DeadLetterDetails(
        message=message.id,
        subject=_line_or_none(event.subject if event else message.group),
        event=_line_or_none(event.id if event else None),
        type=None if event_type == "-" else line(event_type),
        reason=line(attributes.get("reason", DEFAULT_REASONS[kind])),
        detail=line(attributes.get("detail", delivery_error), MAX_DETAIL),
        receives=receives,
        first_seen=to_rfc3339(message.sent if first_seen is None or first_seen > MAX_TIME else first_seen),
    )


def line(text: str, most: int = MAX_LINE) -> str:
    """Return the beginning of a text that anyone may have written, as one line."""
    return "".join(c if c.isprintable() else " " for c in text[:most])


def remedy_of(reason: str) -> Remedy:
    """Return what an operator does about a consumer's dead letter with this reason."""
    return REMEDIES.get(reason, OTHER_REMEDY)


def event_of(message: DeadLetterMessage) -> Event[Any] | None:
    """Return the event that a dead letter holds, or None."""
    try:
        return decode(message.body)
    except PermanentError:
        return None


def original_of(message: DeadLetterMessage) -> OutgoingMessage:
    """Return the message as it was first sent to its queue, without the attributes that describe its failure.

    A message without an event is identified by its own id. A message of a FIFO queue keeps its group.
    """
    event = event_of(message)
    identity = event.id if event and PLAIN.fullmatch(event.id) else message.id
    event_type = event.type if event and PLAIN.fullmatch(event.type) else ""
    group = message.group or (event.subject if event else message.id)
    return OutgoingMessage(EventHead(identity, event_type, group), message.body)


def _describe_refused(message: DeadLetterMessage) -> DeadLetterDetails:
    """Describe an event that a relay refused, by the attributes that the relay wrote."""
    attributes = message.attributes
    return DeadLetterDetails(
        message=message.id,
        subject=_line_or_none(attributes.get("key")),
        event=_line_or_none(attributes.get("event")),
        type=_line_or_none(attributes.get("type")),
        reason=line(attributes["reason"]),
        detail=line(attributes.get("detail", ""), MAX_DETAIL),
        receives=None,
        first_seen=to_rfc3339(message.sent),
    )


def _describe_batch(message: DeadLetterMessage) -> DeadLetterDetails:
    """Describe stream records that Lambda gave up (AWS Lambda Developer Guide, "Retain discarded records")."""
    condition = DEFAULT_REASONS["relay"]
    try:
        record = msgspec.json.decode(message.body, type=dict[str, Any])
        batch = dict(record.get("DDBStreamBatchInfo", {}))
        condition = str(dict(record.get("requestContext", {})).get("condition", condition))
    except (ValueError, TypeError, RecursionError):
        batch = {}
    numbers = (batch.get(name) for name in ("startSequenceNumber", "endSequenceNumber"))
    arrived = batch.get("approximateArrivalOfFirstRecord")
    return DeadLetterDetails(
        message=message.id,
        subject=None,
        event=None,
        type=None,
        reason=line(condition),
        detail=line(f"{batch.get('batchSize', '?')} records, {' to '.join(map(str, numbers))}"),
        receives=None,
        first_seen=to_rfc3339(message.sent),
        batch=True,
        since=_before_write(arrived) if isinstance(arrived, str) else None,
    )


def _before_write(arrived: str) -> str | None:
    """Return a time that no event of a write precedes. An event's time is that of the decision, before the write."""
    try:
        return to_rfc3339(max(0, parse_any_rfc3339(arrived) - MAX_WRITE_SECONDS * 1000))
    except (ValueError, OverflowError):
        return None


def _line_or_none(text: str | None) -> str | None:
    return None if text is None else line(text)


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,15}", text) else None
