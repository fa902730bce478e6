"""The whole shop in one process: each service's real decisions and the real runtime, over ports in memory."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from functions.analytics.reactions import counting as sales
from functions.analytics.service import service as analytics
from functions.fraud.investigation import Investigation
from functions.fraud.rules import MINUTE, Limit, Rule, Window
from functions.fraud.service import service as fraud
from functions.history.service import service as history
from functions.inventory.service import service as inventory
from functions.loyalty.service import service as loyalty
from functions.notification import mail
from functions.notification.bounces import with_bounces
from functions.notification.service import service as notification
from functions.orders.api import Api as OrdersApi
from functions.orders.service import service as orders
from functions.payment import gateway
from functions.payment.service import service as payment
from functions.recommendation.reactions import counting as pairs
from functions.recommendation.service import service as recommendation
from functions.warehouse.api import Api as WarehouseApi
from functions.warehouse.service import service as warehouse
from tests.simulation.choices import Choices
from tests.simulation.clock import SECOND, VirtualClock
from tests.simulation.faults import (
    Calls,
    CrashError,
    FaultyGateway,
    FaultyLedger,
    FaultyLog,
    FaultyMailer,
    FaultyProducts,
    FaultyQueue,
    FaultyTable,
    FaultyTopic,
    FaultyWindows,
)
from tests.simulation.ports.gateway import MemoryGateway
from tests.simulation.ports.ledger import MemoryLedger
from tests.simulation.ports.log import MemoryLog
from tests.simulation.ports.mail import MemoryMailer
from tests.simulation.ports.memory import MemoryWindows
from tests.simulation.ports.products import MemoryProducts
from tests.simulation.ports.queue import ConsumersQueue, FifoQueue, MemoryQueue, StandardQueue, Stored
from tests.simulation.ports.stream import MemoryStream, Record
from tests.simulation.ports.table import MemoryStock, MemoryTable
from tests.simulation.ports.topic import MemoryTopic
from tests.simulation.tasks import Task, Tasks
from tests.simulation.violation import ViolationError
from tidings.batch_reactor import BatchReactor
from tidings.consumer import Consumer, Parse, Prepare, React, any_event, contracted, unprepared
from tidings.fold import Counting, Fold
from tidings.item import Attributes
from tidings.reactor import Perform, Reactor, no_effects
from tidings.relay import Relay
from tidings.service import Service

if TYPE_CHECKING:
    from functions.orders.products import Products
    from tidings.pages import Pages

T = TypeVar("T")

SERVICES: tuple[Service[Any], ...] = (
    orders,
    payment,
    inventory,
    fraud,
    notification,
    warehouse,
    loyalty,
    analytics,
    recommendation,
    history,
)
COUNTINGS: dict[str, Counting[Any]] = {"analytics": sales, "recommendation": pairs}
RULES: tuple[Rule, ...] = (
    Window("velocity", "customer", MINUTE, 6),
    Window("shared-address", "address", MINUTE, 3),
    Limit("large-total", {"EUR": 20_000}),
)

TIMEOUT = 20 * SECOND
MAX_RECEIVES = 5
BACKOFF = 5


def _parse(service: Service[Any]) -> Parse:
    if service.subscribes_to_all:
        return any_event
    parse = contracted(service.reactions)
    return with_bounces(parse) if service is notification else parse


PARSE = {service.name: _parse(service) for service in SERVICES}


@dataclass(frozen=True)
class Settings:
    """What a history's deployment is like: times in milliseconds, and how much runs at once."""

    visibility: int = 121 * SECOND
    lanes: int = 1
    batch: int = 10
    relay_batch: int = 100
    concurrency: int = 1


@dataclass
class Deployed:
    """A service, deployed: `make` starts a process of its consumer, `free` are those that wait for work."""

    service: Service[Any]
    queue: MemoryQueue
    dlq: MemoryQueue
    make: Callable[[], Consumer]
    table: MemoryTable = field(default_factory=MemoryTable)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    stream: MemoryStream = field(default_factory=MemoryStream)
    free: list[Consumer] = field(default_factory=list)
    running: int = 0
    busy: set[int] = field(default_factory=set)
    down_until: int = 0

    @property
    def name(self) -> str:
        return self.service.name

    def items(self) -> Iterator[Attributes]:
        """Its orders' items."""
        found = self.ledger.orders if self.name in COUNTINGS else self.table.items
        return (item for item in found.values() if "state" in item)


class InTask(Executor):
    """Does what is to be done at once within the task, one after another, forwards or backwards."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def map(self, fn: Callable[..., T], *iterables: Iterable[Any], **_options: Any) -> Iterator[T]:
        arguments = list(zip(*iterables, strict=True))
        if len(arguments) > 1 and self._choices.below(2):
            return reversed([fn(*each) for each in reversed(arguments)])
        return iter([fn(*each) for each in arguments])


class Shop:
    """Everything that is deployed, and what it stands on. `note` takes what happens, where somebody wants to know."""

    def __init__(
        self, choices: Choices, settings: Settings, step: Callable[[], bool], note: Callable[[str], None] | None = None
    ) -> None:
        self.choices = choices
        self.settings = settings
        self.note = note
        self.clock = VirtualClock()
        self.tasks = Tasks(step)
        self.calls = Calls(choices, self.clock, self.tasks, note)
        self.topic = MemoryTopic(self.clock, self._lag, self._in_order)
        self.gateway = MemoryGateway(self.clock)
        self.mailer = MemoryMailer()
        self.log = MemoryLog()
        self.products = MemoryProducts()
        self.allowed: Counter[tuple[str, str]] = Counter()
        self.refusals = 0.0
        self.lags = 0.0
        self.repeats = 0.0
        self._windows = MemoryWindows(lambda: self.calls.make("read neighbours", lambda: None))
        self._executor = InTask(choices)
        self._tokens = 0
        self._invocations = 0
        self.deployed = {service.name: self._deploy(service) for service in SERVICES}
        self.stock = MemoryStock(self.deployed["inventory"].table)
        self._relay = Relay(FaultyTopic(self.topic, self.calls, self._refused), self._executor)

    # Functions

    def invoke(self, name: str, act: Callable[[], None]) -> None:
        """Runs a function; a crash ends it, and nothing else."""
        self._invocations += 1
        task = Task(f"{name} #{self._invocations}", self.clock.now + TIMEOUT)
        self.tasks.running = task
        try:
            act()
        except CrashError:
            for order, kind in task.unrecorded:
                self._allow_another(order, kind)
        finally:
            self.tasks.running = None

    def consume(self, to: Deployed) -> None:
        """Hands a batch to a consumer."""
        if batch := to.queue.receive(self.settings.batch - self.choices.below(self.settings.batch)):
            self.invoke(to.name, lambda: self._consume(to, batch))

    def relay(self, of: Deployed, lane: int) -> None:
        """Hands what is next of a stream's lane to its relay."""
        batch = of.stream.take(lane, self.settings.relay_batch)

        def act() -> None:
            of.busy.add(lane)
            try:
                answer = self._relay.handle(batch)
                self.calls.make("answer", lambda: None)
                of.stream.checkpoint(lane, batch, answer)
            except Exception as error:  # noqa: BLE001 - Lambda brings the batch again
                self.say(f"    failed: {error}")
            finally:
                of.busy.discard(lane)

        if self.note:
            self.note(f"relay of {of.name} #{self._invocations + 1}: {_relayed(batch)}")
        self.invoke(f"relay of {of.name}", act)

    def orders_api(self) -> OrdersApi:
        """A process of the function behind orders' routes."""
        products = cast("Products", FaultyProducts(self.products, self.calls))
        return OrdersApi(self.reactor(orders), cast("Pages", None), products)

    def warehouse_api(self) -> WarehouseApi:
        """A process of the function behind the warehouse's routes."""
        return WarehouseApi(self.reactor(warehouse), cast("Pages", None))

    def reactor(self, service: Service[Any], perform: Perform = no_effects) -> Reactor[Any]:
        """A service's reactions over its table."""
        return self._reactor(service, self.deployed[service.name].table, perform)

    def say(self, text: str) -> None:
        """Notes what happens."""
        if self.note:
            self.note(text)

    # Deployment

    def _deploy(self, service: Service[Any]) -> Deployed:
        settings, kind = self.settings, FifoQueue if service.queue == "fifo" else StandardQueue
        dlq: MemoryQueue = kind(self.clock)
        queue: MemoryQueue = kind(
            self.clock,
            visibility=settings.visibility,
            max_receives=MAX_RECEIVES,
            dlq=dlq,
            choose=self.choices.below,
        )
        types = {contract.__name__ for contract in service.reactions}
        self.topic.subscribe(queue, None if service.subscribes_to_all else types)
        stream = MemoryStream(settings.lanes)
        table = MemoryTable(stream if service.announces else None, WATCHES.get(service.name))
        made = Deployed(service, queue, dlq, lambda: self._process(made), table, MemoryLedger(), stream)
        return made

    def _process(self, of: Deployed) -> Consumer:
        react, prepare = self._handling(of)
        return Consumer(
            queue=FaultyQueue(ConsumersQueue(of.queue), self.calls, lambda message: self._task().unburied.add(message)),
            kind=of.service.queue,
            parse=PARSE[of.name],
            open_order=react,
            executor=self._executor,
            max_receives=MAX_RECEIVES,
            backoff=BACKOFF,
            randomness=lambda: 0.5,
            prepare=prepare,
            clock=self.clock,
        )

    def _handling(self, of: Deployed) -> tuple[Callable[[str], React], Prepare]:
        if of.service is history:
            log = FaultyLog(self.log, self.calls)
            return lambda _order: log.record, unprepared
        if counting := COUNTINGS.get(of.name):
            ledger = FaultyLedger(of.ledger, self.calls)
            fold = Fold(of.service, counting, ledger, pause=self.calls.pause, choose=self.choices.below)
            return fold.open_order, fold.prepare
        reactor = self._reactor(of.service, of.table, self._perform(of))
        if of.service is inventory:
            batch = BatchReactor(reactor, self._executor)
            return batch.open_order, batch.prepare
        return lambda order: reactor.order(order).react, unprepared

    def _perform(self, of: Deployed) -> Perform:
        if of.service is payment:
            gate = FaultyGateway(self.gateway, self.calls)
            return lambda effect: gateway.perform(gate, effect)
        if of.service is notification:
            mailer = FaultyMailer(self.mailer, self.calls, self._sent, self._unanswered)
            return lambda effect: mail.perform(mailer, effect)
        if of.service is fraud:
            windows = FaultyWindows(self._windows, self.calls)
            return Investigation(RULES, windows, self._reactor(fraud, of.table, no_effects)).perform
        return no_effects

    def _reactor(self, service: Service[Any], table: MemoryTable, perform: Perform) -> Reactor[Any]:
        committed = self._recorded if service is notification else lambda _item: None
        return Reactor(
            service,
            FaultyTable(table, self.calls, committed),
            perform,
            self.clock,
            self.calls.pause,
            self._token,
        )

    def _consume(self, to: Deployed, batch: list[Stored]) -> None:
        records = [message.record() for message in batch]
        if self.note:
            self.note(f"{to.name} #{self._invocations}: {', '.join(_told(message) for message in batch)}")
        process = to.free.pop() if to.free else to.make()
        to.running += 1
        try:
            answer = process.handle(records, self._task().deadline)
            self.calls.make("answer", lambda: None)
        except Exception as error:  # noqa: BLE001 - the messages come back, all of them
            self.say(f"    failed: {error}")
            return
        finally:
            to.running -= 1
        to.free.append(process)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message, record in zip(batch, records, strict=True):
            if message.id not in failed:
                to.queue.delete(record["receiptHandle"])
                self._repeat(to.queue, message)
        self._check_last_attempts(to, [record for record in records if record["messageId"] in failed])

    def _check_last_attempts(self, to: Deployed, handed_back: list[dict[str, Any]]) -> None:
        last = [each for each in handed_back if each["attributes"]["ApproximateReceiveCount"] == str(MAX_RECEIVES)]
        # Of two copies of a message in one batch Lambda cannot tell which has failed.
        copies = len({each["messageId"] for each in handed_back}) < len(handed_back)
        if last and not (copies or self._task().unburied):
            raise ViolationError(
                "at its last attempt a message is handled, or buried with its reason",
                f"{to.name} hands {last[0]['messageId']} back",
            )

    def _repeat(self, queue: MemoryQueue, message: Stored) -> None:
        """Standard queues hand over some messages again, even days later."""
        if self.repeats and isinstance(queue, StandardQueue) and self.choices.chance(self.repeats):
            queue.repeat(message, LAGS[self.choices.below(len(LAGS))])

    def _task(self) -> Task:
        task = self.tasks.running
        if task is None:
            raise RuntimeError("nothing runs")
        return task

    def _token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}"

    def _in_order(self, event: str) -> None:
        source, order, n = event.split("/")
        if n != "1" and f"{source}/{order}/{int(n) - 1}" not in self.topic.published:
            raise ViolationError("a source's events of an order are published in their order", f"{event} is early")

    def _lag(self) -> int:
        return LAGS[self.choices.below(len(LAGS))] if self.lags and self.choices.chance(self.lags) else 0

    def _refused(self) -> bool:
        return bool(self.refusals) and self.choices.chance(self.refusals)

    def _sent(self, order: str, kind: str) -> None:
        self._task().unrecorded.add((order, kind))

    def _unanswered(self, order: str, kind: str) -> None:
        """The mail system has taken it, and nobody heard of it: as if the process had ended there."""
        unrecorded = self._task().unrecorded
        if (order, kind) in unrecorded:
            unrecorded.remove((order, kind))
            self._allow_another(order, kind)

    def _allow_another(self, order: str, kind: str) -> None:
        self.allowed[order, kind] += 1

    def _recorded(self, item: Attributes) -> None:
        """Forgets what was sent once its e-mail is recorded as such."""
        unrecorded = self._task().unrecorded
        if unrecorded:
            emails = _mailbox.decode(item["state"]["S"]).emails
            for order, kind in list(unrecorded):
                if order == item["pk"]["S"] and emails[kind]["status"] == "sent":
                    unrecorded.remove((order, kind))


class _Mailbox(msgspec.Struct):
    emails: dict[str, dict[str, str]]


_mailbox = msgspec.json.Decoder(_Mailbox)

LAGS = (10, 100, SECOND, 10 * SECOND, 3 * MINUTE, 10 * MINUTE, 60 * MINUTE, 26 * 60 * MINUTE, 3 * 24 * 60 * MINUTE)

LEGAL = {
    ("PENDING", "CONFIRMED"),
    ("PENDING", "CANCELLED"),
    ("CONFIRMED", "CANCELLED"),
    ("CONFIRMED", "DISPATCHED"),
}
"""How an order's status may change."""


class _Status(msgspec.Struct):
    status: str = "PENDING"


_status = msgspec.json.Decoder(_Status)


def _legal(key: str, old: Attributes | None, new: Attributes) -> None:
    if old is None or old["state"] == new["state"]:
        return
    change = tuple(_status.decode(item["state"]["S"]).status for item in (old, new))
    if change[0] != change[1] and change not in LEGAL:
        raise ViolationError("the status of an order is legal", f"{key} went from {change[0]} to {change[1]}")


def _never_negative(key: str, _old: Attributes | None, new: Attributes) -> None:
    if "available" in new and (int(new["available"]["N"]) < 0 or int(new.get("reserved", {"N": "0"})["N"]) < 0):
        raise ViolationError("stock is never negative", f"{key} is {dict(new)}")


WATCHES = {"orders": _legal, "inventory": _never_negative}


def _relayed(batch: Iterable[Record]) -> str:
    return ", ".join(record["dynamodb"]["NewImage"]["pk"]["S"][:8] for record in batch)


class _Told(msgspec.Struct):
    id: str
    type: str


def _told(message: Stored) -> str:
    try:
        event = msgspec.json.decode(message.body, type=_Told)
    except (msgspec.MsgspecError, ValueError):
        return f"{message.id} (poison)"
    source, order, n = event.id.split("/")
    return f"{event.type} {source}/{order[:8]}/{n} (reception {message.received})"
