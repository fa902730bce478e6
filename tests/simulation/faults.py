"""Faults of the calls that functions make outside: a call can fail, lose its answer, or be its function's last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate
from typing import NoReturn, TypeVar

from contracts.values.money import Money
from functions.inventory.adjustments import Level, StockReader
from functions.notification.mail import Mailer, Rejected, Send, Sent
from functions.notification.templates import RenderedEmail
from functions.payment.gateway import (
    Approval,
    AuthorizationOutcome,
    CaptureOutcome,
    Declined,
    Gateway,
    Inspection,
    Labels,
    Opened,
    Origin,
    RefundOutcome,
    VoidOutcome,
)
from functions.payment.reports import Report, ReportQueue
from tests.simulation.clock import SECOND
from tests.simulation.ports.live import MemoryLive
from tests.simulation.random_source import RandomSource
from tests.simulation.tasks import Task, Tasks
from tidings.core.decisions import Increment
from tidings.core.entity import OutboxEvent, StoredEntity
from tidings.core.errors import ThrottledError
from tidings.core.event import Event
from tidings.core.ports import (
    DeadLetter,
    EntityWrite,
    Queue,
    RefusedEvent,
    RelayDeadLetterQueue,
    Table,
    Topic,
    TransactionConflictError,
    Unpublished,
)
from tidings.messaging.assembly import Receive
from tidings.testing import VirtualClock

T = TypeVar("T")


class Fault(IntEnum):
    """The fault of a call. The numbers are those of the random source's choice, whose 0 means no fault."""

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
"""Maximum number of seconds that a slow call takes, less than a function's time."""


class CrashError(BaseException):
    """The end of the function's process. It is not an Exception, because no code may catch it."""


@dataclass
class FaultProfile:
    """The probabilities of faults, per call.

    Attributes:
        switches: That another function goes on before or after the call.
        failures: Of each failure of the call itself.
        crashes: Of each end of the function's process.
        edges: The probabilities summed in the order of the faults; see `RandomSource.pick`.
    """

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
    """A caller that makes the calls of the running task, each with its fault."""

    def __init__(
        self, choices: RandomSource, clock: VirtualClock, tasks: Tasks, trace: Callable[[str], None] | None
    ) -> None:
        self.profile = FaultProfile()
        self._choices = choices
        self._clock = clock
        self._tasks = tasks
        self._trace = trace

    def make(self, name: str, call: Callable[[], T], *, once: bool = False) -> T:
        """Make one call. `once` means that the client never repeats it by itself."""
        clock = self._clock
        clock.now += 1
        task = self._tasks.running
        if task is None:
            return call()
        if clock.now >= task.deadline:
            self._die(task, f"time is up before {name}")
        fault = self._choices.pick(self.profile.edges)
        if fault == 0:
            return call()
        return self._fail(fault, task, name, call, once=once)

    def answer(self) -> None:
        """Send the function's answer, a call like any other."""
        self.make("answer", _nothing)

    def pause(self, _attempt: int = 0) -> None:
        """Let others go on where the task would wait."""
        self._clock.now += 1
        self._tasks.pause()

    def _fail(self, fault: int, task: Task, name: str, call: Callable[[], T], *, once: bool) -> T:
        if self._trace:
            self._trace(f"    {task.name}: {name}: {Fault(fault)}")
        self._before(fault, task, name)
        answer = call()
        match fault:
            case Fault.UNANSWERED:
                raise TimeoutError(f"no answer to {name}")
            case Fault.DIES_AFTER:
                self._die(task, f"dies after {name}")
            case Fault.DONE_TWICE if not once:
                return call()
            case Fault.OTHERS_GO_NEXT:
                self._tasks.pause()
        return answer

    def _before(self, fault: int, task: Task, name: str) -> None:
        match fault:
            case Fault.OTHERS_GO_FIRST:
                self._tasks.pause()
            case Fault.THROTTLED:
                # Nothing was done.
                raise ThrottledError(f"{name} is throttled")
            case Fault.DIES_BEFORE:
                self._die(task, f"dies before {name}")
            case Fault.SLOW:
                self._clock.now += SECOND * (1 + self._choices.below(SLOWEST))
            case Fault.IN_CONFLICT if name == "commit":
                raise TransactionConflictError("a transaction holds the item")
        if self._clock.now >= task.deadline:
            self._die(task, f"time is up before {name}")

    def _die(self, task: Task, how: str) -> NoReturn:
        if self._trace and not how.startswith("dies"):
            self._trace(f"    {task.name}: {how}")
        raise CrashError(how)


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class FaultyTable:
    """A table. `committed` receives each stored entity."""

    table: Table
    calls: Calls
    committed: Callable[[StoredEntity], None] | None = None

    def read(self, keys: Sequence[str]) -> Mapping[str, StoredEntity]:
        return self.calls.make("read", lambda: self.table.read(keys))

    def commit(self, writes: Sequence[EntityWrite], increments: Sequence[Increment] = ()) -> None:
        def call() -> None:
            self.table.commit(writes, increments)
            if self.committed:
                for write in writes:
                    self.committed(write.entity)

        self.calls.make("commit", call)


@dataclass(frozen=True)
class FaultyTopic:
    """A topic. Some events of a batch can fail alone. `failed` is called if an event may be taken later."""

    topic: Topic
    calls: Calls
    is_unavailable: Callable[[], bool]
    failed: Callable[[], None]

    def publish(self, events: Sequence[OutboxEvent]) -> Sequence[Unpublished]:
        def call() -> Sequence[Unpublished]:
            missed = [event for event in events if self.is_unavailable()]
            if not missed:
                return self.topic.publish(events)
            self.failed()
            taken = [event for event in events if event not in missed]
            unavailable = [Unpublished(event, refused=False, code="InternalError") for event in missed]
            return [*unavailable, *(self.topic.publish(taken) if taken else ())]

        try:
            return self.calls.make("publish", call)
        except Exception:
            self.failed()
            raise


@dataclass(frozen=True)
class FaultyRelayDeadLetterQueue:
    """A relay's dead-letter queue. `failed` is called if it did not take an event."""

    queue: RelayDeadLetterQueue
    calls: Calls
    failed: Callable[[], None]

    def dead_letter(self, letter: RefusedEvent) -> None:
        try:
            self.calls.make("dead_letter", lambda: self.queue.dead_letter(letter))
        except Exception:
            self.failed()
            raise


@dataclass(frozen=True)
class FaultyQueue:
    """A queue.

    Attributes:
        queue: The queue.
        calls: Makes its calls.
        given_up: Receives each dead letter before it is sent.
        not_dead_lettered: Receives the ids of the messages that could not be dead-lettered.
    """

    queue: Queue
    calls: Calls
    given_up: Callable[[DeadLetter], None]
    not_dead_lettered: Callable[[str], None]

    def retry_later(self, delays: Mapping[str, int]) -> None:
        self.calls.make("retry_later", lambda: self.queue.retry_later(delays))

    def dead_letter(self, letter: DeadLetter) -> None:
        self.given_up(letter)
        try:
            self.calls.make("dead_letter", lambda: self.queue.dead_letter(letter))
        except Exception:
            self.not_dead_lettered(letter.message.id)
            raise


@dataclass(frozen=True)
class FaultyGateway:
    """A payment gateway."""

    gateway: Gateway
    calls: Calls

    def open(self, order: str, amount: Money, method: str, origin: Origin) -> Opened | Declined:
        return self.calls.make("open", lambda: self.gateway.open(order, amount, method, origin))

    def authorize(self, payment: str) -> AuthorizationOutcome:
        return self.calls.make("authorize", lambda: self.gateway.authorize(payment))

    def capture(self, payment: str) -> CaptureOutcome:
        return self.calls.make("capture", lambda: self.gateway.capture(payment))

    def void(self, payment: str) -> VoidOutcome:
        return self.calls.make("void", lambda: self.gateway.void(payment))

    def refund(self, payment: str, attempt: str, amount: Money | None) -> RefundOutcome:
        return self.calls.make("refund", lambda: self.gateway.refund(payment, attempt, amount))

    def inspect(self, payment: str) -> Inspection:
        return self.calls.make("inspect", lambda: self.gateway.inspect(payment))

    def approval(self, payment: str) -> Approval | None:
        return self.calls.make("approval", lambda: self.gateway.approval(payment))

    def labels(self, payment: str) -> Labels | None:
        return self.calls.make("labels", lambda: self.gateway.labels(payment))

    def disputed_since(self, time: int) -> Iterator[str]:
        return self.calls.make("disputed_since", lambda: self.gateway.disputed_since(time))


@dataclass(frozen=True)
class FaultyReportQueue:
    """The queue to which the gateway's reports are sent."""

    queue: ReportQueue
    calls: Calls

    def send(self, report: Report) -> None:
        self.calls.make("send report", lambda: self.queue.send(report))


@dataclass(frozen=True)
class FaultyMailer:
    """A mail system. `sent` receives each e-mail's order and kind, `unanswered` those whose answer was lost."""

    mailer: Mailer
    calls: Calls
    sent: Callable[[str, str], None]
    unanswered: Callable[[str, str], None]

    def send(self, request: Send, email: RenderedEmail) -> Sent | Rejected:
        def call() -> Sent | Rejected:
            answer = self.mailer.send(request, email)
            if isinstance(answer, Sent):
                self.sent(request.order, request.kind)
            return answer

        try:
            return self.calls.make(f"send {request.kind}", call, once=True)
        except Exception:
            self.unanswered(request.order, request.kind)
            raise


@dataclass(frozen=True)
class FaultySecrets:
    """Secrets Manager with one secret."""

    calls: Calls

    def get_secret_value(self, **_: str) -> dict[str, str]:
        return self.calls.make("get_secret_value", lambda: {"SecretString": "key"})


@dataclass(frozen=True)
class FaultyLog:
    """History's event log."""

    record_event: Receive
    calls: Calls

    def record(self, event: Event[str]) -> None:
        self.calls.make("record", lambda: self.record_event(event))


@dataclass(frozen=True)
class FaultyLive:
    """Live's owners and sockets. Its connections are read without a fault."""

    live: MemoryLive
    calls: Calls

    def record(self, order: str, customer: str, time: int) -> None:
        self.calls.make("record an owner", lambda: self.live.record(order, customer, time))

    def find(self, order: str) -> str | None:
        return self.calls.make("find an owner", lambda: self.live.find(order))

    def send(self, connection: str, message: bytes) -> bool:
        return self.calls.make("push", lambda: self.live.send(connection, message))

    def close(self, connection: str) -> None:
        self.live.close(connection)


@dataclass(frozen=True)
class FaultyStock:
    """The stock of all products."""

    stock: StockReader
    calls: Calls

    def read(self, sku: str) -> Level | None:
        return self.calls.make("read", lambda: self.stock.read(sku))
