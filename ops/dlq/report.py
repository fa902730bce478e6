"""The text and the JSON about dead letters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ops.dlq.queues import QueueStatus
from ops.times import format_age
from tidings.core.clock import from_rfc3339
from tidings.recovery import DeadLetterDetails, DeadLetters, FailureKind

FAILURES: Mapping[FailureKind, str] = {
    "dlq": "not handled",
    "undelivered": "not delivered",
    "relay": "not relayed",
}
"""The name of each kind of failure."""


def status_table(statuses: Sequence[QueueStatus], now: int) -> Table:
    """Return a table of every consumer's dead-letter queue, and of the other queues that are not empty.

    Args:
        statuses: The statuses.
        now: The current time in milliseconds since 1970.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("service", no_wrap=True)
    table.add_column("failed", no_wrap=True)
    table.add_column("messages", justify="right", no_wrap=True)
    table.add_column("oldest", no_wrap=True)
    table.add_column("reasons", overflow="fold")
    for status in statuses:
        if status.queue == "dlq" or status.waiting or status.hidden:
            reasons = ", ".join(f"{reason} {number:,}" for reason, number in status.reasons.items())
            partial = f" (of the first {status.examined:,})" if status.examined < status.waiting else ""
            number = f"{status.waiting:,}" + (f" (+{status.hidden:,} in flight)" if status.hidden else "")
            oldest = format_age(now - from_rfc3339(status.oldest)) if status.oldest else ""
            table.add_row(status.service, FAILURES[status.queue], number, oldest, reasons + partial)
    return table


def advice(statuses: Sequence[QueueStatus]) -> Iterator[str]:
    """Return the commands that bring the failed messages back."""
    for status in statuses:
        if not status.waiting:
            continue
        if status.queue == "relay":
            # Messages are received unsorted: one that was not examined may be earlier.
            since = status.since if status.since and status.examined >= status.waiting else "TIME"
            name = status.service
            yield f"tidings relay --service {name} --since {since}; then tidings dlq drop {name} --relay"
        else:
            flag = " --undelivered" if status.queue == "undelivered" else ""
            yield f"tidings dlq show {status.service}{flag}; then tidings dlq redrive {status.service}{flag}"


def listing(dead_letters: Sequence[DeadLetterDetails]) -> Iterator[str]:
    """Return the lines that describe dead letters."""
    for details in dead_letters:
        attempts = f", tried {details.attempts} times" if details.attempts else ""
        yield f"{details.first_seen}  {details.event or details.message}"
        yield f"    {details.type or 'no event'} of order {details.subject or '-'}: {details.reason}{attempts}"
        if details.detail:
            yield f"    {details.detail}"
        if details.since:
            yield f"    its events: since {details.since}"


def listing_json(dead_letters: Sequence[DeadLetterDetails]) -> list[dict[str, Any]]:
    """Return dead letters as JSON values. An event's subject is an order."""
    return [
        {"order" if name == "subject" else name: value for name, value in msgspec.structs.asdict(details).items()}
        for details in dead_letters
    ]


def format_counts(reasons: Mapping[str, int], verb: str) -> str:
    """Format the number of messages by reason: `3 messages sent back (gave-up 2, undecodable 1)`."""
    number = sum(reasons.values())
    counts = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    return f"{number:,} {'message' if number == 1 else 'messages'} {verb}" + (f" ({counts})" if counts else "")


def format_depth(dead_letters: DeadLetters) -> str:
    """Format the current number of messages in the queue: `3 left`."""
    depth = dead_letters.queue.depth()
    in_flight = f", {depth.in_flight:,} in flight, which return within about a minute" if depth.in_flight else ""
    return f"{depth.waiting:,} left{in_flight}"
