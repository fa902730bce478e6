"""A flash sale: how many orders a second of one product get their stock, through a model of DynamoDB's partitions.

The model is of what limits it. An item is on one partition, which takes 1,000 write units a second; a transactional
write of it costs two, done or cancelled. A transaction holds its items for as long as it takes, and cancels every
other one that comes meanwhile (Amazon DynamoDB Developer Guide, "DynamoDB Transactions: How it works"). The code on top
is the shop's own: inventory's decisions, and the reactors.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, TypeVar

from bench.figures import Figure, Limit, Table
from bench.virtual_time import VirtualTime
from functions.inventory.reactions import Holding, stock_key
from functions.inventory.service import service
from tidings.batch_reactor import BatchReactor
from tidings.contracts import Address, Money, OrderLine, OrderPlaced
from tidings.decisions import Adjust, Commit, Decision, Refused
from tidings.errors import RetryableError
from tidings.events import Event, event_id
from tidings.item import Attributes, Item
from tidings.reactor import Reactor
from tidings.service import Service
from tidings.table import ConflictError, LostError, RefusedError, Write

P = ParamSpec("P")
T = TypeVar("T")

KEYS = ("hot.sku",)
WORKERS = 100
LATENCY = 0.02
UNITS_A_SECOND = 1000
UNITS_A_WRITE = 2
SECONDS = 10
SEED = 7
SKU = "hot"
PLENTY = 10**9


@dataclass
class Partitions:
    """A table whose items are each on a partition of their own, in virtual time."""

    time: VirtualTime
    items: dict[str, int] = field(default_factory=dict)
    orders: dict[str, Attributes] = field(default_factory=dict)
    done: int = 0
    cancelled: int = 0
    _held_until: dict[str, float] = field(default_factory=dict)
    _spent: dict[tuple[str, int], int] = field(default_factory=dict)

    def get(self, key: str) -> Attributes | None:
        """The item as last written."""
        self.time.sleep(LATENCY)
        return self.orders.get(key)

    def commit(self, writes: Sequence[Write], adjusts: Sequence[Adjust] = ()) -> None:
        """Holds what is adjusted for as long as it takes."""
        granted = all(self._takes(adjust.key) for adjust in adjusts)
        if granted:
            self._held_until |= {adjust.key: self.time.now + LATENCY for adjust in adjusts}
        self.time.sleep(LATENCY)
        if not granted:
            self.cancelled += 1
            raise ConflictError("another transaction holds the item, or its partition has no more units")
        self._write(writes, adjusts)

    def _takes(self, key: str) -> bool:
        return self._has_units(key) and self._held_until.get(key, 0) <= self.time.now

    def _has_units(self, key: str) -> bool:
        second = (key, int(self.time.now))
        if self._spent.get(second, 0) + UNITS_A_WRITE > UNITS_A_SECOND:
            return False
        self._spent[second] = self._spent.get(second, 0) + UNITS_A_WRITE
        return True

    def _write(self, writes: Sequence[Write], adjusts: Sequence[Adjust]) -> None:
        if lost := {write.order: self.orders[write.order] for write in writes if write.order in self.orders}:
            raise LostError(lost)
        if short := [adjust for adjust in adjusts if self.items.get(adjust.key, 0) < adjust.at_least["available"]]:
            raise RefusedError(Refused(tuple((adjust, self._stock(adjust.key)) for adjust in short)))
        for adjust in adjusts:
            self.items[adjust.key] += adjust.add["available"]
        self.orders |= {write.order: write.item for write in writes}
        self.done += bool(adjusts)

    def _stock(self, key: str) -> Attributes:
        return {"pk": {"S": key}, "available": {"N": str(self.items.get(key, 0))}}


@dataclass(frozen=True)
class Way:
    """A way of reserving: how many orders a worker takes at once, on how many shards the stock lies."""

    batch: int
    shards: int = 1
    workers: int = WORKERS


class _AtOnce(Executor):
    """Does what is submitted in the worker's own thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass(frozen=True)
class Outcome:
    """What came of a run: reservations a second, the transactions cancelled for each that was done, the stock left."""

    rate: float
    cancelled: float
    left: int


def reserve(way: Way, seed: int = SEED, stock: int = PLENTY, seconds: int = SECONDS) -> Outcome:
    """Lets the workers reserve for so long; RuntimeError where the stock and the orders do not agree."""
    time = VirtualTime(seconds)
    table = Partitions(time, {f"{stock_key(SKU)}#{n}": stock // way.shards for n in range(way.shards)})
    chance = random.Random(seed)  # noqa: S311 - not for secrecy
    orders = _orders()

    def pause(tries: int) -> None:
        time.sleep(chance.uniform(0, min(0.2, 0.005 * 2**tries)))

    reactor = Reactor(_on_shards(way.shards), table, clock=lambda: int(time.now * 1000), pause=pause)

    def work() -> None:
        waiting: list[Event[OrderPlaced]] = []
        while True:
            waiting += itertools.islice(orders, way.batch - len(waiting))
            batch = BatchReactor(reactor, _AtOnce())
            batch.prepare(waiting)
            waiting = [event for event in waiting if not _handled(batch, event)]

    time.run([work] * way.workers)
    reserved = sum(_holds(order) for order in table.orders.values())
    left = sum(table.items.values())
    if left != stock // way.shards * way.shards - reserved:
        raise RuntimeError(f"{reserved} orders hold stock, and {left} is left of {stock}")
    return Outcome(reserved / seconds, table.cancelled / max(1, table.done), left)


def measure() -> Iterator[Figure]:
    """The way that inventory goes, against a transaction an order; and what else was thought of."""
    batching = service.batching
    if batching is None or batching.consumers is None:
        raise RuntimeError("inventory takes no batches of its own")
    one_by_one = reserve(Way(batch=1))
    ours = reserve(Way(batch=batching.size))
    ways = {
        "1 order a transaction": one_by_one,
        "1 order, stock on 8 shards": reserve(Way(batch=1, shards=8)),
        "1 order, stock on 64 shards": reserve(Way(batch=1, shards=64)),
        "10 orders a transaction": reserve(Way(batch=10)),
        f"{batching.size} orders a transaction": ours,
        f"the same, {batching.consumers} workers (as deployed)": reserve(
            Way(batch=batching.size, workers=batching.consumers)
        ),
    }
    yield Figure(
        key="hot.sku",
        value=ours.rate / one_by_one.rate,
        unit="×",
        baseline=one_by_one.rate,
        how=f"Reservations a second of one product, {WORKERS} workers for {SECONDS} seconds of virtual time, through a "
        f"model of its partition ({UNITS_A_SECOND} write units a second, {LATENCY * 1000:.0f} ms a call, conflicts "
        f"cancel, seed {SEED}): a batch of {batching.size} in one transaction ({ours.rate:.0f}/s) ÷ a transaction an "
        f"order on one stock item ({one_by_one.rate:.0f}/s).",
        limit=Limit("≥", 20),
        tables=(
            Table(
                "One product in a flash sale",
                ("reservations a second", "cancelled for each transaction done"),
                {name: (outcome.rate, outcome.cancelled) for name, outcome in ways.items()},
                "reservations/s",
                "bars",
            ),
        ),
    )


def _holds(order: Attributes) -> bool:
    state = service.codec.decode(order).state
    return state is not None and state.hold == "reserved"


def _handled(batch: BatchReactor[Holding], event: Event[OrderPlaced]) -> bool:
    try:
        batch.open_order(event.subject)(event, 0)
    except RetryableError:
        return False
    return True


def _orders() -> Iterator[Event[OrderPlaced]]:
    data = OrderPlaced(
        customer="customer",
        lines=(OrderLine(SKU, 1, Money(1000, "EUR")),),
        total=Money(1000, "EUR"),
        email="customer@example.com",
        address=Address("A. Customer", "1 Harbour Street", "Ghent", "9000", "BE"),
        payment_method="pm_card_visa",
    )
    for n in itertools.count():
        order = f"order-{n}"
        yield Event(
            id=event_id("orders", order, 1),
            source="orders",
            type="OrderPlaced",
            dataschema=OrderPlaced.schema(),
            subject=order,
            time="2026-01-31T12:00:00.000Z",
            sequence=1,
            correlationid="request",
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            data=data,
        )


def _on_shards(shards: int) -> Service[Holding]:
    """Inventory, with each product's stock on so many items, of which an order asks one."""
    placed = service.reactions[OrderPlaced]

    def sharded(item: Item[Holding], event: Event[Any], result: Any) -> Decision[Holding]:
        decision: Decision[Holding] = placed(item, event, result)
        if not isinstance(decision, Commit):
            return decision
        shard = int(item.order.rpartition("-")[2]) * 2654435761 % 2**32 % shards
        adjusts = tuple(replace(adjust, key=f"{adjust.key}#{shard}") for adjust in decision.adjust)
        return replace(decision, adjust=adjusts)

    return replace(service, reactions={OrderPlaced: sharded}, indexes=())
