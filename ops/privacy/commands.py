"""The commands `tidings customer …` and `tidings privacy …`."""

import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.console import plain, print_answer, print_note, print_result, progress, step
from ops.context import CommandContext, Json, Operator, Yes
from ops.counts import counted
from ops.errors import CommandError
from ops.ids import parse_customer, parse_key
from ops.jobs import run_privacy
from ops.orders.client import RefusedError, ShopClient
from ops.privacy.export import download, require_free
from ops.privacy.report import describe_job, next_steps
from ops.times import parse_duration
from ops.users import customer_of
from tidings.recovery import wait_until

customer = typer.Typer(no_args_is_help=True, help="Export and erase a customer's personal data.")
privacy = typer.Typer(no_args_is_help=True, help="Run the jobs that export and erase personal data.")

JOB_SECONDS = 10 * 60
"""How long a command waits for a job. On AWS a schedule runs the jobs every minute."""

CustomerId = Annotated[
    str, typer.Argument(metavar="ID", parser=parse_customer, help="The customer's id, as customer id prints it.")
]
Key = Annotated[
    str | None,
    typer.Option(metavar="KEY", parser=parse_key, help="The idempotency key; default: a new one."),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until the job has run.")]


@customer.command("id")
def id_(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The e-mail address of the customer's account.")],
) -> None:
    """Print the id of the customer whose account has an e-mail address."""
    work: CommandContext = context.obj
    print_result(customer_of(work.stage, work.outputs, address))


@customer.command()
def export(
    context: typer.Context,
    customer_id: CustomerId,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Download the export to this file, which must not exist."),
    ] = None,
    key: Key = None,
    no_wait: NoWait = False,
    user: Operator = None,
    as_json: Json = False,
) -> None:
    """Export a customer's personal data, as an operator.

    The export is recorded. Its file is behind a link that expires after fifteen minutes.
    """
    work: CommandContext = context.obj
    if to is not None:
        if no_wait:
            raise CommandError("name one of --to and --no-wait: the file exists once the job has run")
        require_free(to)
    shop = work.shop(user, operator=True)
    job = shop.request_export(customer_id, key or str(uuid.uuid4()))
    if not no_wait:
        with step("Exporting"):
            job = _wait(work, shop, customer_id, job, lambda status: status in ("done", "failed"))
    if to is not None and job["url"]:
        download(job["url"], to)
        # The file is on the disk, and the link would only be a second way to it.
        job = {**job, "url": None}
    _print(work, customer_id, job, as_json)
    if to is not None and job["status"] == "done":
        print_note(f"{to} contains personal data, and only you can read it. Delete it once it is handed over.")


@customer.command()
def erase(
    context: typer.Context,
    customer_id: CustomerId,
    key: Key = None,
    no_wait: NoWait = False,
    yes: Yes = False,
    user: Operator = None,
    as_json: Json = False,
) -> None:
    """Erase a customer's personal data, and at last the account, as an operator. Ask first.

    The erasure is recorded, and cannot be undone. It runs again after an hour, and then the account goes.
    """
    work: CommandContext = context.obj
    if not yes:
        text = (
            f"The personal data and the account of customer {customer_id} on {work.stage.name} will be erased for good"
        )
        if not typer.confirm(plain(f"{text}. Continue?"), err=True):
            progress.print("Nothing was erased.")
            return
    shop = work.shop(user, operator=True)
    job = shop.request_erasure(customer_id, key or str(uuid.uuid4()))
    if not no_wait:
        with step("Erasing"):
            job = _wait(work, shop, customer_id, job, lambda status: status != "running")
    _print(work, customer_id, job, as_json)


@customer.command()
def job(
    context: typer.Context,
    customer_id: CustomerId,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as export and erase print it.")],
    user: Operator = None,
    as_json: Json = False,
) -> None:
    """Show an export or an erasure, as an operator."""
    work: CommandContext = context.obj
    try:
        answer = work.shop(user, operator=True).privacy_job(customer_id, job_id)
    except RefusedError as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        raise CommandError(f"customer {customer_id} has no job {job_id}") from refusal
    _print(work, customer_id, answer, as_json)


@privacy.callback()
def family() -> None:
    """Run the jobs about personal data. One command alone would take its family's name."""


@privacy.command()
def run(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Also run the exports and erasures that are not due yet.")
    ] = False,
    older_than: Annotated[
        int | None,
        typer.Option(
            metavar="DURATION",
            parser=parse_duration,
            help="Erase the data of orders that ended this long ago, like 90d; default: the stage's retention.",
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Run the exports and erasures that are due, and the retention. Ask first if the retention is not the stage's.

    On AWS a schedule does so every minute. The local cloud invokes no schedule.
    """
    work: CommandContext = context.obj
    if older_than is not None and not yes:
        text = f"The personal data of every order of {work.stage.name} that ended {older_than} s ago will be erased"
        typer.confirm(f"{text}. Continue?", abort=True, err=True)
    result = run_privacy(work.stage, everything=everything, older_than=older_than)
    jobs, retention = result.jobs, result.retention
    print_result(f"jobs: {jobs.done} done, {jobs.waiting} wait, {jobs.failed} failed")
    print_result(
        f"retention: {counted(retention.erased, 'order')} erased, {retention.postponed} postponed, "
        f"{retention.failed} failed"
    )
    if not (jobs.finished and retention.finished):
        print_note("The job's time ran out. Its next run, within a minute, continues.")
    if jobs.failed or retention.failed:
        raise CommandError(f"some of them failed; read {work.command('logs privacy-jobs --problems')}")


def _wait(
    work: CommandContext, shop: ShopClient, customer_id: str, job: dict[str, Any], ends: Callable[[str], bool]
) -> dict[str, Any]:
    """Wait until a job's status is one that ends the command, and return the job as it is then or was last."""
    last = job

    def ended() -> bool:
        nonlocal last
        if work.is_local:
            # The local cloud invokes no schedule.
            run_privacy(work.stage)
        last = shop.privacy_job(customer_id, job["id"])
        return ends(last["status"])

    try:
        wait_until(ended, JOB_SECONDS, f"the end of job {job['id']}", every=1)
    except TimeoutError:
        print_note(f"The job has not ended within {JOB_SECONDS // 60} minutes.")
    return last


def _print(work: CommandContext, customer_id: str, job: Mapping[str, Any], as_json: bool) -> None:
    """Print a job, and what happens next.

    Raises:
        CommandError: If the job failed.
    """

    def print_text() -> None:
        for line in describe_job(job):
            print_result(line)

    print_answer(job, as_json, print_text)
    if note := next_steps(job, work.command(f"customer job {customer_id} {job['id']}")):
        print_note(note)
    if job["status"] == "failed":
        raise CommandError(
            f"the job {job['id']} has failed again and again, and is tried again all the same; "
            f"read {work.command('logs privacy-jobs --problems')}"
        )
