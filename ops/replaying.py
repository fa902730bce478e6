"""The command `tidings replay`: what may be replayed to whom, and how that is shown."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from functions.history.reading import Logged, Reader
from ops import checkpoint as checkpoints
from ops.aws import QueueOutlet
from ops.checkpoint import Checkpoint
from ops.console import progress, results
from ops.failure import Failure
from ops.moment import moment_of
from ops.outputs import Outputs
from ops.outputs import Service as Deployed
from ops.project import service_named, writes_over_http
from ops.quiet import LOCALLY, ON_AWS, Delays, Quiet
from ops.rebuild import Mapping, Rebuild
from ops.replay import Replay, Selection
from ops.sending import Sender
from ops.sequence import Gap
from ops.stage import LOCAL, WORKERS, Stage, state_directory
from ops.waiting import wait_until
from tidings.clock import millis, now, rfc3339
from tidings.service import Service

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

HISTORY = "history"
SHOWN_GAPS = 20

GO_ON = "the same command goes on here."
GO_ON_REBUILDING = (
    "its consumer may be stopped, and its view is not complete; its live events wait in its queue. "
    "The same command goes on here."
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command was asked for; times as the user wrote them, `rate` in messages a second."""

    consumer: str
    start: str | None = None
    end: str | None = None
    types: tuple[str, ...] = ()
    order: str | None = None
    rate: float | None = None
    dry_run: bool = False
    rebuild: bool = False
    restart: bool = False
    wait: bool = False


def check(request: Request, service: Service[Any], *, writes: bool) -> None:
    """Refuses what would harm or make no sense; `writes` is whether the service is told things over HTTP."""
    name = request.consumer
    if name == HISTORY:
        raise Failure("history is the log itself: nothing can be replayed to it")
    if not service.consumes:
        raise Failure(f"{name} subscribes to nothing")
    known = _types(service)
    if known is not None and (others := sorted(set(request.types) - known)):
        raise Failure(f"{name} does not subscribe to {', '.join(others)}; it does to {', '.join(sorted(known))}")
    if request.rebuild:
        _check_rebuild(request, service, writes=writes)
    elif service.acts_outside and not request.start:
        raise Failure(
            f"{name} acts outside (mail, money) on what it has not handled yet: "
            "say with --from since when it shall be given events"
        )


def _check_rebuild(request: Request, service: Service[Any], *, writes: bool) -> None:
    name = request.consumer
    if not service.is_projection or writes:
        why = (
            "acts outside"
            if service.acts_outside
            else "announces events"
            if service.announces
            else "is told things that the log does not have"
        )
        raise Failure(f"{name} {why}, so it cannot forget what it knows: only a projection of events can be rebuilt")
    if request.start or request.end or request.types or request.order:
        raise Failure("--rebuild replays everything from the beginning: leave --from, --to, --type and --order out")


def _types(service: Service[Any]) -> frozenset[str] | None:
    return None if service.subscribes_to_all else frozenset(contract.__name__ for contract in service.reactions)


def permitted(request: Request) -> Service[Any]:
    """The service that is to be sent something; Failure where that cannot be, whatever is deployed."""
    service = service_named(request.consumer)
    check(request, service, writes=writes_over_http(request.consumer))
    for time in (request.start, request.end):
        if time:
            moment_of(time)
    return service


def replay(stage: Stage, outputs: Outputs, directory: Path, request: Request, service: Service[Any]) -> None:
    """Does what was asked, and prints what came of it. Checkpoints of the stage `local` are kept in `directory`."""
    work = _Work(stage, outputs, request, service, directory if stage.name == LOCAL else state_directory())
    if request.dry_run:
        report(request, work.send())
        return
    try:
        with checkpoints.alone(work.directory, request.consumer):
            report(request, work.rebuild() if request.rebuild else work.send())
    except KeyboardInterrupt:
        progress.print(f"Broken off: {GO_ON if not request.rebuild else GO_ON_REBUILDING}", soft_wrap=True)
        raise


@dataclass(frozen=True)
class _Work:
    """One command, on a deployed stage."""

    stage: Stage
    outputs: Outputs
    request: Request
    service: Service[Any]
    directory: Path

    def send(self) -> checkpoints.Progress:
        """Replays to the consumer."""
        request = self.request
        start = moment_of(request.start) if request.start else self.reader.beginning() or rfc3339(0)
        end = self._end()
        if start > end:
            raise Failure(f"there is nothing from {start} to {end}")
        selection = Selection(start, end, self._wanted, request.order)
        with self._shown(selection) as watch:
            return replace(self._replay(selection), watch=watch).run()

    def rebuild(self) -> checkpoints.Progress:
        """Rebuilds the consumer's view."""

        def fill(end: str) -> checkpoints.Progress:
            selection = Selection(self.reader.beginning() or rfc3339(0), end, self._wanted)
            with self._shown(selection) as watch:
                return replace(self._replay(selection), watch=watch).run(then="handle")

        work = Rebuild(
            queue=self._queue(self.request.consumer),
            history_queue=self._queue(HISTORY),
            table=self._resource.Table(self._table(self.request.consumer)),
            switch=Mapping(self._client("lambda"), self._deployed(self.request.consumer).function or ""),
            quiet=self._quiet,
            checkpoint=self._checkpoint,
            replay=fill,
            says=lambda what: progress.print(f"{self.request.consumer}: {what}", markup=False, soft_wrap=True),
        )
        return work.run()

    def _replay(self, selection: Selection) -> Replay:
        request = self.request
        if request.dry_run:
            return Replay(self.reader, selection)
        return Replay(self.reader, selection, self._sender, None if request.order else self._checkpoint)

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        """This command's own: another selection, or a table that was made anew, has another one."""
        request = self.request
        tables = [self._described(name).get("TableId") for name in (HISTORY, request.consumer)]
        selected = (request.start, request.end, sorted(request.types), request.rebuild)
        found = Checkpoint.of(self.directory, request.consumer, self.stage.name, *tables, *selected)
        if request.restart:
            found.remove()
        if before := found.load():
            progress.print(
                f"Going on where the last run broke off, after {sum(before.sent.values())} messages; "
                "--restart begins anew.",
                soft_wrap=True,
            )
        return found

    def _end(self) -> str:
        """Before when to replay: what the user said, or the present, when all that there is has been recorded."""
        request = self.request
        if request.end:
            end = moment_of(request.end)
            if end > rfc3339(now()):
                raise Failure(f"--to {request.end} lies in the future; leave it out to replay all there is")
            return end
        if request.dry_run or request.order:
            return rfc3339(now() + 1)
        effective = self._subscription_works() if self.request.wait else 0
        if effective > now():
            progress.print(f"Waiting until the subscription surely works, at {rfc3339(effective)}.")
            wait_until(lambda: now() >= effective, self._delays.policy * 2, "the subscription")
        if self._delays.counts:
            progress.print("Waiting until history has recorded what it was sent; with --to there is no waiting.")
        end = self._quiet.until_recorded(self._queue(HISTORY))
        if (effective := self._subscription_works()) > millis(end):
            again = rfc3339(millis(end) - 60_000)
            progress.print(
                f"The subscription of {request.consumer} is new or was changed, and takes up to fifteen minutes to "
                f"work: events of the meantime may not reach it. After {rfc3339(effective)} run "
                f"tidings replay {request.consumer} --from {again}; or use --wait.",
                soft_wrap=True,
            )
        return end

    def _subscription_works(self) -> int:
        """When the consumer's subscription surely works; 0 where it always does."""
        delay = self._delays.policy
        stack = f"{self.stage.prefix}{self.request.consumer}"
        return subscription_works(self._client("cloudformation"), stack, delay) if delay else 0

    @property
    def _wanted(self) -> frozenset[str] | None:
        return frozenset(self.request.types) or _types(self.service)

    @cached_property
    def reader(self) -> Reader:
        """The log."""
        return Reader(self._client("dynamodb"), self._table(HISTORY), self._index(), self._executor)

    @cached_property
    def _executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(WORKERS)

    @cached_property
    def _sender(self) -> Sender:
        return Sender(
            outlet=QueueOutlet(self._client("sqs"), self._queue(self.request.consumer), self.service.queue),
            run=uuid.uuid4().hex[:12],
            executor=self._executor,
            rate=self.request.rate,
        )

    @property
    def _delays(self) -> Delays:
        return LOCALLY if self.stage.name == LOCAL else ON_AWS

    @cached_property
    def _quiet(self) -> Quiet:
        return Quiet(self._client("sqs"), self._delays)

    @property
    def _resource(self) -> Any:
        return self.stage.session.resource("dynamodb", endpoint_url=self.stage.endpoint)

    def _client(self, name: Any) -> Any:
        return self.stage.client(name)

    def _deployed(self, name: str) -> Deployed:
        if name not in self.outputs.services:
            raise Failure(f"{name} is not deployed on the stage {self.stage.name}")
        return self.outputs.services[name]

    def _queue(self, name: str) -> str:
        if not (queue := self._deployed(name).queue):
            raise Failure(f"{name} has no queue on the stage {self.stage.name}")
        return queue

    def _table(self, name: str) -> str:
        if not (table := self._deployed(name).table):
            raise Failure(f"{name} has no table on the stage {self.stage.name}")
        return table

    def _described(self, name: str) -> "TableDescriptionTypeDef":
        found: TableDescriptionTypeDef = self._client("dynamodb").describe_table(TableName=self._table(name))["Table"]
        return found

    def _index(self) -> str:
        """The name of the log's index, once it can be read from."""
        for index in self._described(HISTORY).get("GlobalSecondaryIndexes", []):
            if index.get("IndexStatus", "ACTIVE") == "ACTIVE":
                return index["IndexName"]
        raise Failure(f"history's table has no index yet on the stage {self.stage.name}; deploy it, and wait for that")

    @contextmanager
    def _shown(self, selection: Selection) -> Iterator[Callable[[Logged, int], None]]:
        """A bar for the time covered, and the number of messages."""
        begin, end = millis(selection.start), millis(selection.end)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[sent]} messages"),
            TimeElapsedColumn(),
        )
        verb = "Counting for" if self.request.dry_run else "Replaying to"
        with Progress(*columns, console=progress) as bar:
            task = bar.add_task(f"{verb} {self.request.consumer}", total=max(1, end - begin), sent=0)

            def watch(each: Logged, sent: int) -> None:
                bar.update(task, completed=each.recorded - begin, sent=f"{sent:,}")

            yield watch
            bar.update(task, completed=max(1, end - begin))


def subscription_works(client: "CloudFormationClient", stack: str, delay: float) -> int:
    """When a stack's subscription surely works as it was last changed, in milliseconds since 1970."""
    changed = (
        resource["LastUpdatedTimestamp"]
        for page in client.get_paginator("list_stack_resources").paginate(StackName=stack)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::SNS::Subscription"
    )
    return max((round((at.timestamp() + delay) * 1000) for at in changed), default=0)


def report(request: Request, done: checkpoints.Progress) -> None:
    """The count at the end, on stdout, and what the log lacks."""
    count = sum(done.sent.values())
    verb = "would be sent" if request.dry_run else "sent"
    types = ", ".join(f"{name} {number:,}" for name, number in sorted(done.sent.items()))
    results.print(
        f"{request.consumer}: {count:,} {'message' if count == 1 else 'messages'} {verb}"
        + (f" ({types})" if types else ""),
        markup=False,
        soft_wrap=True,
    )
    for text in told(done.gaps):
        results.print(text, markup=False, soft_wrap=True)


def told(gaps: Collection[Gap]) -> Iterator[str]:
    """The numbers that the log lacks, a line for each source of an order."""
    missing: dict[tuple[str, str], list[int]] = defaultdict(list)
    for order, source, sequence in gaps:
        missing[order, source].append(sequence)
    for order, source in sorted(missing)[:SHOWN_GAPS]:
        numbers = ", ".join(map(str, sorted(missing[order, source])))
        yield f"Not recorded: of order {order}, from {source}, number {numbers}"
    if len(missing) > SHOWN_GAPS:
        yield f"and the like for {len(missing) - SHOWN_GAPS} more"
