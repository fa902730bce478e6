"""What goes wrong at a port: the calls that functions make outside, each of which may fail, be lost, or be the last."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate
from typing import Any, NoReturn, TypeVar

from functions.fraud.rules import Seen, Window
from functions.notification.letters import Letter
from functions.notification.mail import Mailer, Rejected, Send, Sent
from functions.payment.gateway import Captured, Declined, Gateway, Opened, Refunded, Voided
from tests.simulation.choices import Choices
from tests.simulation.clock import SECOND, VirtualClock
from tests.simulation.ports.log import MemoryLog
from tests.simulation.ports.memory import MemoryWindows
from tests.simulation.ports.products import MemoryProducts
from tests.simulation.tasks import Task, Tasks
from tidings.consumer import DeadLetter, Queue
from tidings.contracts import Address, Money
from tidings.decisions import Adjust
from tidings.events import Event
from tidings.item import Attributes
from tidings.ledger import Ledger, Tally
from tidings.relay import Entry, Topic
from tidings.table import ConflictError, Table, Write

T = TypeVar("T")


class Fault(IntEnum):
    """What may befall a call; the numbers are those of the choice, of which 0 is none of these."""

    OTHERS_GO_FIRST = 1
    OTHERS_GO_NEXT = 2
    THROTTLED = 3
    UNANSWERED = 4
    DIES_BEFORE = 5
    DIES_AFTER = 6
    SLOW = 7
    IN_CONFLICT = 8
    DONE_TWICE = 9

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


SLOWEST = 15
"""Seconds that a slow call takes at most, less than a function's time."""


class CrashError(BaseException):
    """The function's process ends here: not an Exception, since no code may catch it."""


class ThrottledError(Exception):
    """The service refused the call; nothing was done."""


@dataclass
class Weather:
    """How likely each fault is, a call; the rest of the history's dangers a step."""

    switches: float = 0.0
    failures: float = 0.0
    crashes: float = 0.0
    edges: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        fails, dies = self.failures, self.crashes
        odds = {
            Fault.OTHERS_GO_FIRST: self.switches / 2,
            Fault.OTHERS_GO_NEXT: self.switches / 2,
            Fault.THROTTLED: fails,
            Fault.UNANSWERED: fails,
            Fault.DIES_BEFORE: dies,
            Fault.DIES_AFTER: dies,
            Fault.SLOW: fails / 4,
            Fault.IN_CONFLICT: fails,
            Fault.DONE_TWICE: fails,
        }
        self.edges = tuple(accumulate(odds[fault] for fault in Fault))


class Calls:
    """Makes the calls of the running task."""

    def __init__(self, choices: Choices, clock: VirtualClock, tasks: Tasks, note: Callable[[str], None] | None) -> None:
        self.weather = Weather()
        self._choices = choices
        self._clock = clock
        self._tasks = tasks
        self._note = note

    def make(self, name: str, act: Callable[[], T], *, once: bool = False) -> T:
        """Makes one call; `once` says that a client never repeats it by itself."""
        clock = self._clock
        clock.now += 1
        task = self._tasks.running
        if task is None:
            return act()
        if clock.now >= task.deadline:
            self._die(task, f"time is up before {name}")
        fault = self._choices.pick(self.weather.edges)
        if fault == 0:
            return act()
        return self._fail(fault, task, name, act, once=once)

    def pause(self, _tries: int = 0) -> None:
        """Lets the others go on, where the task would wait."""
        self._clock.now += 1
        self._tasks.pause()

    def _fail(self, fault: int, task: Task, name: str, act: Callable[[], T], *, once: bool) -> T:
        if self._note:
            self._note(f"    {task.name}: {name}: {Fault(fault)}")
        self._before(fault, task, name)
        answer = act()
        match fault:
            case Fault.UNANSWERED:
                raise TimeoutError(f"no answer to {name}")
            case Fault.DIES_AFTER:
                self._die(task, f"dies after {name}")
            case Fault.DONE_TWICE if not once:
                return act()
            case Fault.OTHERS_GO_NEXT:
                self._tasks.pause()
        return answer

    def _before(self, fault: int, task: Task, name: str) -> None:
        match fault:
            case Fault.OTHERS_GO_FIRST:
                self._tasks.pause()
            case Fault.THROTTLED:
                raise ThrottledError(f"{name} is throttled")
            case Fault.DIES_BEFORE:
                self._die(task, f"dies before {name}")
            case Fault.SLOW:
                self._clock.now += SECOND * (1 + self._choices.below(SLOWEST))
            case Fault.IN_CONFLICT if name == "commit":
                raise ConflictError("a transaction holds the item")
        if self._clock.now >= task.deadline:
            self._die(task, f"time is up before {name}")

    def _die(self, task: Task, how: str) -> NoReturn:
        if self._note and not how.startswith("dies"):
            self._note(f"    {task.name}: {how}")
        raise CrashError(how)


@dataclass(frozen=True)
class FaultyTable:
    """A table, called by a task."""

    table: Table
    calls: Calls
    committed: Callable[[Attributes], None] = lambda _item: None

    def get(self, key: str) -> Attributes | None:
        return self.calls.make("get", lambda: self.table.get(key))

    def commit(self, writes: Sequence[Write], adjusts: Sequence[Adjust] = ()) -> None:
        def act() -> None:
            self.table.commit(writes, adjusts)
            for write in writes:
                self.committed(write.item)

        self.calls.make("commit", act)


@dataclass(frozen=True)
class FaultyLedger:
    """A ledger, called by a task."""

    ledger: Ledger
    calls: Calls

    def read(self, orders: Sequence[str]) -> Mapping[str, Attributes]:
        return self.calls.make("read", lambda: self.ledger.read(orders))

    def commit(self, writes: Sequence[Write], tallies: Sequence[Tally]) -> None:
        self.calls.make("commit", lambda: self.ledger.commit(writes, tallies))


@dataclass(frozen=True)
class FaultyTopic:
    """A topic, called by a task; some of a batch may fail alone."""

    topic: Topic
    calls: Calls
    refused: Callable[[], bool]

    def publish(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        def act() -> Sequence[Entry]:
            refused = [entry for entry in entries if self.refused()]
            taken = [entry for entry in entries if entry not in refused] if refused else entries
            return [*refused, *(self.topic.publish(taken) if taken else ())]

        return self.calls.make("publish", act)


@dataclass(frozen=True)
class FaultyQueue:
    """A queue, called by a task; `unburied` is told of the messages that could not be buried."""

    queue: Queue
    calls: Calls
    unburied: Callable[[str], None]

    def postpone(self, delays: Mapping[str, int]) -> None:
        self.calls.make("postpone", lambda: self.queue.postpone(delays))

    def bury(self, letter: DeadLetter) -> None:
        try:
            self.calls.make("bury", lambda: self.queue.bury(letter))
        except Exception:
            self.unburied(letter.message.id)
            raise


@dataclass(frozen=True)
class FaultyGateway:
    """A payment gateway, called by a task."""

    gateway: Gateway
    calls: Calls

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        return self.calls.make("open", lambda: self.gateway.open(order, amount, method))

    def confirm(self, payment: str) -> Captured | Declined | Voided | Refunded:
        return self.calls.make("confirm", lambda: self.gateway.confirm(payment))

    def cancel(self, payment: str) -> Voided | Refunded:
        return self.calls.make("cancel", lambda: self.gateway.cancel(payment))


@dataclass(frozen=True)
class FaultyMailer:
    """A mail system, called by a task. `sent` is told of each letter, `unanswered` of those it said nothing of."""

    mailer: Mailer
    calls: Calls
    sent: Callable[[str, str], None]
    unanswered: Callable[[str, str], None]

    def send(self, effect: Send, letter: Letter) -> Sent | Rejected:
        def act() -> Sent | Rejected:
            answer = self.mailer.send(effect, letter)
            if isinstance(answer, Sent):
                self.sent(effect.order, effect.kind)
            return answer

        try:
            return self.calls.make(f"send {effect.kind}", act, once=True)
        except Exception:
            self.unanswered(effect.order, effect.kind)
            raise


@dataclass(frozen=True)
class FaultyWindows:
    """Fraud's memory, called by a task."""

    windows: MemoryWindows
    calls: Calls

    def note(self, rules: Sequence[Window], seen: Seen, address: Address) -> list[list[Seen] | None]:
        return self.calls.make("note", lambda: self.windows.note(rules, seen, address))


@dataclass(frozen=True)
class FaultyLog:
    """History's log, called by a task."""

    log: MemoryLog
    calls: Calls

    def record(self, event: Event[Any], deadline: int) -> None:
        self.calls.make("record", lambda: self.log.record(event, deadline))


@dataclass(frozen=True)
class FaultyProducts:
    """The products, called by a task."""

    products: MemoryProducts
    calls: Calls

    def find(self, skus: Sequence[str]) -> Mapping[str, Any]:
        return self.calls.make("find", lambda: self.products.find(skus))
