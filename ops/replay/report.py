"""The progress bar of a replay, and the text about its outcome."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ops.console import print_result, progress
from ops.counts import counted
from ops.errors import CommandError
from ops.refusals import name_refused
from ops.replay.options import ReplayOptions
from tidings.core.clock import from_rfc3339
from tidings.recovery import Gap, ReplayProgress, ReplaySelection, ReplayState

MAX_GAPS = 20
"""Maximum number of lines about gaps."""


@contextmanager
def progress_bar(options: ReplayOptions, selection: ReplaySelection) -> Iterator[Callable[[ReplayState], None]]:
    """Show a bar for the time covered and the number of messages. Yield the function that moves it."""
    begin, end = from_rfc3339(selection.start), from_rfc3339(selection.end)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[messages]}"),
        TimeElapsedColumn(),
    )
    verb = "Counting for" if options.dry_run else "Replaying to"
    with Progress(*columns, console=progress) as bar:
        task = bar.add_task(f"{verb} {options.consumer}", total=max(1, end - begin), messages="")

        def watch(state: ReplayState) -> None:
            bar.update(task, completed=max(0, state.recorded - begin), messages=describe_state(state, options.dry_run))

        yield watch
        bar.update(task, completed=max(1, end - begin))


def describe_state(state: ReplayState, dry_run: bool) -> str:
    """Return the number of messages sent so far, of all if that is known: `180 of 2,000 messages sent`."""
    of = "" if state.total is None else f"{state.sent:,} of "
    messages = counted(state.sent if state.total is None else state.total, "message")
    return f"{of}{messages} {'counted' if dry_run else 'sent'}"


def report(options: ReplayOptions, outcome: ReplayProgress) -> None:
    """Print the number of messages by type, and the gaps of the log.

    Raises:
        CommandError: If some events cannot be sent.
    """
    number = sum(outcome.sent.values())
    verb = "would be sent" if options.dry_run else "sent"
    types = ", ".join(f"{name} {count:,}" for name, count in sorted(outcome.sent.items()))
    print_result(f"{options.consumer}: {counted(number, 'message')} {verb}" + (f" ({types})" if types else ""))
    for line in describe_gaps(outcome.gaps):
        print_result(line)
    if failed := outcome.failed:
        raise CommandError(
            f"{counted(len(failed), 'recorded event')} cannot be sent to {options.consumer}: "
            f"{name_refused(failed.items())}"
        )


def describe_gaps(gaps: Collection[Gap]) -> Iterator[str]:
    """Return the lines about the numbers that the log lacks, one for each source of an order."""
    missing: dict[tuple[str, str], list[int]] = defaultdict(list)
    for order, source, number in gaps:
        missing[order, source].append(number)
    for order, source in sorted(missing)[:MAX_GAPS]:
        numbers = ", ".join(map(str, sorted(missing[order, source])))
        yield f"Not recorded: of order {order}, from {source}, number {numbers}"
    if len(missing) > MAX_GAPS:
        yield f"and {len(missing) - MAX_GAPS} more"
