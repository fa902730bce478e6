"""The text about the outcome of an audit."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from ops.console import print_answer, print_result
from ops.counts import counted
from ops.errors import CommandError
from tidings.recovery import AuditProgress, Difference

MAX_SHOWN = 50
"""Maximum number of differences in the text. JSON contains all that are listed."""

MEANINGS: Mapping[str, str] = {
    "not-in-log": "the log lacks it",
    "not-in-outbox": "the outbox lacks it",
    "conflicting-body": "the id has two bodies",
    "unreadable": "it is no event of its producer",
}
"""The meaning of each kind of difference."""


def describe_progress(part: str, progress: AuditProgress) -> str:
    """Return what is read, how much was compared, and how much differs: `orders: 1,200 events compared, 0 differ`."""
    compared = counted(progress.announced + progress.recorded, "event")
    return f"{part}: {compared} compared, {sum(progress.found.values()):,} differ"


def report(outcome: AuditProgress, *, as_json: bool) -> None:
    """Print the differences, and the numbers of what was compared.

    Args:
        outcome: The outcome.
        as_json: Whether to print it as JSON.

    Raises:
        CommandError: If something differs that was not repaired.
    """
    answer = {
        "items": outcome.items,
        "announced": outcome.announced,
        "recorded": outcome.recorded,
        "found": outcome.found,
        "repaired": outcome.repaired,
        "differences": outcome.differences,
        "uncompared": outcome.uncompared,
    }

    def print_text() -> None:
        for text in lines(outcome):
            print_result(text)

    print_answer(answer, as_json, print_text)
    if outcome.remaining:
        raise CommandError(f"the outboxes and the event log differ in {counted(outcome.remaining, 'event')}")


def lines(outcome: AuditProgress) -> Iterator[str]:
    """Return the lines about the outcome."""
    for difference in islice(outcome.differences, MAX_SHOWN):
        yield describe(difference)
    total = sum(outcome.found.values())
    if total > MAX_SHOWN:
        yield f"and {total - MAX_SHOWN:,} more"
    yield (
        f"{counted(outcome.announced, 'announced event')} and {counted(outcome.recorded, 'recorded event')} "
        f"before {outcome.scope.until} compared: "
        f"{total:,} differ, {sum(outcome.repaired.values()):,} repaired"
    )
    if outcome.uncompared:
        number = counted(sum(outcome.uncompared.values()), "recorded event")
        yield f"not compared: {number} of {', '.join(sorted(outcome.uncompared))}, whose outboxes were not read"


def describe(difference: Difference) -> str:
    """Return one line about a difference: `orders/1/2: the log lacks it (not-in-log); repaired`."""
    end = "; repaired" if difference.repaired else f"; {difference.detail}" if difference.detail else ""
    return f"{difference.event}: {MEANINGS[difference.kind]} ({difference.kind}){end}"


def remedies(outcome: AuditProgress, command: Callable[[str], str], *, repairing: bool) -> Iterator[str]:
    """Return a note for each kind of difference that says what to do.

    Args:
        outcome: The outcome.
        command: Returns a command as it must be typed.
        repairing: Whether the audit repaired what it could.
    """
    found = outcome.found
    if repairing and outcome.repaired.get("not-in-log"):
        yield (
            "The log records the published events within moments. The topic drops an event that it has published "
            "within the last five minutes: then run the command again."
        )
    elif found.get("not-in-log") and not repairing:
        yield f"{command('audit --repair')} publishes the events that the log lacks."
    if found.get("not-in-outbox", 0) > outcome.repaired.get("not-in-outbox", 0):
        yield (
            "An outbox lacks its last events if its table was restored: recover the service, because its states lack "
            'what these events say. The guide "Audit" says more.'
        )
    if found.get("conflicting-body"):
        yield "An id with two bodies names two facts. The runbook's entry conflicting-body says what to do."
