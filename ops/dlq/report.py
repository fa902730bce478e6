"""The text and the JSON about dead letters."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from contracts.values.order import is_order_id
from ops.dlq.queues import DeadLetterSelection, QueueStatus
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
            table.add_row(status.service, FAILURES[status.queue], number, oldest, escape(reasons + partial))
    return table


def advice(statuses: Sequence[QueueStatus]) -> Iterator[str]:
    """Return the commands that bring the failed messages back."""
    for status in statuses:
        if not status.waiting:
            continue
        if status.queue == "relay":
            yield from _relay_advice(status)
        else:
            flag = " --undelivered" if status.queue == "undelivered" else ""
            yield f"tidings dlq show {status.service}{flag}; then tidings dlq redrive {status.service}{flag}"


def _relay_advice(status: QueueStatus) -> Iterator[str]:
    name = status.service
    if status.refused:
        yield f"tidings dlq show {name} --relay; it says for each refused event what to do"
    complete = status.examined >= status.waiting
    batches = sorted(Counter(status.reasons) - Counter(status.refused))
    if batches or not complete:
        # Messages are received unsorted: one that was not examined may be earlier.
        since = status.since if status.since and complete else "TIME"
        for reason in (batches or ["REASON"]) if status.refused else [""]:
            yield _publish_batch(name, since, reason)


def _publish_batch(service: str, since: str, reason: str) -> str:
    """Return the commands that publish the events of the batches that a relay gave up, and then drop those."""
    selected = f" --reason {shlex.quote(reason)}" if reason else ""
    return f"tidings relay --service {service} --since {since}; then tidings dlq drop {service} --relay{selected}"


def listing(dead_letters: Sequence[DeadLetterDetails], selection: DeadLetterSelection) -> Iterator[str]:
    """Return the lines that describe the dead letters of a selection. Those about a relay's end with what to do."""
    service = selection.service
    for details in dead_letters:
        yield f"{details.first_seen}  {details.event or details.message}"
        if details.batch:
            yield f"    a batch of the table's stream: {details.reason}"
        else:
            receives = f", delivered {details.receives} times" if details.receives else ""
            yield f"    {details.type or 'no event'} of order {details.subject or '-'}: {details.reason}{receives}"
        if details.detail:
            yield f"    {details.detail}"
        if details.batch:
            yield f"    its events: since {details.since or 'an unknown time'}"
            yield f"    {_publish_batch(service, details.since or 'TIME', details.reason)}"
        elif selection.kind == "relay":
            key = details.subject or ""
            selected = f"--order {shlex.quote(key)}" if key else f"--reason {shlex.quote(details.reason)}"
            drop = f"tidings dlq drop {service} --relay {selected}"
            events = f"--order {key}" if is_order_id(key) else "--since TIME"
            yield f"    once its cause is repaired: tidings relay --service {service} {events}; then {drop}"
            yield f"    if it must not be published: {drop}"


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
