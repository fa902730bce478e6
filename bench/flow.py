"""How many orders a second go all the way, and how soon one is confirmed: beside the same topology with bare handlers.

Both are deployed on one local cloud, from the same stacks: the same functions, tables, streams, queues, subscriptions
and rights. In the bare one each handler puts one item for what it is given, and its relay publishes on.
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
from ops.api import Shop, order_of
from ops.deploy import deploy
from ops.failure import Failure
from ops.local import LocalCloud, free_port
from ops.outputs import Outputs, outputs_of
from ops.quiet import LOCALLY, Quiet
from ops.stage import Stage, local_stage
from ops.users import OPERATOR, token_for
from ops.waiting import wait_until

KEYS = ("flow.throughput", "flow.confirm")

ORDERS = 200
CLIENTS = 8
CUSTOMERS = 40
PAIRS = 3
WARMING_ORDERS = 20
CALM_ORDERS = 120
CALM_SECONDS = 0.25
"""Between the orders that come one by one: a pace that both keep up with, on two cores."""

PRODUCTS = tuple(f"product-{n}" for n in range(30))
LINES = 3

EVENTS = 6
"""Of a happy order that is not dispatched yet: placed, captured, reserved, confirmed, receipt sent, points awarded."""

LIMIT_SECONDS = 180
"""In which all consumers must be done, on the slowest machine."""

HOW_SAME = (
    "Both are the stacks of infra/ on one local cloud with IAM enforced: the same functions, tables, streams, queues, "
    "subscriptions and settings. A bare handler is boto3 and json: the API's puts the order, a consumer puts one item "
    f"a message, a relay publishes each item's event with PublishBatch; so {EVENTS} events an order on both sides. "
)


@dataclass(frozen=True)
class Topology:
    """A deployed one: places orders, and tells when all of its consumers are done with them."""

    stage: Stage
    outputs: Outputs
    tokens: Sequence[str]

    def place(self, orders: int, every: float = 0) -> Mapping[str, float]:
        """Places orders by several clients, each its next at once or so many seconds after the one before.

        Gives the time (seconds since 1970) of each order's 202, by its id.
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
        """The items in history's table; the local cloud counts them at once."""
        found = self._dynamodb.describe_table(TableName=self.outputs.services["history"].table)
        return int(found["Table"]["ItemCount"])

    def await_end(self, recorded: int) -> None:
        """Waits until history has recorded so many events, and no queue holds a message any more."""
        try:
            wait_until(lambda: self.recorded() >= recorded and self._at_rest(), LIMIT_SECONDS, "the consumers' end")
        except TimeoutError as error:
            held = {url.rpartition("/")[2]: count for url in self._queues() if (count := self._held(url))}
            raise Failure(
                f"the consumers of {self.stage.name} were not done within {LIMIT_SECONDS} seconds: history has "
                f"{self.recorded()} of {recorded} events, and there are left {held or 'no messages'}"
            ) from error

    def confirmations(self) -> Mapping[str, float]:
        """The time (seconds since 1970) of each order's OrderConfirmed, by its id."""
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

    def _at_rest(self) -> bool:
        return not any(self._held(str(service.queue)) for service in self.outputs.services.values())

    def _queues(self) -> Iterator[str]:
        """Every queue's address, also those of the dead letters."""
        for service in self.outputs.services.values():
            yield from (str(service.queue), str(service.dlq))

    def _held(self, queue: str) -> int:
        """The messages in a queue, in flight or not."""
        held = Quiet(self._sqs, LOCALLY).held(queue)
        return held.waiting + held.hidden

    @cached_property
    def _dynamodb(self) -> Any:
        return self.stage.session.client("dynamodb", endpoint_url=self.stage.endpoint)

    @cached_property
    def _sqs(self) -> Any:
        return self.stage.session.client("sqs", endpoint_url=self.stage.endpoint)


@dataclass
class Runs:
    """What the runs of a topology have told: orders a second, and the seconds from 202 to CONFIRMED."""

    topology: Topology
    rates: list[float] = field(default_factory=list)
    loaded: list[float] = field(default_factory=list)
    calm: list[float] = field(default_factory=list)

    def rate(self) -> float:
        """Places the orders at once, and gives the orders a second until all consumers were done."""
        recorded = self.topology.recorded() + EVENTS * ORDERS
        begun = time.monotonic()
        accepted = self.topology.place(ORDERS)
        self.topology.await_end(recorded)
        self.rates.append(ORDERS / (time.monotonic() - begun))
        self.loaded = self._waits(accepted)
        return self.rates[-1]

    def at_ease(self, orders: int) -> None:
        """Places orders one by one."""
        recorded = self.topology.recorded() + EVENTS * orders
        accepted = self.topology.place(orders, every=CALM_SECONDS)
        self.topology.await_end(recorded)
        self.calm = self._waits(accepted)

    def _waits(self, accepted: Mapping[str, float]) -> list[float]:
        confirmed = self.topology.confirmations()
        return [confirmed[order] - moment for order, moment in accepted.items()]


def measure() -> Iterator[Figure]:
    """Deploys both, and measures them in turn."""
    with deployed() as (shop, bare):
        ours, theirs = Runs(shop), Runs(bare)
        # One by one first: a crowd of processes that all start at once may take longer than Lambda gives them.
        for runs in (ours, theirs):
            runs.at_ease(WARMING_ORDERS)
        rates = paired(ours.rate, theirs.rate, PAIRS)
        for runs in (ours, theirs):
            runs.at_ease(CALM_ORDERS)
    yield Figure(
        "flow.throughput",
        rates.ratio,
        "of bare",
        rates.baseline,
        HOW_SAME + f"{ORDERS} orders of {LINES} lines by {CLIENTS} clients for {CUSTOMERS} customers, from the first "
        "request until history holds all their events and no queue holds a message; the median of "
        f"{PAIRS} pairs, each side first in turn. The shop took {rates.ours:.1f} orders/s, the bare topology "
        f"{rates.baseline:.1f}.",
        Limit("≥", 0.7),
        (_rates(ours, theirs),),
    )
    yield Figure(
        "flow.confirm",
        1000 * median(ours.calm),
        "ms",
        1000 * median(theirs.calm),
        HOW_SAME + f"From the 202 at the client to the time of OrderConfirmed, {CALM_ORDERS} orders, one each "
        f"{1000 * CALM_SECONDS:.0f} ms; p50 here, p99 in the table, also for the last run of {ORDERS} orders at once, "
        "where they mostly wait for each other. The bare one confirms as soon as it is paid, without awaiting stock.",
        None,
        (_waits(ours, theirs),),
    )


@contextmanager
def deployed() -> Iterator[tuple[Topology, Topology]]:
    """The shop and the bare topology on a local cloud of their own, which ends with this."""
    with tempfile.TemporaryDirectory() as scratch:
        cloud = LocalCloud(Path(scratch))
        try:
            shop = local_stage(cloud.start(free_port()).endpoint)
            bare = replace(shop, name=BARE.name)
            deploy(shop, cloud.directory)
            deploy(bare, cloud.directory, [sys.executable, "-m", "bench.bare_shop.app"])
            yield _stocked(shop), _opened(bare)
        finally:
            cloud.stop()


def _opened(stage: Stage) -> Topology:
    outputs = outputs_of(stage)
    return Topology(stage, outputs, [token_for(stage, outputs, f"customer-{n}") for n in range(CUSTOMERS)])


def _stocked(stage: Stage) -> Topology:
    """The shop with products, and plenty of each."""
    topology = _opened(stage)
    operator = Shop(topology.outputs.api, token_for(stage, topology.outputs, OPERATOR, operator=True))
    for sku in PRODUCTS:
        operator.put_product(sku, {"name": "Thing", "price": {"amount": 1000, "currency": "EUR"}})
        operator.put_stock(sku, 1_000_000)
    return topology


def _order(number: int, customer: int) -> dict[str, Any]:
    """The body of an order: always the same for the same number, and to an address of the customer's own."""
    chance = random.Random(number)  # noqa: S311 - not for secrecy
    body = order_of((sku, 1) for sku in chance.sample(PRODUCTS, LINES))
    return body | {"address": body["address"] | {"street": f"{customer} Harbour Street"}}


def _rates(ours: Runs, theirs: Runs) -> Table:
    """The counted pairs, side by side."""
    rows = {
        f"pair {n}": (mine, other)
        for n, (mine, other) in enumerate(zip(ours.rates[1:], theirs.rates[1:], strict=True), start=1)
    }
    return Table("Orders a second until all consumers were done", ("shop", "bare"), rows, "orders/s", "grouped")


def _waits(ours: Runs, theirs: Runs) -> Table:
    waits = {
        "shop, one by one": ours.calm,
        "bare, one by one": theirs.calm,
        f"shop, {ORDERS} at once": ours.loaded,
        f"bare, {ORDERS} at once": theirs.loaded,
    }
    rows = {name: (1000 * median(seconds), 1000 * _p99(seconds)) for name, seconds in waits.items()}
    return Table("From 202 to CONFIRMED", ("p50", "p99"), rows, "ms", "grouped")


def _p99(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98]
