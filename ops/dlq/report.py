"""The text and the JSON about dead letters."""

import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from contracts.values.order import is_order_id
from ops.console import plain
from ops.counts import counted
from ops.dlq.queues import DeadLetterSelection, QueueStatus
from ops.stage import command_line
from ops.times import format_age
from tidings.core.clock import from_rfc3339
from tidings.recovery import DeadLetterDetails, DeadLetters, FailureKind, Remedy, remedy_of

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
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("service", no_wrap=True)
    table.add_column("failed", no_wrap=True)
    table.add_column("messages", justify="right", no_wrap=True)
    table.add_column("oldest", no_wrap=True)
    table.add_column("reasons", overflow="fold")
    for status in statuses:
        if status.queue == "dlq" or status.waiting or status.hidden:
            # Each reason has a line, so that no word is broken in eighty columns.
            reasons = [f"{reason} {number:,}" for reason, number in status.reasons.items()]
            partial = [f"(of the first {status.examined:,})"] if status.examined < status.waiting else []
            number = f"{status.waiting:,}" + (f"\n+{status.hidden:,}\nin flight" if status.hidden else "")
            oldest = format_age(now - from_rfc3339(status.oldest)) if status.oldest else ""
            text = escape(plain("\n".join([*reasons, *partial])))
            table.add_row(status.service, FAILURES[status.queue], number, oldest, text)
    return table


def advice(statuses: Sequence[QueueStatus], stage: str) -> Iterator[str]:
    """Return the commands, as they must be typed, that help the failed messages of a stage."""
    for status in statuses:
        if not status.waiting:
            continue
        if status.queue == "relay":
            yield from _relay_advice(status, stage)
        else:
            selection = DeadLetterSelection(service=status.service, kind=status.queue)
            yield from remedies(status.reasons, selection, stage)


def remedies(reasons: Collection[str], selection: DeadLetterSelection, stage: str) -> Iterator[str]:
    """Return the commands that help a consumer's dead letters: a drop of what it never handles, then a redrive.

    The others are redriven together, because the messages of an order then keep their sequence.
    """
    found = {reason: remedy_of(reason) for reason in sorted(reasons)}
    for reason, remedy in found.items():
        if remedy.action == "drop":
            yield _steps(replace(selection, reason=reason), stage, [remedy])
    redriven = [remedy for remedy in found.values() if remedy.action == "redrive"]
    if redriven or not found:
        yield _steps(selection, stage, redriven)


def _steps(selection: DeadLetterSelection, stage: str, remedies: Sequence[Remedy]) -> str:
    target = selection.service + selection.options
    firsts = dict.fromkeys(remedy.first for remedy in remedies if remedy.first)
    last = [f"then {command_line(stage, f'dlq {remedy.action} {target}')}" for remedy in remedies[:1]]
    return "; ".join([command_line(stage, f"dlq show {target}"), *firsts, *last])


def failing_again(reasons: Mapping[str, int], selection: DeadLetterSelection, stage: str) -> str | None:
    """Return a note about the redriven messages that fail again as things are, or None.

    A message is not counted if its reason was asked for: then the operator knows it.
    """
    again = {reason: number for reason, number in reasons.items() if remedy_of(reason).fails_again}
    if selection.reason or not again:
        return None
    show = command_line(stage, f"dlq show {selection.service}{selection.options}")
    return f"{format_counts(again, 'will fail again unless the cause is removed')}; {show} says what helps."


def _relay_advice(status: QueueStatus, stage: str) -> Iterator[str]:
    name = status.service
    if status.refused:
        show = command_line(stage, f"dlq show {name} --relay")
        yield f"{show}; it says for each refused event what to do"
    complete = status.examined >= status.waiting
    batches = sorted(Counter(status.reasons) - Counter(status.refused))
    if batches or not complete:
        # Messages are received unsorted: one that was not examined may be earlier.
        since = status.since if status.since and complete else "TIME"
        for reason in (batches or ["REASON"]) if status.refused else [""]:
            yield _publish_batch(name, since, reason, stage)


def _publish_batch(service: str, since: str, reason: str, stage: str) -> str:
    """Return the commands that publish the events of the batches that a relay gave up, and then drop those."""
    selected = f" --reason {shlex.quote(reason)}" if reason else ""
    publish = command_line(stage, f"relay --service {service} --since {since}")
    return f"{publish}; then {command_line(stage, f'dlq drop {service} --relay{selected}')}"


def listing(
    dead_letters: Sequence[DeadLetterDetails],
    selection: DeadLetterSelection,
    stage: str,
    bodies: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Return the lines that describe the dead letters of a selection, and the commands that help them.

    Args:
        dead_letters: The dead letters.
        selection: The selection.
        stage: The stage's name.
        bodies: The bodies to show, by the messages' ids. They may contain personal data. None shows none.
    """
    for details in dead_letters:
        yield f"{details.first_seen}  {details.event or details.message}"
        if details.batch:
            yield f"    a batch of the table's stream: {details.reason}"
        else:
            receives = f", delivered {counted(details.receives, 'time')}" if details.receives else ""
            yield f"    {details.type or 'no event'} of order {details.subject or '-'}: {details.reason}{receives}"
        if details.detail:
            # Line breaks in it could imitate this command's own lines.
            yield f"    {' '.join(details.detail.splitlines())}"
        if bodies is not None:
            yield f"    body: {' '.join(bodies[details.message].splitlines())}"
        if selection.kind == "relay":
            yield from _relay_remedy(details, selection.service, stage)
    if dead_letters and selection.kind != "relay":
        yield from remedies({details.reason for details in dead_letters}, selection, stage)


def _relay_remedy(details: DeadLetterDetails, service: str, stage: str) -> Iterator[str]:
    if details.batch:
        yield f"    its events: since {details.since or 'an unknown time'}"
        yield f"    {_publish_batch(service, details.since or 'TIME', details.reason, stage)}"
        return
    key = details.subject or ""
    selected = f"--order {shlex.quote(key)}" if key else f"--reason {shlex.quote(details.reason)}"
    drop = command_line(stage, f"dlq drop {service} --relay {selected}")
    publish = command_line(
        stage, f"relay --service {service} {f'--order {key}' if is_order_id(key) else '--since TIME'}"
    )
    yield f"    once its cause is repaired: {publish}; then {drop}"
    yield f"    if it must not be published: {drop}"


def listing_json(
    dead_letters: Sequence[DeadLetterDetails], bodies: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return dead letters as JSON values, with their bodies if these are given. An event's subject is an order."""
    return [
        {"order" if name == "subject" else name: value for name, value in msgspec.structs.asdict(details).items()}
        | ({} if bodies is None else {"body": bodies[details.message]})
        for details in dead_letters
    ]


def format_counts(reasons: Mapping[str, int], verb: str) -> str:
    """Format the number of messages by reason: `3 messages sent back (gave-up 2, undecodable 1)`."""
    number = sum(reasons.values())
    counts = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    return f"{counted(number, 'message')} {verb}" + (f" ({counts})" if counts else "")


def format_depth(dead_letters: DeadLetters) -> str:
    """Format the current number of messages in the queue: `3 left`."""
    depth = dead_letters.queue.depth()
    in_flight = f", {depth.in_flight:,} in flight, which return within about a minute" if depth.in_flight else ""
    return f"{depth.waiting:,} left{in_flight}"
