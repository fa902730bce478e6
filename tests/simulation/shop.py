"""The whole shop in one process: the real handlers, executors, consumers and relays over ports in memory."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from functions.fraud.inspector import Inspector
from functions.fraud.rules import Rules
from functions.fraud.service import service as fraud
from functions.history.service import service as history
from functions.inventory.adjustments import adjustments
from functions.inventory.api import Api as InventoryApi
from functions.inventory.stock import Stock
from functions.live.broadcast import Broadcast
from functions.live.service import service as live
from functions.notification.bounces import with_bounces
from functions.notification.limit import LimitedMailer
from functions.notification.service import service as notification
from functions.orders.api import Api as OrdersApi
from functions.orders.expiry.brake import BrakeLimit
from functions.orders.pricing import PaymentTerms, TotalRange
from functions.orders.products import Products
from functions.orders.service import service as orders
from functions.payment.api import Api as PaymentApi
from functions.payment.reports import SOURCE, Ports, Report, with_reports
from functions.payment.service import service as payment
from functions.payment.state import Payment, attempt_of, counts
from functions.warehouse.api import Api as WarehouseApi
from functions.warehouse.service import service as warehouse
from tests.invariants.services import SERVICES
from tests.simulation.clock import HOUR, MINUTE, SECOND
from tests.simulation.faults import (
    Calls,
    CrashError,
    FaultyGateway,
    FaultyLive,
    FaultyLog,
    FaultyMailer,
    FaultyQueue,
    FaultyRelayDeadLetterQueue,
    FaultyReportQueue,
    FaultySecrets,
    FaultyStock,
    FaultyTable,
    FaultyTopic,
)
from tests.simulation.formats import watch_formats
from tests.simulation.ports.gateway import MemoryGateway
from tests.simulation.ports.live import MemoryLive
from tests.simulation.ports.log import MemoryLog
from tests.simulation.ports.mailer import MemoryMailer
from tests.simulation.ports.queue import ConsumerQueue, FifoQueue, SimulatedQueue, StandardQueue, StoredMessage
from tests.simulation.ports.report_queue import MemoryReportQueue
from tests.simulation.ports.stream import MemoryStream
from tests.simulation.ports.topic import FifoTopic
from tests.simulation.random_source import RandomSource
from tests.simulation.tasks import Task, Tasks, Tries
from tests.simulation.violation import ViolationError
from tidings.aws.secrets import Secret
from tidings.core.decisions import Numbers
from tidings.core.entity import StoredEntity
from tidings.core.errors import RetryableError, UntriedError, causes
from tidings.core.event import Event
from tidings.core.ports import DeadLetter, Message, StreamRecord
from tidings.core.service import Service
from tidings.handling.executor import EventExecutor, Handle, HandlerExecutor
from tidings.handling.retries import GAVE_UP, LAST_PAUSE, LAST_TRIES, WAITED_TOO_LONG, RetryPolicy
from tidings.messaging.assembly import Receive, executor_of, parser_of
from tidings.messaging.consumer import Consumer
from tidings.messaging.relay import Relay
from tidings.testing import InlineExecutor, MemoryRelayDeadLetterQueue, MemoryTable, VirtualClock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tidings.http.pagination import Pages

T = TypeVar("T")

Watch = Callable[[str, StoredEntity | Numbers | None, StoredEntity | Numbers], None]
"""A watch of a table's writes; see `MemoryTable`."""

RULES = Rules(velocity=3, address_spread=2, large_total={"EUR": 20_000})

TERMS = PaymentTerms(methods=("pm_*",), totals={"EUR": TotalRange(1, 10**9)})
"""They allow totals that the gateway does not take. It then declines the payment of an order that was accepted."""

MAILS_PER_HOUR = 8
"""Maximum number of e-mails to one customer in an hour. Few customers have more."""

TIMEOUT = 20 * SECOND
PATIENT = RetryPolicy(receives=3, age=180, wait=30 * 60, backoff=5)
HASTY = RetryPolicy(receives=1, age=0, wait=30 * 60, backoff=5)
"""With this one a redrive may follow while a FIFO queue still knows the deduplication id of the message."""

LOOSE = BrakeLimit(1000, HOUR)
"""With this one the expiry job never stops."""

MAX_RECEIVES = 100

PARSERS = {service.name: parser_of(service) for service in SERVICES}
PARSERS[notification.name] = with_bounces(PARSERS[notification.name])
PARSERS[payment.name] = with_reports(PARSERS[payment.name])


@dataclass(frozen=True)
class Settings:
    """The settings of a history's deployment.

    Attributes:
        visibility: The queues' visibility timeout in milliseconds.
        lanes: Number of batches of one stream that are relayed at a time.
        batch: Maximum number of messages that a consumer receives.
        relay_batch: Maximum number of records that a relay receives.
        concurrency: Maximum number of a service's consumers at a time.
        rules: The rules of fraud.
        policy: The consumers' retry policy.
        brake: The number of orders after which the expiry job stops, and within which time.
    """

    visibility: int = 121 * SECOND
    lanes: int = 1
    batch: int = 10
    relay_batch: int = 100
    concurrency: int = 1
    rules: Rules = RULES
    policy: RetryPolicy = PATIENT
    brake: BrakeLimit = LOOSE


@dataclass
class DeployedService:
    """A deployed service.

    Attributes:
        service: The service.
        queue: Its queue.
        dlq: Its dead-letter queue.
        start: Starts a process of its consumer.
        table: Its table.
        stream: The table's stream.
        relay: The stream's relay.
        relay_dlq: The relay's dead-letter queue.
        idle: The consumer processes that wait for work.
        running: Number of consumer processes at work.
        busy: The lanes of the stream that are being relayed.
        down_until: The time until which its consumer is stopped.
    """

    service: Service[Any]
    queue: SimulatedQueue
    dlq: SimulatedQueue
    start: Callable[[], Consumer]
    table: MemoryTable
    stream: MemoryStream
    relay: Relay
    relay_dlq: MemoryRelayDeadLetterQueue
    idle: list[Consumer] = field(default_factory=list)
    running: int = 0
    busy: set[int] = field(default_factory=set)
    down_until: int = 0

    @property
    def name(self) -> str:
        return self.service.name


class InterleavedExecutor(Executor):
    """A thread pool that runs tasks one after another within the simulated function, forwards or backwards."""

    def __init__(self, choices: RandomSource) -> None:
        self._choices = choices

    def map(self, fn: Callable[..., T], *iterables: Iterable[Any], **_options: Any) -> Iterator[T]:
        arguments = list(zip(*iterables, strict=True))
        if len(arguments) > 1 and self._choices.below(2):
            return reversed([fn(*each) for each in reversed(arguments)])
        return iter([fn(*each) for each in arguments])


LAST_TRY = "a message is given up after its last tries, or after the longest wait, and never before"


@dataclass(frozen=True)
class WatchedExecutor:
    """An executor of events. `tried` receives each try's event id, and its error if it failed."""

    executor: EventExecutor
    tried: Callable[[str, Exception | None], None]

    def prepare(self, events: Sequence[Event[Any]]) -> None:
        self.executor.prepare(events)

    def open_entity(self, key: str) -> Handle:
        handle = self.executor.open_entity(key)

        def watched(event: Event[Any], deadline: int) -> None:
            try:
                handle(event, deadline)
            except Exception as error:
                self.tried(event.id, error)
                raise
            self.tried(event.id, None)

        return watched


class Shop:
    """The deployed shop and its ports. `trace` receives the events of its history, if it is given."""

    def __init__(
        self,
        choices: RandomSource,
        settings: Settings,
        step: Callable[[], bool],
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.choices = choices
        self.settings = settings
        self.trace = trace
        self.clock = VirtualClock()
        self.tasks = Tasks(step)
        self.calls = Calls(choices, self.clock, self.tasks, trace)
        self.threads = InterleavedExecutor(choices)
        self.topic = FifoTopic(self.clock, self._lag, self._require_order, self._refuses)
        self.gateway = MemoryGateway(self.clock)
        self.mailer = MemoryMailer()
        self.log = MemoryLog(self.clock)
        self.live = MemoryLive()
        self.email_crashes: Counter[tuple[str, str]] = Counter()
        self.outages = 0.0
        self.refusals = 0.0
        self.refused: dict[str, bool] = {}
        self.lags = 0.0
        self.repeats = 0.0
        self.lost = 0.0
        self.recovering: set[str] = set()
        self._tokens = 0
        self._invocations = 0
        self.deployed = {service.name: self._deploy(service) for service in SERVICES}
        self.stock = Stock(self.deployed["inventory"].table)

    # Functions

    def invoke(self, name: str, act: Callable[[], None]) -> None:
        """Run a function. A crash ends it, and nothing else."""
        self._invocations += 1
        task = Task(f"{name} #{self._invocations}", self.clock.now + TIMEOUT)
        self.tasks.running = task
        try:
            act()
        except CrashError:
            self.email_crashes.update(task.unrecorded_emails)
        finally:
            self.tasks.running = None

    def consume(self, to: DeployedService) -> None:
        """Hand a batch to a consumer."""
        if batch := to.queue.receive(self.settings.batch - self.choices.below(self.settings.batch)):
            self.invoke(to.name, lambda: self._consume(to, batch))

    def relay(self, of: DeployedService, lane: int) -> None:
        """Hand the next records of a stream's lane to its relay."""
        batch = of.stream.take(lane, self.settings.relay_batch)

        def act() -> None:
            of.busy.add(lane)
            try:
                answer = of.relay.handle(batch)
                self.calls.answer()
                of.stream.checkpoint(lane, batch, answer)
            except Exception as error:  # noqa: BLE001 - Lambda delivers the batch again
                self.say(f"    failed: {error}")
                return
            finally:
                of.busy.discard(lane)
            if answer["batchItemFailures"] and not self._task().must_wait:
                raise ViolationError(
                    "an event that the topic refuses holds up no other", f"the relay of {of.name} waits for no reason"
                )

        if self.trace:
            self.trace(f"relay of {of.name} #{self._invocations + 1}: {_keys(batch)}")
        self.invoke(f"relay of {of.name}", act)

    def orders_api(self) -> OrdersApi:
        """Start a process of the function behind orders' routes."""
        table = FaultyTable(self.deployed[orders.name].table, self.calls)
        # Each request has another process, whose cache is empty.
        products = Products(table, 0, pause=self.calls.pause)
        return OrdersApi(self.handlers(orders), cast("Pages", None), products, TERMS)

    def inventory_api(self) -> InventoryApi:
        """Start a process of the function behind inventory's routes."""
        stock = FaultyStock(self.stock, self.calls)
        return InventoryApi(self.handlers(adjustments, stock), stock)

    def warehouse_api(self) -> WarehouseApi:
        """Start a process of the function behind the warehouse's routes."""
        return WarehouseApi(self.handlers(warehouse), cast("Pages", None))

    def handlers(self, service: Service[Any], port: Any = None) -> HandlerExecutor[Any]:
        """Return the executor of a service's handlers over its table."""
        table = FaultyTable(
            self.deployed[service.name].table,
            self.calls,
            self._take_note_of_emails if service is notification else None,
        )
        return HandlerExecutor(service, table, port, self.clock, self.calls.pause, self._token, self.choices.below)

    def payment_api(self) -> PaymentApi:
        """Start a process of the function behind payment's routes."""
        ports = self.payment_ports()
        return PaymentApi(self.handlers(payment, ports), ports, "simulated")

    def payment_ports(self) -> Ports:
        """Return the gateway and the queue of its reports."""
        queue = MemoryReportQueue(self.deployed[payment.name].queue)
        return Ports(FaultyGateway(self.gateway, self.calls), FaultyReportQueue(queue, self.calls))

    def inspector(self) -> Inspector:
        """Return the rules of fraud, and its pseudonyms."""
        secrets = cast("SecretsManagerClient", FaultySecrets(self.calls))
        secret = Secret(secrets, "pseudonyms-key", clock=lambda: self.clock.now / SECOND)
        return Inspector(self.settings.rules, secret.value)

    def delete_expired(self) -> None:
        """Delete the items that have expired."""
        for deployed in self.deployed.values():
            if deployed.service.expires:
                deployed.table.delete_expired(self.clock.now)

    def say(self, text: str) -> None:
        """Trace an event of the history."""
        if self.trace:
            self.trace(text)

    # Deployment

    def _deploy(self, service: Service[Any]) -> DeployedService:
        settings, kind = self.settings, FifoQueue if service.queue == "fifo" else StandardQueue
        dlq: SimulatedQueue = kind(self.clock)
        queue: SimulatedQueue = kind(
            self.clock,
            visibility=settings.visibility,
            max_receives=MAX_RECEIVES,
            dlq=dlq,
            choose=self.choices.below,
        )
        types = {contract.__name__ for contract in service.contracts}
        self.topic.subscribe(queue, None if service.subscribes_to_all else types)
        stream = MemoryStream(settings.lanes)
        watch = self._require_refunds if service is payment else WATCHES.get(service.name)
        guarded = self._unless_recovering(service.name, watch)
        table = MemoryTable(stream if service.announces else None, watch_formats(service, guarded))
        relay_dlq = MemoryRelayDeadLetterQueue()
        relay = Relay(
            service.name,
            FaultyTopic(self.topic, self.calls, self._is_unavailable, self._must_wait),
            FaultyRelayDeadLetterQueue(relay_dlq, self.calls, self._must_wait),
            self.threads,
        )
        deployed = DeployedService(
            service, queue, dlq, lambda: self._consumer(deployed), table, stream, relay, relay_dlq
        )
        return deployed

    def _unless_recovering(self, service: str, watch: Watch | None) -> Watch | None:
        """Return a watch of a service's writes that ignores a recovery, which makes many changes at once."""
        if watch is None:
            return None

        def watched(key: str, old: StoredEntity | Numbers | None, new: StoredEntity | Numbers) -> None:
            if service not in self.recovering:
                watch(key, old, new)

        return watched

    def _consumer(self, of: DeployedService) -> Consumer:
        service, port = of.service, self._port(of.service)
        return Consumer(
            queue=FaultyQueue(
                ConsumerQueue(of.queue),
                self.calls,
                self._check_dead_letter,
                lambda message: self._task().not_dead_lettered.add(message),
            ),
            kind=service.queue,
            parse=PARSERS[service.name],
            executor=WatchedExecutor(
                executor_of(
                    service,
                    handlers=lambda: self.handlers(service, port),
                    receive=self._receiver(service),
                    threads=self.threads,
                ),
                self._take_note_of_try,
            ),
            threads=self.threads,
            policy=self.settings.policy,
            randomness=lambda: 0.5,
            clock=self.clock,
            sleep=self._sleep,
        )

    def _receiver(self, service: Service[Any]) -> Receive | None:
        """Return the function of a service that receives every event, as its `consume.py` makes it."""
        if service is history:
            return FaultyLog(self.log.record, self.calls).record
        if service is live:
            faulty = FaultyLive(self.live, self.calls)
            return Broadcast(faulty, self.live, faulty, InlineExecutor(), lambda _: None, self.clock).receive
        return None

    def _port(self, service: Service[Any]) -> Any:
        """Return the port of a service with adapters, as its `consume.py` makes it."""
        if service is payment:
            return self.payment_ports()
        if service is notification:
            mailer = FaultyMailer(self.mailer, self.calls, self._sent, self._unanswered)
            return LimitedMailer(mailer, FaultyTable(self.deployed[service.name].table, self.calls), MAILS_PER_HOUR)
        if service is fraud:
            return self.inspector()
        return None

    # A consumer's invocation

    def _consume(self, to: DeployedService, batch: list[StoredMessage]) -> None:
        records = [message.record() for message in batch]
        if self.trace:
            self.trace(f"{to.name} #{self._invocations}: {', '.join(_described(message) for message in batch)}")
        self._task().followers = _followers(to.service, batch)
        process = to.idle.pop() if to.idle else to.start()
        to.running += 1
        try:
            answer = process.handle(records, self._task().deadline)
            self.calls.answer()
        except Exception as error:  # noqa: BLE001 - all messages become visible again
            self.say(f"    failed: {error}")
            return
        finally:
            to.running -= 1
        to.idle.append(process)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message, record in zip(batch, records, strict=True):
            if message.id not in failed:
                to.queue.delete(record["receiptHandle"])
                self._repeat(to.queue, message)
        self._check_returned(to, [record for record in records if record["messageId"] in failed])

    def _take_note_of_try(self, event: str, error: Exception | None) -> None:
        tries = self._task().tries
        if error is None:
            tries.pop(event, None)
            return
        failed = tries.setdefault(event, Tries())
        failed.number, failed.error, failed.time = failed.number + 1, error, self.clock.now

    def _check_dead_letter(self, letter: DeadLetter) -> None:
        """Require that a message that might have succeeded later was given up as the policy says."""
        if letter.reason not in (GAVE_UP, WAITED_TOO_LONG):
            return
        # Another message may hold the same event. Its own tries come after this.
        message, tries = letter.message, self._task().tries.pop(_event_id(letter.message.body), Tries())
        policy, waited = self.settings.policy, self._has_waited(message, tries)
        if letter.reason == WAITED_TOO_LONG:
            right = waited and _waits(tries.error)
        else:
            right = not _waits(tries.error) and tries.time - message.sent >= policy.age * SECOND
        last = tries.number >= LAST_TRIES or (tries.number > 0 and waited and self._is_late(tries))
        if not (right and last) or message.receives < policy.receives:
            raise ViolationError(LAST_TRY, f"{message.id}: {letter.reason} after {tries.number} tries: {tries.error}")

    def _check_returned(self, to: DeployedService, returned: list[dict[str, Any]]) -> None:
        """Require that no message was returned that the policy gives up."""
        policy, events = self.settings.policy, Counter(_event_id(record["body"]) for record in returned)
        for record in returned:
            message, event = Message.of(record), _event_id(record["body"])
            tries = self._task().tries.get(event)
            # Of two copies of a message in one batch Lambda cannot tell which one failed.
            if tries is None or events[event] > 1 or message.id in self._task().not_dead_lettered:
                continue
            is_old = tries.time - message.sent >= policy.age * SECOND
            failed_finally = tries.number >= LAST_TRIES and not _waits(tries.error) and is_old
            if message.receives >= policy.receives and (failed_finally or self._has_waited(message, tries)):
                raise ViolationError(LAST_TRY, f"{to.name} returned {message.id}: {tries.error}")

    def _has_waited(self, message: Message, tries: Tries) -> bool:
        """Return whether a message has waited for the longest time, and not only the message before it."""
        waited = tries.time - message.first_received
        return waited >= self.settings.policy.wait * SECOND and message.id not in self._task().followers

    def _is_late(self, tries: Tries) -> bool:
        """Return whether the time may not suffice for another try, which begins in the first half of the time."""
        after = tries.error.after if isinstance(tries.error, RetryableError) else 0
        pause = max(after, LAST_PAUSE * 2.0 ** (tries.number - 1))
        return tries.time + pause * SECOND > self._task().deadline - TIMEOUT / 2

    def _repeat(self, queue: SimulatedQueue, message: StoredMessage) -> None:
        """Let a standard queue deliver some messages again, even days later."""
        if self.repeats and isinstance(queue, StandardQueue) and self.choices.happens(self.repeats):
            queue.repeat(message, LAGS[self.choices.below(len(LAGS))])

    def _sleep(self, seconds: float) -> None:
        self.clock.now += round(seconds * SECOND)
        self.calls.pause()

    def _task(self) -> Task:
        task = self.tasks.running
        if task is None:
            raise RuntimeError("no function runs")
        return task

    def _token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}"

    # The topic

    def _require_order(self, event: str) -> None:
        source, key, number = event.split("/")
        before = f"{source}/{key}/{int(number) - 1}"
        if number != "1" and before not in self.topic.published and before not in self.topic.refused:
            raise ViolationError("a source's events of an order are published in their order", f"{event} is early")

    def _lag(self) -> int:
        return LAGS[self.choices.below(len(LAGS))] if self.lags and self.choices.happens(self.lags) else 0

    def _is_unavailable(self) -> bool:
        return bool(self.outages) and self.choices.happens(self.outages)

    def _refuses(self, event: str) -> bool:
        """Return whether the topic refuses an event, as often as it is published before everything heals."""
        if not self.refusals:
            return False
        if event not in self.refused:
            self.refused[event] = event not in self.topic.published and self.choices.happens(self.refusals)
        return self.refused[event]

    def _must_wait(self) -> None:
        self._task().must_wait = True

    # Refunds

    def _require_refunds(self, key: str, old: StoredEntity | Numbers | None, new: StoredEntity | Numbers) -> None:
        """Require that no refund is requested of more than is left, and none done before the gateway says so."""
        if not isinstance(new, StoredEntity) or '"refunds"' not in new.state:
            return
        before = _payment.decode(old.state).refunds if isinstance(old, StoredEntity) else ()
        state = _payment.decode(new.state)
        for refund in state.refunds:
            if refund in before:
                continue
            if refund.status == "pending" and not refund.rest and refund.payment == state.id:
                gone = sum(each.amount.amount for each in state.refunds if each.payment == state.id and counts(each))
                if gone > state.total.amount:
                    raise ViolationError(LEFT, f"{key} has {state.refunds} of {state.amount}")
            made = self.gateway.payments[refund.payment].refunds
            if refund.status == "succeeded" and any(
                each.attempt == attempt_of(key, refund) and each.status == "pending" for each in made
            ):
                raise ViolationError(DONE, f"{key} has {refund}, and the gateway has {made}")

    # E-mails

    def _sent(self, order: str, kind: str) -> None:
        self._task().unrecorded_emails.add((order, kind))

    def _unanswered(self, order: str, kind: str) -> None:
        """Count an e-mail that was accepted without an answer as a crash between sending and recording."""
        unrecorded = self._task().unrecorded_emails
        if (order, kind) in unrecorded:
            unrecorded.remove((order, kind))
            self.email_crashes[order, kind] += 1

    def _take_note_of_emails(self, entity: StoredEntity) -> None:
        """Take note of the e-mails that are recorded as sent."""
        unrecorded = self._task().unrecorded_emails
        if unrecorded:
            emails = (_mailbox.decode(entity.state) or _Mailbox()).emails
            for order, kind in list(unrecorded):
                if order == entity.key and emails[kind]["status"] == "sent":
                    unrecorded.remove((order, kind))


LEFT = "no refund is requested of more than is left of its payment"
DONE = "a refund is pending until the gateway knows its outcome"


_payment = msgspec.json.Decoder(Payment)


class _Mailbox(msgspec.Struct):
    emails: dict[str, dict[str, str]] = {}


_mailbox = msgspec.json.Decoder(_Mailbox | None)

LAGS = (10, 100, SECOND, 10 * SECOND, 3 * MINUTE, 10 * MINUTE, 60 * MINUTE, 26 * 60 * MINUTE, 3 * 24 * 60 * MINUTE)

LEGAL = {
    ("PENDING", "CONFIRMED"),
    ("PENDING", "CANCELLED"),
    ("CONFIRMED", "CANCELLED"),
    ("CONFIRMED", "DISPATCHED"),
}
"""The legal changes of an order's status."""


class _Status(msgspec.Struct):
    status: str = "PENDING"


_status = msgspec.json.Decoder(_Status)


def _require_legal_status(key: str, old: StoredEntity | Numbers | None, new: StoredEntity | Numbers) -> None:
    if not (isinstance(old, StoredEntity) and isinstance(new, StoredEntity)) or old.state == new.state:
        return
    change = tuple(_status.decode(entity.state).status for entity in (old, new))
    if change[0] != change[1] and change not in LEGAL:
        raise ViolationError("the status of an order is legal", f"{key} went from {change[0]} to {change[1]}")


def _require_stock(key: str, _old: StoredEntity | Numbers | None, new: StoredEntity | Numbers) -> None:
    if isinstance(new, Mapping) and min(new.values(), default=0) < 0:
        raise ViolationError("stock is never negative", f"{key} is {dict(new)}")


MAILED = "no e-mail is begun after its order was erased"


def _require_no_email(key: str, old: StoredEntity | Numbers | None, new: StoredEntity | Numbers) -> None:
    if not (isinstance(old, StoredEntity) and isinstance(new, StoredEntity)) or not old.erased:
        return
    before, after = (_mailbox.decode(entity.state) or _Mailbox() for entity in (old, new))
    begun = {kind for kind, email in after.emails.items() if email.get("status") == "sending"}
    if begun - {kind for kind, email in before.emails.items() if email.get("status") == "sending"}:
        raise ViolationError(MAILED, f"{key} sends {begun}")


WATCHES = {"orders": _require_legal_status, "inventory": _require_stock, "notification": _require_no_email}


# The trace


def _keys(batch: Iterable[StreamRecord]) -> str:
    return ", ".join(record.announced[0].head.subject[:8] for record in batch)


class _Head(msgspec.Struct):
    id: str
    type: str


def _event_id(body: str) -> str:
    """Return the id of the event in a message; the body itself if it holds none."""
    try:
        return msgspec.json.decode(body, type=_Head).id
    except msgspec.MsgspecError:
        report = _report(body)
        return f"{SOURCE}/{report.group}/{report.id}" if report else body


def _report(body: str) -> Report | None:
    """Return the report of the gateway in a message; None if it holds none."""
    try:
        return msgspec.json.decode(body, type=Report)
    except msgspec.MsgspecError:
        return None


def _followers(service: Service[Any], batch: Sequence[StoredMessage]) -> set[str]:
    """Return the ids of the messages that a FIFO queue delivered behind another one of their group."""
    if service.queue != "fifo":
        return set()
    heads = {message.group: message.id for message in reversed(batch)}
    return {message.id for message in batch} - set(heads.values())


def _waits(error: Exception | None) -> bool:
    """Return whether an error asks to wait, so that it uses up no try."""
    return error is not None and any(isinstance(cause, UntriedError) for cause in causes(error))


def _described(message: StoredMessage) -> str:
    try:
        event = msgspec.json.decode(message.body, type=_Head)
        source, key, number = event.id.split("/")
    except (msgspec.MsgspecError, ValueError):
        if report := _report(message.body):
            return f"report {report.id} about {report.about} of {report.payment}, {report.group[:8]}"
        return f"{message.id} (poison)"
    return f"{event.type} {source}/{key[:8]}/{number} (delivery {message.received})"
