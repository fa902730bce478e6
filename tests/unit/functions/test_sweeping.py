from collections.abc import Callable, Iterable, Iterator

import pytest

from functions.orders.pending import INDEX, SHARDS, Waiting, standing
from functions.orders.reactions import Order, time_out
from functions.orders.service import service
from functions.orders.sweeping import TOGETHER, Sweep, Swept
from tests.unit.facts import NOON_MILLIS, ORDER, TRACE, fact, order_placed
from tests.unit.memory import AtOnce, MemoryTable, comes_after, fails
from tidings.clock import millis
from tidings.contracts import OrderCancelled
from tidings.decisions import Commit, Ignore
from tidings.errors import PermanentError
from tidings.events import encode
from tidings.item import Attributes, Item
from tidings.reactor import Reactor

PENDING = Order()
CONFIRMED = Order("CONFIRMED", paid=True, reserved=True)
NO_PENDING = [CONFIRMED, Order("DISPATCHED", paid=True, reserved=True), Order("CANCELLED", reason="customer")]

LIMIT = 60
TOO_OLD = NOON_MILLIS - LIMIT * 1000 - 1
JUST_YOUNG_ENOUGH = NOON_MILLIS - LIMIT * 1000
LATER = NOON_MILLIS + 1


def item(state: Order, order: str = ORDER) -> Item[Order]:
    return Item(order, version=1, state=state, events=(encode(fact(order_placed())),))


def stored(state: Order, order: str = ORDER) -> Attributes:
    return service.codec.encode(item(state, order), announces=True, extra={})


def sweep(table: MemoryTable, waiting: Iterable[Waiting], clock: Callable[[], int] = lambda: NOON_MILLIS) -> Swept:
    return Sweep(Reactor(service, table, clock=clock), AtOnce()).run(waiting, LIMIT, LATER)


def status(table: MemoryTable, order: str = ORDER) -> str:
    state = service.codec.decode(table.items[order]).state
    assert state
    return state.status


# The decision


@pytest.mark.parametrize(
    ("order", "detail"),
    [(PENDING, "payment, stock"), (Order(paid=True), "stock"), (Order(reserved=True), "payment")],
)
def test_a_pending_order_times_out_and_says_what_it_waited_for(order: Order, detail: str) -> None:
    decision = time_out(item(order))
    assert isinstance(decision, Commit)
    assert (decision.state.status, decision.state.reason) == ("CANCELLED", "timeout")
    assert decision.announce == (OrderCancelled(reason="timeout", detail=detail),)


@pytest.mark.parametrize("order", NO_PENDING)
def test_no_other_order_times_out(order: Order) -> None:
    assert isinstance(time_out(item(order)), Ignore)


def test_an_order_that_nobody_placed_does_not_time_out() -> None:
    with pytest.raises(PermanentError):
        time_out(Item(ORDER))


# The index


@pytest.mark.parametrize("order", NO_PENDING)
def test_only_a_pending_order_stands_in_the_index(order: Order) -> None:
    assert standing(item(PENDING)).keys() == {INDEX.partition, INDEX.sort}
    assert standing(item(order)) == {}


def test_an_order_stands_where_it_stood_for_as_long_as_it_is_pending() -> None:
    assert standing(item(PENDING)) == standing(item(Order(paid=True))) == standing(item(Order(reserved=True)))


def test_orders_are_spread_over_the_indexes_parts() -> None:
    parts = [standing(item(PENDING, f"order-{n}"))[INDEX.partition] for n in range(400)]
    assert {*parts} == {str(shard) for shard in range(SHARDS)}
    assert min(parts.count(part) for part in {*parts}) > 50


def test_the_index_adds_two_write_units_to_an_order_and_its_entries_are_far_below_one() -> None:
    entry = {"pk": ORDER, **standing(item(PENDING))}
    # An item is as large as its names and values together; an index adds up to 100 bytes for each of its entries
    # (Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats").
    assert sum(len(name) + len(value) for name, value in entry.items()) + 100 < 1024
    added = sum(len(name) + len(value) for name, value in standing(item(PENDING)).items())
    assert added < 40


# The run


def test_an_order_that_is_too_old_is_cancelled_and_one_that_is_not_is_left() -> None:
    table = MemoryTable(stored(PENDING, "old"), stored(PENDING, "young"))
    done = sweep(table, [Waiting(TOO_OLD, "old"), Waiting(JUST_YOUNG_ENOUGH, "young")])
    assert done == Swept(1, 0, finished=True, oldest=LIMIT + 0.001)
    assert (status(table, "old"), status(table, "young")) == ("CANCELLED", "PENDING")


def test_nothing_pending_is_nothing_to_do() -> None:
    assert sweep(MemoryTable(), []) == Swept(0, 0, finished=True, oldest=0)


def test_an_order_that_has_ended_since_the_index_was_written_is_left_and_not_counted() -> None:
    table = MemoryTable(stored(CONFIRMED))
    assert sweep(table, [Waiting(TOO_OLD, ORDER)]) == Swept(0, 0, finished=True, oldest=LIMIT + 0.001)
    assert table.writes == []


def test_an_order_that_another_sweep_cancels_first_is_not_counted_twice() -> None:
    table = MemoryTable(stored(PENDING))
    table.mishaps.append(comes_after(lambda: sweep_again(table)))
    assert sweep(table, [Waiting(TOO_OLD, ORDER)]).cancelled == 0
    assert len(table.writes) == 1


def sweep_again(table: MemoryTable) -> None:
    other = Sweep(Reactor(service, table, clock=lambda: LATER + 5), AtOnce())
    assert other.run([Waiting(TOO_OLD, ORDER)], LIMIT, LATER + 10).cancelled == 1


def test_an_order_that_fails_stops_no_other_and_is_counted() -> None:
    table = MemoryTable(stored(PENDING, "first"), stored(PENDING, "second"))
    table.mishaps.append(fails(TimeoutError("no answer")))
    done = sweep(table, [Waiting(TOO_OLD, "first"), Waiting(TOO_OLD, "second")])
    assert (done.cancelled, done.failed) == (1, 1)
    assert (status(table, "first"), status(table, "second")) == ("PENDING", "CANCELLED")


def test_a_run_begins_none_after_its_deadline_and_says_that_it_did_not_finish() -> None:
    ids = [f"order-{n:03}" for n in range(3 * TOGETHER)]
    table = MemoryTable(*(stored(PENDING, order) for order in ids))
    read: list[str] = []

    def waiting() -> Iterator[Waiting]:
        for order in ids:
            read.append(order)
            yield Waiting(TOO_OLD, order)

    done = sweep(table, waiting(), lambda: LATER if len(table.writes) == 2 * TOGETHER else NOON_MILLIS)
    assert done.finished is False
    assert done.cancelled == 2 * TOGETHER
    assert [status(table, order) for order in ids] == ["CANCELLED"] * 2 * TOGETHER + ["PENDING"] * TOGETHER
    assert len(read) == 2 * TOGETHER


def test_a_cancellation_belongs_to_the_request_that_placed_the_order_and_to_no_event() -> None:
    table = MemoryTable(stored(PENDING))
    sweep(table, [Waiting(TOO_OLD, ORDER)])
    cancelled = service.codec.decode(table.items[ORDER]).events[-1]
    assert f'"traceparent":"{TRACE}"' in cancelled
    assert '"causationid"' not in cancelled
    assert millis(standing(item(PENDING))[INDEX.sort]) > 0
