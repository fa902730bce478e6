"""The commands `tidings dlq …`."""

from collections import Counter
from collections.abc import Mapping, Sized
from typing import Annotated

import typer

from ops.console import plain, print_answer, print_note, print_result, progress, results
from ops.context import CommandContext, DryRun, Json, Rate, Yes
from ops.counts import counted
from ops.dlq.drop import drop as drop_dead_letters
from ops.dlq.drop import record_path
from ops.dlq.forget import forget as forget_dropped
from ops.dlq.forget import recorded
from ops.dlq.known import require_known, was_placed
from ops.dlq.queues import DeadLetterQueues, DeadLetterSelection
from ops.dlq.report import advice, failing_again, format_counts, format_depth, listing, listing_json, status_table
from ops.errors import CommandError
from ops.refusals import name_refused
from ops.services import service_names
from ops.stage import check_name
from ops.times import parse_duration
from tidings.core.clock import now
from tidings.recovery import DeadLetters, FailureKind

app = typer.Typer(no_args_is_help=True, help="List, show, redrive and drop dead letters.")

ServiceName = Annotated[
    str, typer.Argument(metavar="SERVICE", help="The service whose messages failed.", autocompletion=service_names)
]
Order = Annotated[str | None, typer.Option("--order", help="Only messages about this order, or with this key.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only messages that failed for this reason.")]
Undelivered = Annotated[
    bool, typer.Option("--undelivered", help="The messages that the topic could not deliver to the service's queue.")
]
OfRelay = Annotated[
    bool, typer.Option("--relay", help="The events that the service's relay refused, and the batches that it gave up.")
]


def _queues(context: typer.Context) -> DeadLetterQueues:
    work: CommandContext = context.obj
    return DeadLetterQueues(work.stage, work.outputs)


def _selection(
    service: str, order: str | None, reason: str | None, *, undelivered: bool, of_relay: bool
) -> DeadLetterSelection:
    if undelivered and of_relay:
        raise CommandError("--undelivered and --relay name two different queues: use one of them")
    kind: FailureKind = "undelivered" if undelivered else "relay" if of_relay else "dlq"
    return DeadLetterSelection(service=service, kind=kind, order=order, reason=reason)


def _require_known(
    work: CommandContext, selection: DeadLetterSelection, dead_letters: DeadLetters, *found: Sized
) -> None:
    """Refuse the selection if nothing was found because its order or its reason does not exist."""
    if not any(found):
        require_known(selection, dead_letters, lambda order: was_placed(work.stage, work.outputs, order))


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List how many messages failed, since when and why."""
    work: CommandContext = context.obj
    statuses = _queues(context).statuses()

    def print_text() -> None:
        results.print(status_table(statuses, now()))
        for text in advice(statuses, work.stage_name):
            print_result(text)

    print_answer(statuses, as_json, print_text)


@app.command()
def show(
    context: typer.Context,
    service: ServiceName,
    order: Order = None,
    reason: Reason = None,
    undelivered: Undelivered = False,
    of_relay: OfRelay = False,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of messages.")] = 100,
    body: Annotated[
        bool, typer.Option("--body", help="Also show each message's text, which may contain personal data.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show each failed message: its event, its reason and its deliveries. All remain in their queue."""
    work: CommandContext = context.obj
    selection = _selection(service, order, reason, undelivered=undelivered, of_relay=of_relay)
    dead_letters = _queues(context).dead_letters(selection)
    selected = dead_letters.find(selection.selects, limit).letters
    found = [details for _, details in selected]
    bodies = {message.id: message.body for message, _ in selected} if body else None
    _require_known(work, selection, dead_letters, found)

    def print_text() -> None:
        for text in listing(found, selection, work.stage_name, bodies):
            print_result(text)
        print_result(f"{service}: {len(found):,} shown, {format_depth(dead_letters)}")

    print_answer(listing_json(found, bodies), as_json, print_text)


@app.command()
def redrive(
    context: typer.Context,
    service: ServiceName,
    order: Order = None,
    reason: Reason = None,
    undelivered: Undelivered = False,
    of_relay: OfRelay = False,
    rate: Rate = None,
    dry_run: DryRun = False,
) -> None:
    """Send failed messages to their consumer again.

    Each order's messages stay in sequence. A message is deleted from the dead-letter queue once it is sent. A message
    that the consumer's queue will never accept is reported, stays there, and holds up no other. If the command breaks
    off, run it again.
    """
    work: CommandContext = context.obj
    selection = _selection(service, order, reason, undelivered=undelivered, of_relay=of_relay)
    if of_relay:
        raise CommandError(
            f"{service}'s relay has no consumer's messages: {work.command('relay')} publishes their events again; "
            f"{work.command(f'dlq show {service} --relay')} says how, and which of them to drop"
        )
    queues = _queues(context)
    dead_letters = queues.dead_letters(selection)
    if dry_run:
        reasons = Counter(details.reason for _, details in dead_letters.find(selection.selects).letters)
        _require_known(work, selection, dead_letters, reasons)
        print_result(f"{service}: {format_counts(reasons, 'would be sent back')}, {format_depth(dead_letters)}")
        _note_failing_again(work, reasons, selection)
        return
    result = queues.redrive(selection, rate)
    _require_known(work, selection, dead_letters, result.sent, result.repeated, result.refused)
    if result.repeated:
        repeated = format_counts(result.repeated, "failed again at once, or were in the queue twice")
        print_note(f"{repeated}; {work.command(f'dlq show {service}{selection.options}')} shows why.")
    _note_failing_again(work, result.sent, selection)
    print_result(f"{service}: {format_counts(result.sent, 'sent back')}, {format_depth(dead_letters)}")
    if refused := result.refused:
        raise CommandError(
            f"{service}'s queue will never accept {len(refused):,} of them, which stay in the dead-letter queue: "
            f"{name_refused(refused.items())}"
        )


def _note_failing_again(work: CommandContext, reasons: Mapping[str, int], selection: DeadLetterSelection) -> None:
    if text := failing_again(reasons, selection, work.stage_name):
        print_note(text)


@app.command()
def drop(
    context: typer.Context,
    service: ServiceName,
    order: Order = None,
    reason: Reason = None,
    undelivered: Undelivered = False,
    of_relay: OfRelay = False,
    yes: Yes = False,
) -> None:
    """Record failed messages in a local file, and delete them."""
    work: CommandContext = context.obj
    selection = _selection(service, order, reason, undelivered=undelivered, of_relay=of_relay)
    dead_letters = _queues(context).dead_letters(selection)
    path = record_path(work.directory, work.stage_name, selection)
    dropped = drop_dead_letters(
        dead_letters, selection, path, lambda text: yes or typer.confirm(plain(f"{text}. Continue?"), err=True)
    )
    if dropped is None:
        progress.print("Nothing was dropped.")
        return
    _require_known(work, selection, dead_letters, dropped)
    file = f"; recorded in {path}" if dropped else ""
    print_result(f"{service}: {format_counts(dropped, 'dropped')}, {format_depth(dead_letters)}{file}")
    if dropped:
        print_note(
            f"The file may contain personal data: {work.command('dlq forget')} deletes it once it is not needed."
        )


@app.command()
def forget(
    context: typer.Context,
    service: Annotated[
        str | None,
        typer.Argument(metavar="[SERVICE]", help="Only the messages of this service.", autocompletion=service_names),
    ] = None,
    order: Order = None,
    older_than: Annotated[
        int | None,
        typer.Option(
            metavar="DURATION", parser=parse_duration, help="Only messages dropped before this time, like 30d."
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Delete the records of dropped messages from this machine. Ask first.

    dlq drop writes them, with the messages' texts, which may contain personal data.
    """
    work: CommandContext = context.obj
    check_name(work.stage_name)
    before = now() - older_than * 1000 if older_than else None
    files = recorded(work.directory, work.stage_name, service)
    found = forget_dropped(files, order, before, dry_run=True)
    messages = counted(found, "dropped message")
    if found and not yes and not typer.confirm(f"The records of {messages} will be deleted. Continue?", err=True):
        progress.print("Nothing was deleted.")
        return
    forget_dropped(files, order, before)
    print_result(f"{messages} forgotten")
