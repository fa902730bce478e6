"""The way of an event to those who watch: from its commit to its push at a WebSocket client, on the local cloud."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from statistics import median, quantiles
from urllib.parse import urlencode

from websockets.sync.client import ClientConnection, connect

from bench.figures import Figure, Table
from bench.flow import EVENTS, LIMIT_SECONDS, Topology, deployed_shop
from ops.orders.client import ShopClient
from ops.users import OPERATOR, token_for

KEYS = ("live.latency",)

ORDERS = 60
WARM_UP_ORDERS = 20
EVERY_SECONDS = 1
"""Seconds between two orders, so that no event waits for those of another order."""

Latencies = Mapping[str, Sequence[float]]
"""Seconds from commit to arrival of each push, by event type."""


def measure() -> Iterator[Figure]:
    """Deploy the shop, and measure what an operator's connection receives."""
    with deployed_shop() as (_, shop):
        token = token_for(shop.stage, shop.outputs, OPERATOR, operator=True)
        ticket = ShopClient(shop.outputs.api, token, operator=True).live_ticket()
        with connect(f"{shop.outputs.live}?{urlencode({'ticket': ticket})}") as connection:
            _place(shop, connection, WARM_UP_ORDERS)
            found = _place(shop, connection, ORDERS)
    every = [seconds for latencies in found.values() for seconds in latencies]
    rows = {"all events": _row(every)} | {name: _row(found[name]) for name in sorted(found)}
    yield Figure(
        "live.latency",
        1000 * median(every),
        "ms",
        None,
        "The shop on the local cloud with IAM enforced. From an event's time, which its service takes just before the "
        "conditional write that commits it, to the arrival of its push at an operator's WebSocket client on the same "
        "machine: the write, the table's stream, the relay, the topic, live's queue and the push. "
        f"{ORDERS} orders, one every second, with {EVENTS} events each. This is p50; p95 is "
        f"{1000 * _p95(every):.0f} ms. On AWS polling, networks and cold starts differ.",
        None,
        (Table("From the commit to the push", ("p50", "p95"), rows, "ms", "grouped"),),
    )


def _place(shop: Topology, connection: ClientConnection, orders: int) -> Latencies:
    """Place orders one by one, and return when their events were pushed."""
    with ThreadPoolExecutor(1) as threads:
        pushed = threads.submit(_receive, connection, EVENTS * orders)
        shop.place(orders, every=EVERY_SECONDS)
        return pushed.result()


def _receive(connection: ClientConnection, events: int) -> Latencies:
    found: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(events):
        event = json.loads(connection.recv(LIMIT_SECONDS))
        found[event["type"]].append(time.time() - datetime.fromisoformat(event["time"]).timestamp())
    return found


def _row(seconds: Sequence[float]) -> tuple[float, float]:
    return 1000 * median(seconds), 1000 * _p95(seconds)


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1]
