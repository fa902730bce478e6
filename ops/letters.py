"""Letters: the messages that a queue of failures keeps, and what they say of themselves."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from tidings.clock import millis, rfc3339
from tidings.errors import PermanentError
from tidings.events import Event, decode
from tidings.relay import Entry, Head

Kind = Literal["dlq", "undelivered", "relay"]
"""What failed: a consumer to handle, the topic to deliver, a relay to publish."""

UNNAMED: Mapping[Kind, str] = {"dlq": "received-too-often", "undelivered": "undelivered", "relay": "not-relayed"}
"""The reason of a letter that names none. In a consumer's queue, SQS's own redrive policy has put it there."""

UNDELIVERED = ("ErrorCode", "ErrorMessage", "ERROR_CODE", "ERROR_MESSAGE")
"""Where SNS says why it could not deliver a message, and EventBridge why not an event."""

SLOWEST_WRITE_SECONDS = 60
"""More than lies between a decision and its write: a function's time-out, and two machines' clocks."""

PLAIN = re.compile(r"[!-~]{1,100}")
"""What every id and attribute of SQS takes, with room for what makes a deduplication id new."""


@dataclass(frozen=True)
class Letter:
    """A message as its queue handed it over.

    `sent` is when it came there, in milliseconds since 1970. `group` is None where the queue is no FIFO queue.
    `attributes` are its message attributes, as text.
    """

    id: str
    receipt: str
    body: str
    sent: int
    group: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


class Description(Struct, frozen=True):
    """What an operator wants to know of a letter. `since` says of a relay's letter from when on to relay again."""

    message: str
    order: str | None
    event: str | None
    type: str | None
    reason: str
    detail: str
    attempts: int | None
    first_seen: str
    since: str | None = None


def described(letter: Letter, kind: Kind) -> Description:
    """Reads a letter, whatever it holds."""
    if kind == "relay":
        return _of_relay(letter)
    event = envelope(letter)
    said = letter.attributes
    type_ = event.type if event else said.get("type", "-")
    attempts, first_seen = (_number(said.get(name)) for name in ("attempts", "first_seen"))
    return Description(
        message=letter.id,
        order=event.subject if event else letter.group,
        event=event.id if event else None,
        type=None if type_ == "-" else type_,
        reason=said.get("reason", UNNAMED[kind]),
        detail=said.get("detail", " ".join(said[name] for name in UNDELIVERED if name in said)),
        attempts=attempts,
        first_seen=rfc3339(letter.sent if first_seen is None else first_seen),
    )


def _of_relay(letter: Letter) -> Description:
    """What Lambda tells of records that it gave up (AWS Lambda Developer Guide, "Retain discarded records")."""
    try:
        told = msgspec.json.decode(letter.body, type=dict[str, Any])
        batch = dict(told.get("DDBStreamBatchInfo", {}))
        condition = str(dict(told.get("requestContext", {})).get("condition", UNNAMED["relay"]))
    except (ValueError, TypeError):
        batch, condition = {}, UNNAMED["relay"]
    numbers = (batch.get(name) for name in ("startSequenceNumber", "endSequenceNumber"))
    arrived = batch.get("approximateArrivalOfFirstRecord")
    return Description(
        message=letter.id,
        order=None,
        event=None,
        type=None,
        reason=condition,
        detail=f"{batch.get('batchSize', '?')} records, {' to '.join(map(str, numbers))}",
        attempts=None,
        first_seen=rfc3339(letter.sent),
        since=_before(arrived) if isinstance(arrived, str) else None,
    )


def envelope(letter: Letter) -> Event[Raw] | None:
    """The event that a letter holds; None where it holds none."""
    try:
        return decode(letter.body)
    except PermanentError:
        return None


def entry_of(letter: Letter) -> Entry:
    """The message as its queue was sent it first: without what is said of its failure.

    What holds no event goes by its letter's own id. On a FIFO queue a message keeps its group.
    """
    event = envelope(letter)
    identity = event.id if event and PLAIN.fullmatch(event.id) else letter.id
    type_ = event.type if event and PLAIN.fullmatch(event.type) else ""
    return Entry(Head(identity, type_, letter.group or (event.subject if event else letter.id)), letter.body)


def _before(arrived: str) -> str | None:
    """A time that no event is earlier than which was written by then: an event's time is that of its decision."""
    try:
        return rfc3339(millis(arrived) - SLOWEST_WRITE_SECONDS * 1000)
    except ValueError:
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,15}", text) else None
