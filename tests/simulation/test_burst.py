"""A burst of orders in virtual time: payment's consumers in prod's numbers, over Stripe's adapter."""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe

from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.values.goods import OrderLine
from contracts.values.money import Money
from functions.payment.reports import Ports
from functions.payment.service import service as payment
from functions.payment.stripe_gateway import StripeGateway
from infra.shop import SETTINGS
from infra.stages import STAGES
from tests.gateway.keys import StubSecrets
from tests.simulation.clock import SECOND
from tests.simulation.ports.queue import ConsumerQueue, FifoQueue, StoredMessage
from tests.simulation.run import quiet
from tidings.aws.throttling import is_throttled
from tidings.core.contract import Contract
from tidings.core.event import encode
from tidings.handling.executor import HandlerExecutor
from tidings.handling.pace import Pace
from tidings.messaging.assembly import executor_of, parser_of
from tidings.messaging.consumer import Consumer
from tidings.testing import InlineExecutor, MemoryTable, VirtualClock, make_event

PROD, PROD_SHOP = STAGES["prod"], SETTINGS["prod"]
CONSUMERS = PROD.concurrency(payment.concurrency)
ORDERS = 500
OTHER_SERVICES = 2 * SECOND
"""Milliseconds from the authorization of an order's payment to its confirmation."""

PLACED = OrderPlaced(
    customer="8f14e45f-ceea-467f-a1b2-0d1e2f3a4b5c",
    lines=(OrderLine("mug", 1, Money(2000, "EUR")),),
    total=Money(2000, "EUR"),
    payment_method="pm_card_visa",
)
CONFIRMED = OrderConfirmed(customer=PLACED.customer, lines=PLACED.lines, total=PLACED.total)


class Account:
    """The shop's account at Stripe: its intents by id, and when it received each call, in seconds."""

    def __init__(self) -> None:
        self.intents: dict[str, dict[str, Any]] = {}
        self.calls: list[float] = []

    def answer(self, path: str, form: Mapping[str, list[str]]) -> dict[str, Any]:
        """Answer a call, as Stripe does if no payment fails."""
        match path.removeprefix("/v1/payment_intents").split("/")[1:]:
            case []:
                name = f"pi_{len(self.intents) + 1}"
                opened = {"object": "payment_intent", "id": name, "status": "requires_confirmation", "amount": 2000}
                self.intents[name] = opened | {"currency": "eur", "order": form["metadata[order]"][0]}
            case [name, "confirm"]:
                self.intents[name]["status"] = "requires_capture"
            case [name, "capture"]:
                self.intents[name]["status"] = "succeeded"
        return self.intents[name]

    def most_calls_in_a_second(self) -> int:
        times = sorted(self.calls)
        return max(bisect_left(times, begin + 1 - 1e-6) - n for n, begin in enumerate(times))


class Http(stripe.HTTPClient):
    """The connection of one function. Each call takes the same time."""

    name = "virtual"

    def __init__(self, account: Account, function: "Function", latency: float) -> None:
        super().__init__()
        self._account = account
        self._function = function
        self._latency = latency

    def request(
        self,
        method: str,  # noqa: ARG002 - it only creates and changes intents
        url: str,
        headers: Mapping[str, str] | None,  # noqa: ARG002 - its key is always valid
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        self._account.calls.append(self._function.seconds)
        self._function.sleep(self._latency)
        return json.dumps(self._account.answer(urlsplit(url).path, parse_qs(post_data or ""))), 200, {}


class Function:
    """One of the functions on payment's queue, with its own clock. Its calls follow one another.

    A deployed function makes its calls on several threads. So this one is slower if Stripe is.
    """

    def __init__(self, begun: int, account: Account, table: MemoryTable, latency: float) -> None:
        self.seconds = begun / SECOND
        self.pace = Pace(PROD_SHOP.gateway_rate // CONSUMERS, lambda: self.seconds, self.sleep)
        self.delays: dict[str, int] = {}
        http = Http(account, self, latency)
        secret, wait = StubSecrets("sk_1").secret(), self.pace.wait
        gateway = StripeGateway(secret, "prod", "pk_1", http=http, pace=wait, clock=self.clock)
        ports, threads = Ports(gateway, cast("Any", None)), InlineExecutor()
        self._consumer = Consumer(
            queue=cast("Any", self),
            kind=payment.queue,
            parse=parser_of(payment),
            executor=executor_of(
                payment,
                handlers=lambda: HandlerExecutor(payment, table, ports, self.clock, lambda _attempt: self.sleep(0.1)),
                receive=None,
                threads=threads,
            ),
            threads=threads,
            policy=PROD.retries,
            is_throttled=is_throttled,
            randomness=lambda: 0.5,
            clock=self.clock,
            sleep=self.sleep,
        )

    def clock(self) -> int:
        return round(self.seconds * SECOND)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def retry_later(self, delays: Mapping[str, int]) -> None:
        self.delays = dict(delays)

    def invoke(self, batch: list[StoredMessage]) -> set[str]:
        """Handle a batch, and return the ids of the failed messages."""
        self.pace.begin(PROD.timeout / 2)
        deadline = self.clock() + PROD.timeout * SECOND
        answer = self._consumer.handle([message.record() for message in batch], deadline)
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}


class Burst:
    """Orders that are placed at once, each confirmed after its payment was authorized."""

    def __init__(self, orders: int, latency: float) -> None:
        self.account = Account()
        self.table = MemoryTable()
        self.clock = VirtualClock()
        self.dlq = FifoQueue(self.clock)
        visibility = PROD.visibility_timeout() * SECOND
        self.queue = FifoQueue(self.clock, visibility=visibility, max_receives=PROD.max_receives, dlq=self.dlq)
        self.authorized: dict[str, int] = {}
        self.deliveries: Counter[str] = Counter()
        self._begun = self.clock.now
        self._latency = latency
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count()
        for n in range(orders):
            self._send(f"3f2b8c1e-7a6d-4e0b-9c58-{n:012}", PLACED)
        for _ in range(CONSUMERS):
            self._poll(Function(self.clock.now, self.account, self.table, latency))

    def run(self) -> float:
        """Run until the queue is empty, and return the seconds that it took."""
        while not self.queue.is_empty() or self._confirming:
            self.clock.now, _, event = heappop(self._events)
            event()
        return (self.clock.now - self._begun) / SECOND

    @property
    def _confirming(self) -> bool:
        return any(self.status(order) == "authorized" for order in self.authorized)

    def status(self, order: str) -> str:
        return str(json.loads(self.table.entities[order].state)["status"])

    def _at(self, time: int, event: Callable[[], None]) -> None:
        heappush(self._events, (time, next(self._number), event))

    def _send(self, order: str, data: Contract) -> None:
        event = make_event(data, source=data.producer, subject=order, number=1 if data is PLACED else 2)
        self.queue.send(encode(event), order, event.id)

    def _poll(self, function: Function) -> None:
        batch = self.queue.receive(PROD.batch_size)
        if not batch:
            self._at(self.clock.now + SECOND, lambda: self._poll(function))
            return
        self.deliveries.update(message.id for message in batch)
        function.seconds = max(function.seconds, self.clock.now / SECOND)
        failed = function.invoke(batch)
        self._at(function.clock(), lambda: self._finish(function, batch, failed))

    def _finish(self, function: Function, batch: list[StoredMessage], failed: set[str]) -> None:
        ConsumerQueue(self.queue).retry_later(function.delays)
        function.delays = {}
        for message in batch:
            if message.id not in failed:
                self.queue.delete(message.receipt)
                self._confirm(message.group)
        self._poll(function)

    def _confirm(self, order: str) -> None:
        if order not in self.authorized:
            self.authorized[order] = self.clock.now - self._begun
            self._at(self.clock.now + OTHER_SERVICES, lambda: self._send(order, CONFIRMED))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


@pytest.mark.parametrize("latency", [0.1, 1.0], ids=["quick", "slow"])
def test_a_burst_of_500_orders_keeps_the_stages_rate_and_drains_before_any_order_expires(latency: float) -> None:
    burst = Burst(ORDERS, latency)
    seconds = burst.run()
    account = burst.account
    assert [intent["status"] for intent in account.intents.values()] == ["succeeded"] * ORDERS
    assert len({intent["order"] for intent in account.intents.values()}) == ORDERS
    assert len(account.calls) == 3 * ORDERS
    assert CONSUMERS <= account.most_calls_in_a_second() <= PROD_SHOP.gateway_rate
    assert burst.dlq.is_empty()
    assert len(burst.authorized) == ORDERS
    assert max(burst.authorized.values()) < seconds * SECOND < PROD_SHOP.pending_limit * SECOND
    assert max(burst.deliveries.values()) < PROD.max_receives / 4
