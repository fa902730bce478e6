"""The `tidings` command."""

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from ops import demo as examples
from ops import dlq as failures
from ops import relaying, scaffold
from ops.api import Shop, order_of
from ops.console import progress, results, step
from ops.deploy import deploy
from ops.failure import Failure
from ops.letters import Kind
from ops.local import LocalCloud
from ops.outputs import Outputs, outputs_of
from ops.project import make_importable
from ops.signals import ACCESS_LOG, PROBLEMS, RUNS, alarms_on, answered, log_lines
from ops.stage import LOCAL, ROOT, Stage, local_stage, stage_named, state_directory
from ops.sweep import seconds_of
from ops.sweep import sweep as run_sweep
from ops.timeline import table_of
from ops.users import CUSTOMER, OPERATOR, token_for
from tidings.clock import now
from tidings.contracts import Money
from tidings.money import written


class Commands(TyperGroup):
    """A group whose commands end with one clear line where they cannot do what they were asked."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; a Failure is shown and makes the exit status 1."""
        try:
            return super().invoke(ctx)
        except (Failure, TimeoutError) as failure:
            progress.print("[bold red]Error:[/]", end=" ")
            progress.print(str(failure), markup=False, soft_wrap=True)
            raise typer.Exit(1) from failure


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
order_app = typer.Typer(no_args_is_help=True, help="Place an order, see what became of it, cancel it.")
app.add_typer(order_app, name="order")
new_app = typer.Typer(no_args_is_help=True, help="Write something new into the project.")
app.add_typer(new_app, name="new")
dlq_app = typer.Typer(no_args_is_help=True, help="See what failed, send it back, or drop it.")
app.add_typer(dlq_app, name="dlq")


@dataclass
class Context:
    """What the commands work on: the stage that was asked for, found when it is needed."""

    name: str
    cloud: LocalCloud

    @cached_property
    def stage(self) -> Stage:
        """The stage, where it can be reached."""
        return stage_named(self.name, self.cloud)

    @cached_property
    def outputs(self) -> Outputs:
        """What the stage is made of."""
        return outputs_of(self.stage)

    def shop(self, user: str, *, operator: bool = False) -> Shop:
        """The API as this user sees it. TIDINGS_TOKEN, where it is set, says who asks instead."""
        token = os.environ.get("TIDINGS_TOKEN")
        return Shop(self.outputs.api, token or token_for(self.stage, self.outputs, user, operator=operator))

    def shop_of_reader(self, user: str | None) -> Shop:
        """The API as the user sees it; without one, as an operator does, who may see every order."""
        return self.shop(user) if user else self.shop(OPERATOR, operator=True)

    @property
    def failures(self) -> failures.Failures:
        """What failed on the stage."""
        return failures.Failures(self.stage, self.outputs)

    @property
    def state(self) -> Path:
        """Where commands keep what outlasts them."""
        return self.cloud.directory if self.name == LOCAL else state_directory()

    def only_local(self) -> None:
        """Refuses what makes sense on the local cloud alone."""
        if self.name != LOCAL:
            raise Failure(f"this is for the local cloud; make deploy STAGE={self.name} deploys that stage")


@app.callback()
def main(
    context: typer.Context,
    stage: Annotated[str, typer.Option(envvar="TIDINGS_STAGE", help="local, dev or prod.")] = LOCAL,
    directory: Annotated[
        Path, typer.Option("--local", envvar="TIDINGS_LOCAL", help="Where the local cloud keeps its files.")
    ] = ROOT / ".local",
) -> None:
    """Operates Tidings on the local cloud, or on AWS by the settings that AWS's own tools go by."""
    context.obj = Context(stage, LocalCloud(directory.resolve()))


Port = Annotated[int | None, typer.Option(min=1, max=65535, help="The local cloud's port (4566 unless it runs).")]
USER = "TIDINGS_USER"
"""The variable that says who asks, where no option does."""

User = Annotated[str, typer.Option(envvar=USER, help="The user's name; the stage local creates the user.")]
Reader = Annotated[
    str | None, typer.Option(envvar=USER, help="Ask as this user; else, locally, as an operator, who may see all.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Rate = Annotated[float | None, typer.Option(min=0.1, help="Messages a second, at most.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count, and send nothing.")]
Failed = Annotated[str, typer.Argument(metavar="SERVICE", help="The service whose failures these are.")]
OfOrder = Annotated[str | None, typer.Option("--order", help="Only what is about this order.")]
WithReason = Annotated[str | None, typer.Option("--reason", help="Only what failed for this reason.")]
Undelivered = Annotated[bool, typer.Option("--undelivered", help="What the topic could not deliver to its queue.")]
OfRelay = Annotated[bool, typer.Option("--relay", help="What tells of the events that its relay gave up.")]


@app.command()
def up(context: typer.Context, port: Port = None) -> None:
    """Start the local cloud, where it does not run yet, and deploy the app on it."""
    work: Context = context.obj
    work.only_local()
    work.cloud.directory.mkdir(parents=True, exist_ok=True)
    with step("Starting the local cloud"):
        running = work.cloud.start(port)
    deploy(local_stage(running.endpoint), work.cloud.directory)


@app.command()
def down(context: typer.Context) -> None:
    """Stop the local cloud, and lose all that is in it."""
    work: Context = context.obj
    work.only_local()
    stopped = work.cloud.stop()
    progress.print("The local cloud is stopped." if stopped else "No local cloud was running.")


@app.command()
def demo(context: typer.Context) -> None:
    """Load a small catalogue on the local cloud, place a handful of orders and show what becomes of them."""
    work: Context = context.obj
    work.only_local()
    try:
        examples.show(work.stage, work.outputs)
    except TimeoutError as error:
        raise Failure(f"{error}; what the functions said is in {work.cloud.log}") from error
    results.print(
        f"""
The shop runs on {work.outputs.api}
  .venv/bin/tidings order place --sku mug-blue:2     then order show, order cancel, timeline
  .venv/bin/tidings outputs                          where everything is
  curl -H "Authorization: Bearer $(.venv/bin/tidings token)" {work.outputs.api}/orders
  {work.outputs.endpoint}/_ministack/ses/messages      the e-mails it sent
  make stop                                          ends it""",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def outputs(context: typer.Context) -> None:
    """Print where everything of the stage is, as JSON."""
    _print_json(context.obj.outputs)


@app.command()
def token(
    context: typer.Context,
    user: Annotated[
        str | None, typer.Option(envvar=USER, help="The user's name; else, locally, customer or operator.")
    ] = None,
    operator: Annotated[bool, typer.Option("--operator", help="Local: put the user among the operators.")] = False,
) -> None:
    """Print an ID token for the API. The stage local creates the user; others ask for the password."""
    work: Context = context.obj
    name = user or (OPERATOR if operator else CUSTOMER)
    typer.echo(token_for(work.stage, work.outputs, name, operator=operator))


def _line(text: str) -> tuple[str, int]:
    sku, _, quantity = text.partition(":")
    if not sku or not re.fullmatch(r"\d*", quantity):
        raise typer.BadParameter(f"{text!r} is not SKU:QUANTITY")
    return sku, int(quantity or 1)


@order_app.command()
def place(
    context: typer.Context,
    sku: Annotated[
        list[str] | None,
        typer.Option(metavar="SKU:QTY", help="A line; may be repeated. Without: one of the first."),
    ] = None,
    payment_method: Annotated[str, typer.Option(help="How it is paid.")] = "pm_card_visa",
    email: Annotated[str, typer.Option(help="Where the receipt goes.")] = "customer@example.com",
    key: Annotated[str | None, typer.Option(help="The Idempotency-Key; a new one unless given.")] = None,
    user: User = CUSTOMER,
    as_json: Json = False,
) -> None:
    """Place an order, sent to an address for trying things out."""
    lines = [_line(text) for text in sku or ()]
    work: Context = context.obj
    shop = work.shop(user)
    placed = shop.place(order_of(lines or [(_first_sku(shop, work.name), 1)], payment_method, email), key).json()
    _print(placed, as_json, lambda: typer.echo(_in_words(placed)))


def _first_sku(shop: Shop, stage: str) -> str:
    products = shop.products()
    if not products:
        fills = "tidings demo fills it" if stage == LOCAL else "an operator fills it (README, “Deploy it to AWS”)"
        raise Failure(f"the catalogue is empty; {fills}")
    return str(products[0]["sku"])


@order_app.command()
def show(context: typer.Context, order_id: str, user: Reader = None, as_json: Json = False) -> None:
    """Show what has become of an order."""
    order = context.obj.shop_of_reader(user).order(order_id)
    _print(order, as_json, lambda: typer.echo(_in_words(order)))


@order_app.command()
def cancel(context: typer.Context, order_id: str, user: User = CUSTOMER) -> None:
    """Ask for an order to be cancelled."""
    typer.echo(_in_words(context.obj.shop(user).cancel(order_id)))


@app.command()
def timeline(context: typer.Context, order_id: str, user: Reader = None, as_json: Json = False) -> None:
    """Show all that happened to an order, and why."""
    found = context.obj.shop_of_reader(user).timeline(order_id)
    _print(found, as_json, lambda: results.print(table_of(found)))


def _seconds(text: str) -> int:
    try:
        return seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _status(text: str) -> str:
    if not re.fullmatch(r"[1-5][0-9]{0,2}", text):
        raise typer.BadParameter(f"{text!r} is no status like 503, or 5 for all that begin so")
    return text


@app.command()
def sweep(
    context: typer.Context,
    older_than: Annotated[
        int | None,
        typer.Option(metavar="TIME", parser=_seconds, help="Like 90s, 30m or 2h; else the stage's own limit."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Cancel, now, the orders that have been pending for too long; asks where that is not the stage's own limit."""
    if older_than is not None and not yes:
        text = f"Every order of {context.obj.stage.name} that has been pending for {older_than} s will be cancelled"
        typer.confirm(f"{text}. Go on?", abort=True, err=True)
    swept = run_sweep(context.obj.stage, older_than)
    typer.echo(f"{swept.cancelled} cancelled, {swept.failed} failed")
    if not swept.finished:
        progress.print("Its time ran out: the next run goes on, in a minute or when you ask again.")
    if swept.failed:
        raise Failure("some could not be cancelled; the log of the function orders-sweep says why")


@app.command()
def alarms(context: typer.Context) -> None:
    """Tell which alarms are on, the latest first, and where the runbook says what to do."""
    found = alarms_on(context.obj.stage)
    for alarm in found:
        typer.echo(f"{alarm.since} {alarm.name}: {alarm.means}")
    if not found:
        progress.print("No alarm is on.")


@app.command()
def logs(
    context: typer.Context,
    log: Annotated[str, typer.Argument(help="A function, like orders-consumer; or api, for the API's access log.")],
    since: Annotated[int | None, typer.Option(metavar="TIME", parser=_seconds, help="How far back; else 1h.")] = None,
    containing: Annotated[str, typer.Option(metavar="TEXT", help="Only lines with this in them.")] = "",
    problems: Annotated[
        bool, typer.Option("--problems", help="Only warnings, errors, crashes, and runs out of time or memory.")
    ] = False,
    runs: Annotated[bool, typer.Option("--runs", help="Only what Lambda reports of each run: time, memory.")] = False,
    status: Annotated[
        str | None,
        typer.Option(metavar="STATUS", parser=_status, help="Of the access log: what was answered so; 5 means 5xx."),
    ] = None,
) -> None:
    """Print what a function logged, or what the API was asked and how it answered, oldest first."""
    work: Context = context.obj
    if (log == ACCESS_LOG and (problems or runs)) or (log != ACCESS_LOG and status):
        raise Failure("--status is for the access log (api), --problems and --runs are for the logs of functions")
    only = [lines for lines, wanted in ((PROBLEMS, problems), (RUNS, runs)) if wanted]
    only += [answered(status)] if status else []
    line = None
    for line in log_lines(work.stage, log, since or 3600, only=only, containing=containing):
        typer.echo(line)
    if line is None and log == ACCESS_LOG and work.stage.endpoint:
        progress.print("The local cloud writes no access log; AWS does.")
    elif line is None:
        progress.print("Nothing of the kind was logged.")


@app.command()
def replay(
    context: typer.Context,
    consumer: Annotated[str, typer.Argument(help="The service to send recorded events to, and no other.")],
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Recorded from then on; else from the beginning.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Recorded before then; else up to now.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="EVENT", help="Only such events; may be repeated.")
    ] = None,
    order: Annotated[str | None, typer.Option(help="Only the events of this order.")] = None,
    rate: Rate = None,
    dry_run: DryRun = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Stop the consumer, clear its table and fill it anew: projections alone.")
    ] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew where a run before broke off.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="On AWS: first wait until a new subscription works.")] = False,
) -> None:
    """Send what history recorded to one consumer again, oldest first; what it has handled before, it ignores.

    Times are like 2026-11-22 or 2026-11-22T01:30:00Z, in UTC where they name no zone. A run that broke off goes on
    where it was.
    """
    make_importable()
    # Its imports are those of the services, which the other commands can do without.
    from ops import replaying

    work: Context = context.obj
    request = replaying.Request(
        consumer=consumer,
        start=start,
        end=end,
        types=tuple(types or ()),
        order=order,
        rate=rate,
        dry_run=dry_run,
        rebuild=rebuild,
        restart=restart,
        wait=wait,
    )
    service = replaying.permitted(request)
    replaying.replay(work.stage, work.outputs, work.cloud.directory, request, service)


@app.command()
def relay(
    context: typer.Context,
    order: Annotated[str | None, typer.Option(help="The events of this order.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="All events since then; reads the whole of each table.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="Only what this service announced.")] = None,
    rate: Rate = None,
    dry_run: DryRun = False,
) -> None:
    """Publish again what the services have announced, from their own tables, for what their relays gave up.

    The events keep their ids, so that consumers ignore what they have handled; what was published within the last five
    minutes goes no further than the topic. A run that broke off is simply run again.
    """
    work: Context = context.obj
    request = relaying.Request(order=order, since=since, service=service, rate=rate, dry_run=dry_run)
    relaying.check(request)
    relaying.relay(work.stage, work.outputs, request)


@dlq_app.command("list")
def dlq_list(context: typer.Context, as_json: Json = False) -> None:
    """Tell of every service how much failed, since when and why."""
    found = context.obj.failures.summaries()

    def in_words() -> None:
        results.print(failures.table_of(found, now()))
        for text in failures.advice(found):
            results.print(text, markup=False, soft_wrap=True)

    _print(found, as_json, in_words)


@dlq_app.command("show")
def dlq_show(
    context: typer.Context,
    consumer: Failed,
    order: OfOrder = None,
    reason: WithReason = None,
    undelivered: Undelivered = False,
    of_relay: OfRelay = False,
    limit: Annotated[int, typer.Option(min=1, help="No more than so many.")] = 100,
    as_json: Json = False,
) -> None:
    """Show what failed, message by message, and leave it where it is."""
    request = _failed(consumer, order, reason, undelivered=undelivered, of_relay=of_relay)
    box = context.obj.failures.box(request)
    found = [description for _, description in box.look(request.wants, limit)]

    def in_words() -> None:
        for text in failures.listing(found):
            results.print(text, markup=False, soft_wrap=True)
        results.print(f"{consumer}: {len(found):,} shown, {failures.outcome(box)}", markup=False, soft_wrap=True)

    _print(found, as_json, in_words)


@dlq_app.command()
def redrive(
    context: typer.Context,
    consumer: Failed,
    order: OfOrder = None,
    reason: WithReason = None,
    undelivered: Undelivered = False,
    of_relay: OfRelay = False,
    rate: Rate = None,
    dry_run: DryRun = False,
) -> None:
    """Send what failed to its consumer's queue again, each order's messages in their order.

    A message is deleted where it lay once it was sent. A run that broke off is simply run again.
    """
    request = _failed(consumer, order, reason, undelivered=undelivered, of_relay=of_relay)
    failures.check_redrive(request)
    found = context.obj.failures
    box = found.box(request)
    if dry_run:
        reasons = Counter(description.reason for _, description in box.look(request.wants))
        text = failures.counted(reasons, "would be sent back")
    else:
        done = found.redrive(request, rate)
        text = failures.counted(done.sent, "sent back")
        if done.back:
            again = failures.counted(done.back, "failed again at once, or lay there twice")
            progress.print(f"{again}; tidings dlq show {consumer} tells why.", markup=False, soft_wrap=True)
    results.print(f"{consumer}: {text}, {failures.outcome(box)}", markup=False, soft_wrap=True)


@dlq_app.command()
def drop(
    context: typer.Context,
    consumer: Failed,
    order: OfOrder = None,
    reason: WithReason = None,
    undelivered: Undelivered = False,
    of_relay: OfRelay = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete what failed, after it was written to a file here."""
    work: Context = context.obj
    request = _failed(consumer, order, reason, undelivered=undelivered, of_relay=of_relay)
    box = work.failures.box(request)
    path = failures.dropped_to(work.state, work.name, request)
    done = failures.drop(box, request, path, lambda text: yes or typer.confirm(f"{text}. Go on?", err=True))
    if done is None:
        progress.print("Nothing was dropped.")
        return
    where = f"; what they were stands in {path}" if done else ""
    text = f"{failures.counted(done, 'dropped')}, {failures.outcome(box)}"
    results.print(f"{consumer}: {text}{where}", markup=False, soft_wrap=True)


def _failed(
    service: str, order: str | None, reason: str | None, *, undelivered: bool, of_relay: bool
) -> failures.Request:
    if undelivered and of_relay:
        raise Failure("--undelivered and --relay are two different queues: name one of them")
    kind: Kind = "undelivered" if undelivered else "relay" if of_relay else "dlq"
    return failures.Request(service=service, kind=kind, order=order, reason=reason)


@new_app.callback()
def _new() -> None:
    """A group, though it has one command only."""


@new_app.command("consumer")
def new_consumer(
    name: Annotated[str, typer.Argument(help="The service's name: lower-case letters and digits.")],
    on: Annotated[list[str], typer.Option("--on", metavar="EVENT", help="What it reacts to; may be repeated.")],
) -> None:
    """Write a new service that records what it hears: its folder, its test, its place in the published documents."""
    make_importable()
    for path in scaffold.new_consumer(ROOT, name, on, scaffold.known_events()):
        results.print(f"  {path}", markup=False)
    results.print("and docs/contracts/ anew")
    results.print(
        f"""
What it makes of its events, to begin with, stands in functions/{name}/reactions.py. What to do next:
  make run                           deploys it on the local cloud; make deploy STAGE=... does on AWS
  {f"tidings replay {name}":<35}fills it from the first event on""",
        markup=False,
        soft_wrap=True,
    )


def _in_words(order: dict[str, Any]) -> str:
    goods = ", ".join(f"{line['quantity']} x {line['sku']}" for line in order["lines"])
    total = written(msgspec.convert(order["total"], Money))
    reason = f" ({order['reason']})" if order.get("reason") else ""
    waiting = order.get("waiting_for")
    return f"{order['id']}: {order['status']}{reason}, {goods}, {total}" + (
        f", waiting for {', '.join(waiting)}" if waiting else ""
    )


def _print(answer: object, as_json: bool, otherwise: Callable[[], None]) -> None:
    if as_json:
        _print_json(answer)
    else:
        otherwise()


def _print_json(answer: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
