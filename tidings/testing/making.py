"""Events, queue records and requests as tests need them: valid, and specific only in what a test is about."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.contract import Contract
from tidings.core.event import Event, event_id
from tidings.core.personal import Personal
from tidings.http.requests import Caller, Request
from tidings.testing.clock import NOON

C = TypeVar("C", bound=Contract)

SUBJECT = "3f2b8c1e-7a6d-4e0b-9c58-0d1e2f3a4b5c"
"""The subject of test events; a UUID, because many contracts require one."""

CORRELATION_ID = "request-1"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def make_event(
    data: C,
    *,
    source: str | None = None,
    subject: str = SUBJECT,
    number: int = 1,
    time: int | str = NOON,
    cause: str | None = None,
    correlation_id: str = CORRELATION_ID,
    personal: Personal | None = None,
) -> Event[C]:
    """Return an event of a contract.

    Args:
        data: The event's data.
        source: The announcing service; None means the contract's producer.
        subject: The key of the entity that the event is about.
        number: The position among the source's events of the subject, from 1.
        time: RFC 3339 text, or milliseconds since 1970.
        cause: The id of the event that caused it; None after a command.
        correlation_id: The request at the beginning.
        personal: The event's personal data; None if it has none, or if it was erased.

    Example:
        ```python
        opened = make_event(TicketOpened(title="No heating"), subject="T-1")
        ```
    """
    announcing = type(data).producer if source is None else source
    return Event(
        id=event_id(announcing, subject, number),
        source=announcing,
        type=type(data).__name__,
        dataschema=data.schema(),
        subject=subject,
        time=time if isinstance(time, str) else to_rfc3339(time),
        correlationid=correlation_id,
        causationid=UNSET if cause is None else cause,
        traceparent=TRACEPARENT,
        personal=UNSET if personal is None else msgspec.json.encode(personal).decode(),
        data=data,
    )


def make_record(
    body: str,
    *,
    message_id: str = "message-1",
    receives: int = 1,
    group: str | None = None,
    sent: str = NOON,
    first_received: str | None = None,
) -> dict[str, Any]:
    """Return a record of Lambda's SQS event. Its `receipt_handle` is the message's id.

    Args:
        body: The message's text.
        message_id: The message's id.
        receives: Number of deliveries, including this one.
        group: The message group; None as on a standard queue without groups.
        sent: When the message was sent, as RFC 3339 text.
        first_received: When the message was first delivered, as RFC 3339 text; None means when it was sent.
    """
    attributes = {
        "ApproximateReceiveCount": str(receives),
        "SentTimestamp": str(from_rfc3339(sent)),
        "ApproximateFirstReceiveTimestamp": str(from_rfc3339(first_received or sent)),
    }
    if group is not None:
        attributes["MessageGroupId"] = group
    return {"messageId": message_id, "receiptHandle": message_id, "body": body, "attributes": attributes}


def make_request(
    path: Mapping[str, str] | None = None,
    *,
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    caller: str | None = "caller-1",
    email: str = "caller-1@example.com",
    correlation_id: str = CORRELATION_ID,
) -> Request:
    """Return a request.

    Args:
        path: The path's parameters.
        query: The query's parameters, each as a value of its declared type.
        headers: The headers, by name as declared.
        caller: The caller's id; None for a request without a token.
        email: The caller's verified e-mail address; empty if they have none.
        correlation_id: The request's own id.
    """
    who = None if caller is None else Caller(caller, email)
    return Request(path or {}, query or {}, headers or {}, correlation_id, TRACEPARENT, who)
