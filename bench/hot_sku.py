"""A flash sale: reservations of one product a second, in a model of DynamoDB's partitions.

An item is on one partition, which takes 1,000 write units a second. A transactional write of the item costs two units,
committed or canceled. A transaction holds its items while it lasts, and cancels every other transaction on them (Amazon
DynamoDB Developer Guide, "DynamoDB Transactions: How it works"). The code on top of the model is the shop's own:
inventory's handlers and the library's executors.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.figures import Figure, Limit, Table
from bench.virtual_time import VirtualTime
from contracts.orders.order_placed import OrderPlaced
from contracts.values.goods import OrderLine
from contracts.values.money import Money
from functions.inventory.handlers import Holding, stock_key
from functions.inventory.service import service
from tidings.core.decisions import ConditionFailed, Decision, Increment, Numbers, Save
from tidings.core.entity import Entity, StoredEntity
from tidings.core.errors import RetryableError
from tidings.core.event import Event
from tidings.core.ports import ConditionFailedError, EntityWrite, TransactionConflictError, VersionConflictError
from tidings.core.service import Service, on
from tidings.handling.batch import BatchExecutor
from tidings.handling.executor import HandlerExecutor
from tidings.testing import InlineExecutor, make_event

KEYS = ("hot.sku",)
WORKERS = 100
LATENCY = 0.02
UNITS_A_SECOND = 1000
UNITS_A_WRITE = 2
SECONDS = 10
SEED = 7
SKU = "hot"
ON_HAND = 10**9


@dataclass
class Partitions:
    """A table in virtual time. Each item has a partition to itself.

    Attributes:
        time: The virtual time.
        items: The available units of each stock item, by its key.
        orders: The items of the orders, by their key.
        committed: Number of committed transactions.
        canceled: Number of canceled transactions.
    """

    time: VirtualTime
    items: dict[str, int] = field(default_factory=dict)
    orders: dict[str, StoredEntity] = field(default_factory=dict)
    committed: int = 0
    canceled: int = 0
    _held_until: dict[str, float] = field(default_factory=dict)
    _spent: dict[tuple[str, int], int] = field(default_factory=dict)

    def read(self, keys: Sequence[str]) -> Mapping[str, StoredEntity]:
        """Return those of the orders that exist, as last written."""
        self.time.sleep(LATENCY)
        return {key: self.orders[key] for key in keys if key in self.orders}

    def commit(self, writes: Sequence[EntityWrite], increments: Sequence[Increment] = ()) -> None:
        """Commit a transaction. It holds the incremented items while it lasts."""
        granted = all(self._take(increment.key) for increment in increments)
        if granted:
            self._held_until |= {increment.key: self.time.now + LATENCY for increment in increments}
        self.time.sleep(LATENCY)
        if not granted:
            self.canceled += 1
            raise TransactionConflictError("another transaction holds the item, or its partition has no more units")
        self._write(writes, increments)

    def _take(self, key: str) -> bool:
        return self._spend_units(key) and self._held_until.get(key, 0) <= self.time.now

    def _spend_units(self, key: str) -> bool:
        second = (key, int(self.time.now))
        if self._spent.get(second, 0) + UNITS_A_WRITE > UNITS_A_SECOND:
            return False
        self._spent[second] = self._spent.get(second, 0) + UNITS_A_WRITE
        return True

    def _write(self, writes: Sequence[EntityWrite], increments: Sequence[Increment]) -> None:
        if lost := {write.key: self.orders[write.key] for write in writes if write.key in self.orders}:
            raise VersionConflictError(lost)
        if short := [each for each in increments if self.items.get(each.key, 0) < each.at_least["available"]]:
            raise ConditionFailedError(ConditionFailed(tuple((each, self._stock(each.key)) for each in short)))
        for increment in increments:
            self.items[increment.key] += increment.add["available"]
        self.orders |= {write.key: write.entity for write in writes}
        self.committed += bool(increments)

    def _stock(self, key: str) -> Numbers:
        return {"available": self.items.get(key, 0)}


@dataclass(frozen=True)
class Way:
    """A way of reserving.

    Attributes:
        batch: Number of orders that a worker takes at once.
        shards: Number of items among which the product's stock is spread.
        workers: Number of workers.
    """

    batch: int
    shards: int = 1
    workers: int = WORKERS


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        rate: Reservations a second.
        canceled: Canceled transactions for each committed one.
        left: The remaining stock.
    """

    rate: float
    canceled: float
    left: int


def reserve(way: Way, seed: int = SEED, stock: int = ON_HAND, seconds: int = SECONDS) -> Outcome:
    """Run the workers.

    Args:
        way: How they reserve.
        seed: The seed of their pauses.
        stock: The units on hand at the beginning.
        seconds: How long they run, in virtual time.

    Raises:
        RuntimeError: If the remaining stock and the orders' reservations do not add up to the stock.
    """
    time = VirtualTime(seconds)
    table = Partitions(time, {f"{stock_key(SKU)}#{n}": stock // way.shards for n in range(way.shards)})
    rng = random.Random(seed)  # noqa: S311 - not for secrecy
    orders = _orders()

    def pause(attempt: int) -> None:
        time.sleep(rng.uniform(0, min(0.2, 0.005 * 2**attempt)))

    executor = HandlerExecutor(_on_shards(way.shards), table, clock=lambda: int(time.now * 1000), pause=pause)

    def work() -> None:
        waiting: list[Event[OrderPlaced]] = []
        while True:
            waiting += itertools.islice(orders, way.batch - len(waiting))
            batch = BatchExecutor(executor, InlineExecutor())
            batch.prepare(waiting)
            waiting = [event for event in waiting if not _handled(batch, event)]

    time.run([work] * way.workers)
    reserved = sum(_holds(order) for order in table.orders.values())
    left = sum(table.items.values())
    if left != stock // way.shards * way.shards - reserved:
        raise RuntimeError(f"{reserved} units are reserved and {left} are left of {stock}")
    return Outcome(reserved / seconds, table.canceled / max(1, table.committed), left)


def measure() -> Iterator[Figure]:
    """Compare inventory's way with a transaction for each order, and with alternatives.

    Raises:
        RuntimeError: If inventory declares no batch.
    """
    batch, consumers = service.strategy.batch, service.concurrency
    if batch is None:
        raise RuntimeError("inventory must declare a batch")
    one_by_one = reserve(Way(batch=1))
    ours = reserve(Way(batch=batch.size))
    ways = {
        "1 order a transaction": one_by_one,
        "1 order, stock on 8 shards": reserve(Way(batch=1, shards=8)),
        "1 order, stock on 64 shards": reserve(Way(batch=1, shards=64)),
        "10 orders a transaction": reserve(Way(batch=10)),
        f"{batch.size} orders a transaction": ours,
        f"the same, {consumers} workers (as deployed)": reserve(Way(batch=batch.size, workers=consumers)),
    }
    yield Figure(
        key="hot.sku",
        value=ours.rate / one_by_one.rate,
        unit="×",
        baseline=one_by_one.rate,
        how=f"Reservations a second of one product by {WORKERS} workers in {SECONDS} seconds of virtual time, in a "
        f"model of its partition ({UNITS_A_SECOND} write units a second, {LATENCY * 1000:.0f} ms a call, conflicts "
        f"cancel, seed {SEED}): a batch of {batch.size} in one transaction ({ours.rate:.0f}/s) ÷ a transaction an "
        f"order on one stock item ({one_by_one.rate:.0f}/s).",
        limit=Limit("≥", 20),
        tables=(
            Table(
                "One product in a flash sale",
                ("reservations a second", "canceled per committed transaction"),
                {name: (outcome.rate, outcome.canceled) for name, outcome in ways.items()},
                "reservations/s",
                "bars",
            ),
        ),
    )


def _holds(order: StoredEntity) -> bool:
    state = service.codec.decode(order).state
    return state is not None and state.hold == "reserved"


def _handled(batch: BatchExecutor[Holding], event: Event[OrderPlaced]) -> bool:
    try:
        batch.open_entity(event.subject)(event, 0)
    except RetryableError:
        return False
    return True


def _orders() -> Iterator[Event[OrderPlaced]]:
    data = OrderPlaced(
        customer="customer",
        lines=(OrderLine(SKU, 1, Money(1000, "EUR")),),
        total=Money(1000, "EUR"),
        payment_method="pm_card_visa",
    )
    for n in itertools.count():
        yield make_event(data, source="orders", subject=f"00000000-0000-4000-8000-{n:012d}")


def _on_shards(shards: int) -> Service[Holding]:
    """Return inventory with each product's stock spread over items, of which an order asks one."""
    place = service.handler_of(OrderPlaced.__name__).decide

    def sharded(entity: Entity[Holding], event: Event[OrderPlaced]) -> Decision[Holding]:
        decision = place(entity, event)
        if not isinstance(decision, Save):
            return decision
        shard = int(entity.key.rpartition("-")[2]) * 2654435761 % 2**32 % shards
        increments = tuple(replace(each, key=f"{each.key}#{shard}") for each in decision.increments)
        return replace(decision, increments=increments)

    return replace(service, handlers=(on(OrderPlaced, sharded, creates=True),), indexes=())
