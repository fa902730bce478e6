"""The retry policy in virtual time: SQS's queues, the consumer, and the shop's handlers over failing providers."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import pytest
from botocore.exceptions import ClientError

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.address import Address
from contracts.values.goods import OrderLine
from contracts.values.money import Money
from contracts.values.recipient import Destination, Recipient
from functions.notification.mail import SesMailer
from functions.notification.service import service as notification
from functions.payment.gateway import (
    AuthorizationOutcome,
    CaptureOutcome,
    Declined,
    Opened,
    Origin,
    RefundOutcome,
    VoidOutcome,
)
from functions.payment.service import service as payment
from tests.simulation.clock import HOUR, MINUTE, SECOND
from tests.simulation.ports.gateway import MemoryGateway
from tests.simulation.ports.queue import ConsumerQueue, FifoQueue, SimulatedQueue, StandardQueue
from tests.simulation.run import quiet
from tidings.aws.throttling import is_throttled
from tidings.core.contract import Contract
from tidings.core.errors import ThrottledError
from tidings.core.event import encode
from tidings.core.personal import Personal
from tidings.core.service import Service
from tidings.handling.executor import HandlerExecutor
from tidings.handling.retries import RetryPolicy
from tidings.messaging.assembly import executor_of, parser_of
from tidings.messaging.consumer import Consumer
from tidings.testing import InlineExecutor, MemoryTable, VirtualClock, fails, make_event

T = TypeVar("T")

POLICY = RetryPolicy(receives=5, age=15 * 60, wait=6 * 3600, backoff=30)
MAX_RECEIVES = 100
TIMEOUT = 20 * SECOND
VISIBILITY = 121 * SECOND
ORDERS = 300

NO_ANSWER = TimeoutError("no answer")
TOO_MANY_REQUESTS = ThrottledError("too many requests")
PLACED = OrderPlaced(
    customer="8f14e45f-ceea-467f-a1b2-0d1e2f3a4b5c",
    lines=(OrderLine("mug", 1, Money(2000, "EUR")),),
    total=Money(2000, "EUR"),
    payment_method="pm_card_visa",
)
CONFIRMED = OrderConfirmed(customer=PLACED.customer, lines=PLACED.lines, total=PLACED.total)
ADDRESS = Address("A. Customer", "1 Mill Lane", "Ghent", "9000", "BE")
PERSONAL: dict[type[Contract], Personal] = {
    OrderPlaced: Recipient(email="customer@example.com", address=ADDRESS),
    OrderConfirmed: Destination(ADDRESS),
}
CANCELLED = OrderCancelled(reason="customer")


def order(n: int) -> str:
    return f"3f2b8c1e-7a6d-4e0b-9c58-{n:012}"


class CrashError(BaseException):
    """The end of a function's process."""


class Deployed:
    """A service's queues and consumer. Each invocation takes one batch; the clock jumps to the next delivery."""

    def __init__(self, service: Service[Any], port: Any = None, policy: RetryPolicy = POLICY) -> None:
        self.clock = VirtualClock()
        self.table = MemoryTable()
        self.service = service
        self.port = port
        self.deliveries: Counter[str] = Counter()
        kind = FifoQueue if service.queue == "fifo" else StandardQueue
        self.dlq: SimulatedQueue = kind(self.clock)
        self.queue: SimulatedQueue = kind(self.clock, visibility=VISIBILITY, max_receives=MAX_RECEIVES, dlq=self.dlq)
        threads = InlineExecutor()
        self.consumer = Consumer(
            queue=ConsumerQueue(self.queue),
            kind=service.queue,
            parse=parser_of(service),
            executor=executor_of(
                service,
                handlers=lambda: HandlerExecutor(service, self.table, self.port, self.clock, self._pause),
                receive=None,
                threads=threads,
            ),
            threads=threads,
            policy=policy,
            is_throttled=is_throttled,
            randomness=lambda: 0.5,
            clock=self.clock,
            sleep=self._sleep,
        )

    def send(self, key: str, *facts: Contract) -> None:
        """Let events of an order arrive, in this sequence."""
        for n, data in enumerate(facts, 1):
            event = make_event(data, subject=key, number=n, personal=PERSONAL.get(type(data)))
            self.queue.send(encode(event), key, event.id)

    def run(self, until: int | None = None) -> None:
        """Deliver messages until the queue is empty, or until this time has passed."""
        end = until and self.clock.now + until
        with quiet():
            while (next_time := self._next_time()) is not None and not (end and next_time > end):
                self.clock.now = max(self.clock.now, next_time)
                self._deliver()
        self.clock.now = max(self.clock.now, end or 0)

    def redrive(self) -> None:
        """Send the dead letters back to their queue, oldest first."""
        for letter in self.dlq.receive():
            self.queue.send(letter.body, letter.group, f"{letter.id}#redrive")
            self.dlq.delete(letter.receipt)

    def dead_letters(self) -> list[str | None]:
        """Return the dead letters' reasons; None for a message that the queue itself gave up."""
        return [letter.attributes.get("reason") for letter in self.dlq.messages()]

    def status(self, key: str) -> str:
        """Return the status of an order's payment."""
        return str(self._state(key)["status"])

    def refunds(self, key: str) -> list[str]:
        """Return the status of each refund of an order."""
        return [refund.get("status", "pending") for refund in self._state(key).get("refunds", ())]

    def _state(self, key: str) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.table.entities[key].state)
        return state

    def _next_time(self) -> int | None:
        return self.clock.now if self.queue.ready(self.clock.now) else self.queue.next_time()

    def _deliver(self) -> None:
        batch = self.queue.receive()
        self.deliveries.update(message.id for message in batch)
        records = [message.record() for message in batch]
        try:
            answer = self.consumer.handle(records, self.clock.now + TIMEOUT)
        except CrashError:
            return
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message, record in zip(batch, records, strict=True):
            if message.id not in failed:
                self.queue.delete(record["receiptHandle"])

    def _pause(self, _attempt: int) -> None:
        self._sleep(0.1)

    def _sleep(self, seconds: float) -> None:
        self.clock.now += round(seconds * SECOND)


class FailingGateway:
    """A payment gateway that passes the name and the subject of each call to `before`, which may raise an error."""

    def __init__(self, before: Callable[[str, str], object]) -> None:
        self.memory = MemoryGateway(VirtualClock())
        self.before = before

    @property
    def gateway(self) -> "FailingGateway":
        return self

    def open(self, order: str, amount: Money, method: str, origin: Origin) -> Opened | Declined:
        self.before("open", order)
        return self.memory.open(order, amount, method, origin)

    def find(self, order: str, placed: int) -> str | None:
        return self.memory.find(order, placed)

    def authorize(self, payment: str) -> AuthorizationOutcome:
        self.before("authorize", payment)
        return self.memory.authorize(payment)

    def capture(self, payment: str) -> CaptureOutcome:
        self.before("capture", payment)
        return self.memory.capture(payment)

    def void(self, payment: str) -> VoidOutcome:
        self.before("void", payment)
        return self.memory.void(payment)

    def refund(self, payment: str, attempt: str, amount: Money | None) -> RefundOutcome:
        self.before("refund", payment)
        return self.memory.refund(payment, attempt, amount)

    def moved(self) -> list[tuple[int, int]]:
        """Return how often each payment's money moved each way."""
        return [(each.captured, each.refunded) for each in self.memory.payments.values()]


def raising(errors: dict[str, list[Exception]]) -> Callable[[str, str], None]:
    """Return a function that raises these errors at a method's first calls, one at each."""

    def before(name: str, _subject: str) -> None:
        if errors.get(name):
            raise errors[name].pop(0)

    return before


def raise_during(clock: VirtualClock, time: int, error: Exception) -> Callable[..., None]:
    """Return a function that raises an error until this time from now has passed."""
    end = clock.now + time

    def before(*_: Any) -> None:
        if clock.now < end:
            raise error

    return before


# Tries


@pytest.mark.parametrize("age", [15 * 60, 0], ids=["too young to be given up", "old enough to be given up"])
def test_a_cancellation_behind_an_order_that_failed_four_times_is_refunded_although_its_own_first_try_fails(
    age: int,
) -> None:
    gateway = FailingGateway(raising({"open": [NO_ANSWER] * 4, "refund": [NO_ANSWER]}))
    deployed = Deployed(payment, gateway, RetryPolicy(receives=5, age=age, wait=6 * 3600, backoff=30))
    deployed.send(order(1), PLACED, CONFIRMED, CANCELLED)
    deployed.run()
    assert deployed.refunds(order(1)) == ["succeeded"]
    assert gateway.moved() == [(1, 1)]
    assert deployed.dead_letters() == []


@pytest.mark.parametrize("age", [15 * 60, 0])
def test_the_followers_of_a_message_that_was_given_up_have_all_their_tries(age: int) -> None:
    gateway = FailingGateway(raising({"open": [NO_ANSWER] * 50}))
    deployed = Deployed(payment, gateway, RetryPolicy(receives=5, age=age, wait=6 * 3600, backoff=30))
    deployed.send(order(1), PLACED, CANCELLED)
    deployed.table.commit_faults.next(fails(NO_ANSWER), fails(NO_ANSWER))
    deployed.run()
    assert deployed.status(order(1)) == "forbidden"
    assert deployed.dead_letters() == ["gave-up"]


def test_a_message_that_always_fails_is_given_up_after_a_quarter_of_an_hour_and_three_tries_in_a_row() -> None:
    times: list[int] = []

    def fail(*_: str) -> None:
        times.append(deployed.clock.now)
        raise NO_ANSWER

    deployed = Deployed(payment, FailingGateway(fail))
    begun = deployed.clock.now
    deployed.send(order(1), PLACED)
    deployed.run()
    assert deployed.dead_letters() == ["gave-up"]
    assert 15 * MINUTE <= times[-1] - begun <= 30 * MINUTE
    assert times[-1] - times[-3] < 2 * SECOND
    assert times[-3] - times[-4] > MINUTE


def test_messages_that_are_returned_for_lack_of_time_keep_their_tries() -> None:
    failed: set[str] = set()

    def slow(_name: str, subject: str) -> None:
        deployed.clock.advance(seconds=6)
        if subject not in failed:
            failed.add(subject)
            raise NO_ANSWER

    gateway = FailingGateway(slow)
    deployed = Deployed(payment, gateway, RetryPolicy(receives=5, age=0, wait=6 * 3600, backoff=1))
    for n in range(60):
        deployed.send(order(n), PLACED, CONFIRMED)
    deployed.run()
    assert max(deployed.deliveries.values()) > 10
    assert deployed.dead_letters() == []
    assert gateway.moved() == [(1, 0)] * 60


@pytest.mark.parametrize("service", [payment, notification], ids=["fifo", "standard"])
def test_a_message_that_ends_its_function_is_given_up_by_its_queue(service: Service[Any]) -> None:
    deployed = Deployed(service)

    def crash(_call: Callable[[], T]) -> T:
        raise CrashError

    deployed.table.commit_faults.always(crash)
    deployed.table.read_faults.always(crash)
    deployed.send(order(1), PLACED)
    deployed.run()
    assert deployed.dead_letters() == [None]
    assert set(deployed.deliveries.values()) == {MAX_RECEIVES}


# Waiting


def test_a_gateway_that_asks_to_slow_down_for_an_hour_under_300_orders_costs_no_order_and_charges_each_once() -> None:
    gateway = FailingGateway(lambda *_: None)
    deployed = Deployed(payment, gateway)
    gateway.before = raise_during(deployed.clock, HOUR, TOO_MANY_REQUESTS)
    for n in range(ORDERS):
        deployed.send(order(n), PLACED, CONFIRMED)
    deployed.run()
    assert deployed.dead_letters() == []
    assert gateway.moved() == [(1, 0)] * ORDERS
    assert {deployed.status(order(n)) for n in range(ORDERS)} == {"captured"}
    assert max(deployed.deliveries.values()) < MAX_RECEIVES / 4


def refusal(code: str, text: str = "", **members: Any) -> ClientError:
    return ClientError(cast(Any, {"Error": {"Code": code, "Message": text}, **members}), "Operation")


@pytest.mark.parametrize(
    "error",
    [
        refusal("ProvisionedThroughputExceededException"),
        refusal("ThrottlingException"),
        refusal("RequestLimitExceeded"),
        refusal("TransactionCanceledException", CancellationReasons=[{"Code": "ThrottlingError"}]),
    ],
    ids=lambda error: error.response["Error"]["Code"],
)
def test_a_table_that_is_throttled_for_an_hour_costs_no_order(error: ClientError) -> None:
    gateway = FailingGateway(lambda *_: None)
    deployed = Deployed(payment, gateway)
    throttled = raise_during(deployed.clock, HOUR, error)

    def refuse(call: Callable[[], T]) -> T:
        throttled()
        return call()

    deployed.table.commit_faults.always(refuse)
    deployed.table.read_faults.always(refuse)
    for n in range(ORDERS):
        deployed.send(order(n), PLACED, CONFIRMED)
    deployed.run()
    assert deployed.dead_letters() == []
    assert gateway.moved() == [(1, 0)] * ORDERS


class StubSes:
    """SES, and what happens before each e-mail."""

    def __init__(self) -> None:
        self.before: Callable[[], object] = lambda: None
        self.sent: Counter[Sequence[str]] = Counter()

    def send_email(self, **request: Any) -> dict[str, str]:
        self.before()
        self.sent[next(tag["Value"] for tag in request["Tags"] if tag["Name"] == "order")] += 1
        return {"MessageId": f"message-{self.sent.total()}"}


@pytest.mark.parametrize("text", ["Maximum sending rate exceeded.", "Daily message quota exceeded."])
def test_a_mail_system_whose_quota_is_used_up_for_an_hour_costs_no_email_and_repeats_none(text: str) -> None:
    ses = StubSes()
    deployed = Deployed(notification, SesMailer(cast(Any, ses), "orders@tidings.example", "set"))
    ses.before = raise_during(deployed.clock, HOUR, refusal("Throttling", text))
    for n in range(ORDERS):
        deployed.send(order(n), PLACED, PaymentCaptured(payment="pay_1", amount=PLACED.total))
    deployed.run()
    assert deployed.dead_letters() == []
    assert ses.sent == dict.fromkeys(map(order, range(ORDERS)), 1)


@pytest.mark.parametrize("hours", [5, 7])
def test_a_backlog_that_is_older_than_the_longest_wait_waits_as_long_as_new_messages(hours: int) -> None:
    gateway = FailingGateway(lambda *_: None)
    deployed = Deployed(payment, gateway)
    for n in range(ORDERS):
        deployed.send(order(n), PLACED, CONFIRMED)
    deployed.clock.now += hours * HOUR
    gateway.before = raise_during(deployed.clock, 20 * MINUTE, TOO_MANY_REQUESTS)
    deployed.run()
    assert deployed.dead_letters() == []
    assert gateway.moved() == [(1, 0)] * ORDERS


class UnansweredGateway(FailingGateway):
    """A gateway whose first capture is not answered, which then is throttled, and later again for one cancellation."""

    def __init__(self, time: int) -> None:
        super().__init__(self._fail)
        self.deployed = Deployed(payment, self)
        self.deployed.send(order(1), PLACED, CONFIRMED, CANCELLED)
        self._time = time
        self._throttled: Callable[..., None] | None = None
        self._cancels = [TOO_MANY_REQUESTS]

    def _fail(self, name: str, subject: str) -> None:
        if name == "capture" and not self._throttled:
            self._throttled = raise_during(self.deployed.clock, self._time, TOO_MANY_REQUESTS)
            self.memory.capture(subject)
            raise NO_ANSWER
        if self._throttled:
            self._throttled()
        if name in ("void", "refund") and self._cancels:
            raise self._cancels.pop()


def test_a_cancellation_behind_a_capture_that_waited_for_six_hours_is_refunded_although_it_is_throttled_once() -> None:
    gateway = UnansweredGateway(6 * HOUR - SECOND)
    begun = gateway.deployed.clock.now
    gateway.deployed.run()
    assert gateway.deployed.clock.now - begun > 6 * HOUR
    assert gateway.deployed.dead_letters() == []
    assert gateway.deployed.refunds(order(1)) == ["succeeded"]
    assert gateway.moved() == [(1, 1)]


def test_a_cancellation_outlasts_the_capture_before_it_that_waited_too_long() -> None:
    gateway = UnansweredGateway(6 * HOUR + 10 * MINUTE)
    gateway.deployed.run()
    assert gateway.deployed.dead_letters() == ["waited-too-long"]
    assert gateway.moved() == [(1, 1)]
    gateway.deployed.redrive()
    gateway.deployed.run()
    assert gateway.deployed.dead_letters() == []
    assert gateway.deployed.refunds(order(1)) == ["succeeded"]
    assert gateway.moved() == [(1, 1)]


def test_a_capture_and_its_cancellation_that_both_waited_too_long_are_refunded_after_a_redrive() -> None:
    gateway = UnansweredGateway(6 * HOUR + 30 * MINUTE)
    gateway.deployed.run()
    assert gateway.deployed.dead_letters() == ["waited-too-long"] * 2
    assert ["OrderConfirmed" in each.body for each in gateway.deployed.dlq.messages()] == [True, False]
    gateway.deployed.clock.now += HOUR
    gateway.deployed.redrive()
    gateway.deployed.run()
    assert gateway.deployed.dead_letters() == []
    assert gateway.deployed.refunds(order(1)) == ["succeeded"]
    assert gateway.moved() == [(1, 1)]


def test_the_wait_ends_after_its_longest_time_with_its_own_reason() -> None:
    gateway = FailingGateway(lambda *_: None)
    deployed = Deployed(payment, gateway)
    gateway.before = raise_during(deployed.clock, 7 * HOUR, TOO_MANY_REQUESTS)
    deployed.send(order(1), PLACED, CANCELLED)
    deployed.run(until=6 * HOUR - SECOND)
    assert deployed.dead_letters() == []
    deployed.run()
    assert deployed.dead_letters() == ["waited-too-long"]
    assert deployed.status(order(1)) == "forbidden"
    assert max(deployed.deliveries.values()) < MAX_RECEIVES
