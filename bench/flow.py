"""The flow of orders on the local cloud: throughput and time to confirmation, compared with bare handlers.

The shop and the bare topology are deployed on one local cloud from the same stacks, with the same functions, tables,
streams, queues, subscriptions and permissions. A bare handler puts one item for each message, and a relay publishes it.
"""

import json
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from bench.bare_shop.app import STAGE as BARE
from bench.figures import Figure, Limit, Table, paired
from ops.local.cloud import LocalCloud, free_port
from ops.local.deploy import deploy
from ops.orders.client import ShopClient, order_request
from ops.outputs import Outputs, outputs_of
from ops.stage import DeployedStage, local_stage
from ops.users import OPERATOR, token_for
from tidings.aws.recovery import SqsQueueGauge
from tidings.recovery import wait_until

KEYS = ("flow.throughput", "flow.confirm")

ORDERS = 200
CLIENTS = 8
CUSTOMERS = 40
PAIRS = 3
WARM_UP_ORDERS = 20
SINGLE_ORDERS = 120
SINGLE_SECONDS = 0.25
"""Seconds between orders that are placed one by one. Both topologies keep up with this on two cores."""

PRODUCTS = tuple(f"product-{n}" for n in range(30))
LINES = 3

EVENTS = 7
"""Number of events of a confirmed order: placed, captured, reserved, confirmed, receipt sent, points awarded."""

LIMIT_SECONDS = 180
"""Maximum time for all consumers, on the slowest machine."""

HOW_SAME = (
    "Both are the stacks of infra/ on one local cloud with IAM enforced: the same functions, tables, streams, queues, "
    "subscriptions and settings. Bare handlers use boto3 and json: the API puts the order, a consumer puts one item a "
    f"message, and a relay publishes each item's event with PublishBatch. Both sides have {EVENTS} events an order. "
)


@dataclass(frozen=True)
class Topology:
    """A deployed topology.

    Attributes:
        stage: Its stage.
        outputs: The outputs of its stacks.
        tokens: The tokens of its customers.
    """

    stage: DeployedStage
    outputs: Outputs
    tokens: Sequence[str]

    def place(self, orders: int, every: float = 0) -> Mapping[str, float]:
        """Place orders by several clients.

        Args:
            orders: Number of orders.
            every: Seconds between two orders; 0 places each as soon as a client is free.

        Returns:
            The time of each order's 202 in seconds since 1970, by its id.
        """
        begun = time.monotonic()
        limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
        with (
            httpx.Client(base_url=self.outputs.api, limits=limits, timeout=60) as http,
            ThreadPoolExecutor(CLIENTS) as clients,
        ):

            def send(n: int) -> tuple[str, float]:
                time.sleep(max(0.0, begun + n * every - time.monotonic()))
                customer = n % CUSTOMERS
                headers = {"Authorization": f"Bearer {self.tokens[customer]}", "Idempotency-Key": str(uuid.uuid4())}
                answer = http.post("/orders", json=_order(n, customer), headers=headers)
                answered = time.time()
                return str(answer.raise_for_status().json()["id"]), answered

            return dict(clients.map(send, range(orders)))

    def recorded(self) -> int:
        """Return the number of items in history's table. The local cloud counts them without delay."""
        found = self._dynamodb.describe_table(TableName=self.outputs.services["history"].table)
        return int(found["Table"]["ItemCount"])

    def await_end(self, recorded: int) -> None:
        """Wait until history has recorded a number of events and all queues are empty.

        Raises:
            TimeoutError: If the consumers take too long.
        """
        try:
            wait_until(lambda: self.recorded() >= recorded and self._is_idle(), LIMIT_SECONDS, "the consumers' end")
        except TimeoutError as error:
            left = {url.rpartition("/")[2]: count for url in self._queues() if (count := self._depth(url))}
            raise TimeoutError(
                f"the consumers of {self.stage.name} took more than {LIMIT_SECONDS} seconds: history has "
                f"{self.recorded()} of {recorded} events, and the queues contain {left or 'no messages'}"
            ) from error

    def confirmations(self) -> Mapping[str, float]:
        """Return the time of each order's OrderConfirmed in seconds since 1970, by its id."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self.outputs.services["history"].table,
            FilterExpression="contains(#event, :type)",
            ExpressionAttributeNames={"#event": "event"},
            ExpressionAttributeValues={":type": {"S": "OrderConfirmed"}},
        )
        events = (json.loads(item["event"]["S"]) for page in pages for item in page["Items"])
        return {
            event["subject"]: datetime.fromisoformat(event["time"]).timestamp()
            for event in events
            if event["type"] == "OrderConfirmed"
        }

    def _is_idle(self) -> bool:
        return not any(self._depth(str(service.queue)) for service in self.outputs.consumers.values())

    def _queues(self) -> Iterator[str]:
        """Yield the addresses of all queues and dead-letter queues."""
        for service in self.outputs.consumers.values():
            yield from (str(service.queue), str(service.dlq))

    def _depth(self, queue: str) -> int:
        """Return the number of messages in a queue, including those in flight."""
        return SqsQueueGauge(self._sqs, queue).depth().total

    @cached_property
    def _dynamodb(self) -> Any:
        return self.stage.client("dynamodb")

    @cached_property
    def _sqs(self) -> Any:
        return self.stage.client("sqs")


@dataclass
class Runs:
    """The measurements of a topology.

    Attributes:
        topology: The topology.
        rates: Orders a second in each run with all orders at once.
        loaded: Seconds from 202 to CONFIRMED in the last such run.
        single: Seconds from 202 to CONFIRMED of orders that are placed one by one.
    """

    topology: Topology
    rates: list[float] = field(default_factory=list)
    loaded: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)

    def rate(self) -> float:
        """Place all orders at once, and return the orders a second until all consumers are done."""
        recorded = self.topology.recorded() + EVENTS * ORDERS
        begun = time.monotonic()
        accepted = self.topology.place(ORDERS)
        self.topology.await_end(recorded)
        self.rates.append(ORDERS / (time.monotonic() - begun))
        self.loaded = self._durations(accepted)
        return self.rates[-1]

    def place_singly(self, orders: int) -> None:
        """Place orders one by one."""
        recorded = self.topology.recorded() + EVENTS * orders
        accepted = self.topology.place(orders, every=SINGLE_SECONDS)
        self.topology.await_end(recorded)
        self.single = self._durations(accepted)

    def _durations(self, accepted: Mapping[str, float]) -> list[float]:
        confirmed = self.topology.confirmations()
        return [confirmed[order] - time for order, time in accepted.items()]


def measure() -> Iterator[Figure]:
    """Deploy both topologies, and measure them in turn."""
    with deployed() as (shop, bare):
        ours, theirs = Runs(shop), Runs(bare)
        # One by one first: many processes that start at the same time may exceed the functions' timeout.
        for runs in (ours, theirs):
            runs.place_singly(WARM_UP_ORDERS)
        rates = paired(ours.rate, theirs.rate, PAIRS)
        for runs in (ours, theirs):
            runs.place_singly(SINGLE_ORDERS)
    yield Figure(
        "flow.throughput",
        rates.ratio,
        "of bare",
        rates.baseline,
        HOW_SAME + f"{ORDERS} orders of {LINES} lines by {CLIENTS} clients for {CUSTOMERS} customers, from the first "
        f"request until history has all their events and all queues are empty. Medians of {PAIRS} pairs, each side "
        f"first in turn: {rates.ours:.1f} orders a second in the shop, {rates.baseline:.1f} in the bare topology.",
        Limit("≥", 0.7),
        (_rates(ours, theirs),),
    )
    yield Figure(
        "flow.confirm",
        1000 * median(ours.single),
        "ms",
        1000 * median(theirs.single),
        HOW_SAME + f"From the 202 at the client to the time of OrderConfirmed, for {SINGLE_ORDERS} orders, one every "
        f"{1000 * SINGLE_SECONDS:.0f} ms. This is p50; the table has p99, too, and the last run of {ORDERS} orders at "
        "once, which mostly wait for each other. The bare topology confirms an order as soon as its payment is "
        "authorized.",
        None,
        (_confirmation_times(ours, theirs),),
    )


@contextmanager
def deployed() -> Iterator[tuple[Topology, Topology]]:
    """Deploy the shop and the bare topology on a new local cloud, and stop it afterwards."""
    with deployed_shop() as (cloud, shop):
        bare = replace(shop.stage, name=BARE.name)
        deploy(bare, cloud.directory, [sys.executable, "-m", "bench.bare_shop.app"])
        yield shop, _topology(bare)


@contextmanager
def deployed_shop() -> Iterator[tuple[LocalCloud, Topology]]:
    """Deploy the shop on a new local cloud, and stop it afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        cloud = LocalCloud(Path(scratch))
        try:
            shop = local_stage(cloud.start(free_port()).endpoint)
            deploy(shop, cloud.directory)
            yield cloud, _with_products(shop)
        finally:
            cloud.stop()


def _topology(stage: DeployedStage) -> Topology:
    outputs = outputs_of(stage)
    return Topology(stage, outputs, [token_for(stage, outputs, f"customer-{n}") for n in range(CUSTOMERS)])


def _with_products(stage: DeployedStage) -> Topology:
    """Return the shop after putting products on sale."""
    topology = _topology(stage)
    operator = ShopClient(
        topology.outputs.api, token_for(stage, topology.outputs, OPERATOR, operator=True), operator=True
    )
    for sku in PRODUCTS:
        operator.put_product(sku, {"name": "Thing", "price": {"amount": 1000, "currency": "EUR"}})
        operator.put_stock(sku, 1_000_000)
    return topology


def _order(number: int, customer: int) -> dict[str, Any]:
    """Return the body of an order, which depends on its number only, with an address for each customer."""
    rng = random.Random(number)  # noqa: S311 - not for secrecy
    body = order_request((sku, 1) for sku in rng.sample(PRODUCTS, LINES))
    return body | {"address": body["address"] | {"street": f"{customer} Harbour Street"}}


def _rates(ours: Runs, theirs: Runs) -> Table:
    """Return the rates of the pairs that count."""
    rows = {
        f"pair {n}": (mine, other)
        for n, (mine, other) in enumerate(zip(ours.rates[1:], theirs.rates[1:], strict=True), start=1)
    }
    return Table("Orders a second until all consumers were done", ("shop", "bare"), rows, "orders/s", "grouped")


def _confirmation_times(ours: Runs, theirs: Runs) -> Table:
    times = {
        "shop, one by one": ours.single,
        "bare, one by one": theirs.single,
        f"shop, {ORDERS} at once": ours.loaded,
        f"bare, {ORDERS} at once": theirs.loaded,
    }
    rows = {name: (1000 * median(seconds), 1000 * _p99(seconds)) for name, seconds in times.items()}
    return Table("From 202 to CONFIRMED", ("p50", "p99"), rows, "ms", "grouped")


def _p99(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98]
