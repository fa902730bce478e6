"""The commands `tidings dlq`: what failed, where it lies, and how it is sent back or dropped."""

import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ops.aws import HOLD_SECONDS, QueueOutlet, SqsLetters
from ops.failure import Failure
from ops.letters import Description, Kind, Letter
from ops.outputs import Outputs
from ops.outputs import Service as Deployed
from ops.redriving import BATCH, Box, Redriven
from ops.sending import Sender
from ops.stage import LOCAL, WORKERS, Stage
from tidings.clock import millis, now, rfc3339

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

EXAMINED = 1_000
"""Of how many letters of a queue the list tells the reasons."""

LONG_POLL_SECONDS = 2
"""Long enough for SQS to ask all of a queue's servers; a local cloud has one."""

FAILED: Mapping[Kind, str] = {
    "dlq": "not handled",
    "undelivered": "not delivered",
    "relay": "not relayed",
}
"""How a kind of failure is called before an operator."""

LACKING: Mapping[Kind, str] = {
    "dlq": "consumes nothing",
    "undelivered": "subscribes to nothing",
    "relay": "announces nothing",
}
"""Why a service has no such queue."""


Confirm = Callable[[str], bool]
"""Asks whether to do what it is told, and gives the answer."""


class Summary(Struct, frozen=True):
    """What lies in one queue of failures; `oldest` and `reasons` tell of the `examined` ones."""

    service: str
    queue: Kind
    waiting: int
    hidden: int
    examined: int
    oldest: str | None
    reasons: dict[str, int]
    since: str | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which letters a command is about: those of a service's queue of this kind, of an order, with a reason."""

    service: str
    kind: Kind = "dlq"
    order: str | None = None
    reason: str | None = None

    def wants(self, letter: Description) -> bool:
        """Whether a letter is meant."""
        return self.order in (None, letter.order) and self.reason in (None, letter.reason)


def check_redrive(request: Request) -> None:
    """Refuses to send back what is no message."""
    if request.kind == "relay":
        raise Failure(
            f"what {request.service}'s relay gave up is no message but news of it: tidings relay publishes the "
            f"events again, from {request.service}'s own table; then tidings dlq drop {request.service} --relay"
        )


@dataclass(frozen=True)
class Failures:
    """The queues of failures of a deployed stage."""

    stage: Stage
    outputs: Outputs

    def summaries(self) -> list[Summary]:
        """What lies in each queue of failures."""
        client = self.stage.client("sqs")
        with ThreadPoolExecutor(WORKERS) as executor:
            return list(executor.map(lambda found: self._summary(client, *found), self._queues()))

    def _queues(self) -> Iterator[tuple[str, Kind, str]]:
        for name, service in self.outputs.services.items():
            for kind in FAILED:
                if url := url_of(service, kind):
                    yield name, kind, url

    def _summary(self, client: "SQSClient", name: str, kind: Kind, url: str) -> Summary:
        letters = self._letters(client, url)
        held = letters.held()
        found = [each for _, each in Box(letters, kind).look(limit=EXAMINED)]
        return Summary(
            service=name,
            queue=kind,
            # SQS's counts are behind by up to a minute; what was seen is there.
            waiting=max(held.waiting, len(found)),
            hidden=held.hidden,
            examined=len(found),
            oldest=min((each.first_seen for each in found), default=None),
            reasons=dict(Counter(each.reason for each in found).most_common()),
            since=min((each.since for each in found if each.since), default=None),
        )

    def box(self, request: Request, rate: float | None = None) -> Box:
        """A service's queue of failures; Failure where it has none. At a low rate, letters are hidden for longer."""
        service = self.deployed(request.service)
        if not (url := url_of(service, request.kind)):
            raise Failure(f"{request.service} {LACKING[request.kind]} on the stage {self.stage.name}")
        hold = HOLD_SECONDS + ceil(2 * BATCH / rate) if rate else HOLD_SECONDS
        return Box(self._letters(self.stage.client("sqs"), url, hold), request.kind)

    def redrive(self, request: Request, rate: float | None = None) -> Redriven:
        """Sends letters back to the consumer's queue."""
        box = self.box(request, rate)
        if not (target := self.deployed(request.service).queue):
            raise Failure(f"{request.service} has no queue on the stage {self.stage.name}")
        with ThreadPoolExecutor(WORKERS) as executor:
            sender = Sender(
                QueueOutlet(self.stage.client("sqs"), target, "fifo" if target.endswith(".fifo") else "standard"),
                run=uuid.uuid4().hex[:12],
                executor=executor,
                rate=rate,
            )
            return box.redrive(sender.send, request.wants)

    def deployed(self, name: str) -> Deployed:
        """A service of the stage; Failure where there is none of this name."""
        if name not in self.outputs.services:
            names = ", ".join(self.outputs.services)
            raise Failure(f"there is no service {name!r} on the stage {self.stage.name}; there are {names}")
        return self.outputs.services[name]

    def _letters(self, client: "SQSClient", url: str, hold: int = HOLD_SECONDS) -> SqsLetters:
        wait = 0 if self.stage.name == LOCAL else LONG_POLL_SECONDS
        return SqsLetters(client, url, hold=hold, wait=wait)


def url_of(service: Deployed, kind: Kind) -> str | None:
    """Where a service's failures of a kind lie."""
    return {"dlq": service.dlq, "undelivered": service.undelivered, "relay": service.relay_dlq}[kind]


def dropped_to(directory: Path, stage: str, request: Request) -> Path:
    """The file that keeps what was dropped from a queue, a line each."""
    return directory / "dropped" / f"{stage}-{request.service}-{request.kind}.jsonl"


def record(path: Path, letters: Sequence[Letter]) -> None:
    """Appends letters to a file, for good: they are on the disk when this ends. The file is its owner's alone."""
    if not letters:
        return
    at = rfc3339(now())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("ab") as kept:
            for letter in letters:
                kept.write(msgspec.json.encode({"dropped_at": at} | msgspec.to_builtins(letter)) + b"\n")
            kept.flush()
            os.fsync(kept.fileno())
    except OSError as error:
        raise Failure(f"{path} cannot be written ({error}): what is not recorded is not dropped") from error


def table_of(summaries: Sequence[Summary], at: int) -> Table:
    """Every consumer's dead letters, and what else failed where there is something; `at` is the present."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("service", no_wrap=True)
    table.add_column("failed", no_wrap=True)
    table.add_column("messages", justify="right", no_wrap=True)
    table.add_column("oldest", no_wrap=True)
    table.add_column("reasons", overflow="fold")
    for each in summaries:
        if each.queue == "dlq" or each.waiting or each.hidden:
            reasons = ", ".join(f"{reason} {number:,}" for reason, number in each.reasons.items())
            cut = f" (of the first {each.examined:,})" if each.examined < each.waiting else ""
            count = f"{each.waiting:,}" + (f" (+{each.hidden:,} in hand)" if each.hidden else "")
            oldest = age(at - millis(each.oldest)) if each.oldest else ""
            table.add_row(each.service, FAILED[each.queue], count, oldest, reasons + cut)
    return table


def advice(summaries: Sequence[Summary]) -> Iterator[str]:
    """What to do about the failures that are there, in commands."""
    for each in summaries:
        if not each.waiting:
            continue
        if each.queue == "relay":
            # Letters come in no order: an earlier one may be among those that were not looked at.
            since = f" --since {each.since}" if each.since and each.examined >= each.waiting else " --since TIME"
            yield f"tidings relay --service {each.service}{since}; then tidings dlq drop {each.service} --relay"
        else:
            flag = " --undelivered" if each.queue == "undelivered" else ""
            yield f"tidings dlq show {each.service}{flag}; then tidings dlq redrive {each.service}{flag}"


def listing(letters: Sequence[Description]) -> Iterator[str]:
    """Each letter in a few lines, for people."""
    for each in letters:
        tried = f", tried {each.attempts} times" if each.attempts else ""
        yield f"{each.first_seen}  {each.event or each.message}"
        yield f"    {each.type or 'no event'} of order {each.order or '-'}: {each.reason}{tried}"
        if each.detail:
            yield f"    {each.detail}"
        if each.since:
            yield f"    its events: since {each.since}"


def counted(reasons: Mapping[str, int], what: str) -> str:
    """`3 messages sent back (gave-up 2, undecodable 1)`."""
    number = sum(reasons.values())
    each = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reasons.items()))
    return f"{number:,} {'message' if number == 1 else 'messages'} {what}" + (f" ({each})" if each else "")


def outcome(box: Box) -> str:
    """What lies in a queue of failures by now, in words."""
    held = box.letters.held()
    in_hand = f", {held.hidden:,} in somebody's hands, who gives them back within a minute or so" if held.hidden else ""
    return f"{held.waiting:,} left{in_hand}"


def age(elapsed: int) -> str:
    """Milliseconds in the largest units that tell: `3 d 4 h`, `12 min`."""
    seconds = max(0, elapsed // 1000)
    for unit, size, lesser, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {lesser}" if rest else "")
    return f"{seconds} s"


def drop(box: Box, request: Request, path: Path, confirm: Confirm) -> Mapping[str, int] | None:
    """Drops those letters that `confirm` was asked about, and no others; None where it said no."""
    found = box.look(request.wants)
    reasons = Counter(description.reason for _, description in found)
    if not found:
        return reasons
    if not confirm(f"{request.service}: {counted(reasons, 'will be dropped')}"):
        return None
    meant = {letter.id for letter, _ in found}
    return box.drop(partial(record, path), lambda each: each.message in meant)
