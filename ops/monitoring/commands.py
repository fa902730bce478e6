"""The commands `tidings alarms`, `tidings watch` and `tidings logs`."""

import re
from typing import Annotated

import msgspec
import typer

from ops.console import plain, print_answer, print_note, progress
from ops.context import CommandContext, Json, Since
from ops.errors import CommandError
from ops.jobs import run_watch
from ops.monitoring.alarms import active_alarms
from ops.monitoring.logs import ACCESS_LOG, PROBLEMS, RUNS, log_lines, with_status
from ops.times import parse_since
from tidings.aws.watch import WatchReport
from tidings.core.clock import from_rfc3339

app = typer.Typer()


@app.command()
def alarms(context: typer.Context) -> None:
    """List the active alarms, latest first.

    The description of an alarm names its entry in the runbook.
    """
    work: CommandContext = context.obj
    # A stage that is not deployed has no alarms either.
    _ = work.outputs
    found = active_alarms(work.stage)
    for alarm in found:
        typer.echo(f"{alarm.since} {alarm.name}: {alarm.description}")
    if not found and work.is_local:
        print_note(f"The local cloud evaluates no alarms. {work.command('dlq list')} shows the messages that failed.")
    elif not found:
        progress.print("No alarm is active.")


@app.command()
def watch(context: typer.Context, as_json: Json = False) -> None:
    """Look now for what stops events on their way to functions.

    A mapping may be disabled, a relay may read another stream than its table's, or be hours behind. The watch looks
    every five minutes by itself, and then alarms report its problems.
    """
    work: CommandContext = context.obj
    report = run_watch(work.stage)
    print_answer(msgspec.to_builtins(report), as_json, lambda: _print_problems(report))


def _print_problems(report: WatchReport) -> None:
    for problem in report.problems:
        typer.echo(f"{problem.function}: {problem.text}")
    if not report.problems:
        progress.print("No problem was found.")


def _parse_status(text: str) -> str:
    if not re.fullmatch(r"[1-5][0-9]{0,2}", text):
        raise typer.BadParameter(f"{text!r} is not a status like 503, or 5 for every status that begins with 5")
    return text


@app.command()
def logs(
    context: typer.Context,
    log: Annotated[str, typer.Argument(help="A function, like orders-consumer; or api, the API's access log.")],
    since: Since = None,
    containing: Annotated[str, typer.Option(metavar="TEXT", help="Only lines that contain this text.")] = "",
    problems: Annotated[
        bool, typer.Option("--problems", help="Only warnings, errors, crashes, and runs out of time or memory.")
    ] = False,
    runs: Annotated[bool, typer.Option("--runs", help="Only Lambda's report of each run: duration, memory.")] = False,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS", parser=_parse_status, help="Access log: only answers with this status; 5 means 5xx."
        ),
    ] = None,
) -> None:
    """Print a function's log, or the API's access log, oldest first.

    Without --since it is that of the last hour.
    """
    work: CommandContext = context.obj
    if (log == ACCESS_LOG and (problems or runs)) or (log != ACCESS_LOG and status):
        raise CommandError("--status is for the access log (api), --problems and --runs are for the logs of functions")
    filters = [lines for lines, wanted in ((PROBLEMS, problems), (RUNS, runs)) if wanted]
    filters += [with_status(status)] if status else []
    begin = since or parse_since("1h")
    line = None
    for line in log_lines(work.stage, log, from_rfc3339(begin), filters=filters, containing=containing):
        typer.echo(plain(line))
    if line is None and log == ACCESS_LOG and work.stage.endpoint:
        progress.print("The local cloud writes no access log; AWS does.")
    elif line is None:
        progress.print("No such line was logged.")
