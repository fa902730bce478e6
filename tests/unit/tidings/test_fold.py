"""Folding, by a small service: it sees questions, and counts their words by the place that each stands in."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import pytest
from msgspec import Struct

from tests.unit.facts import fact
from tests.unit.ledger import MemoryLedger
from tests.unit.memory import (
    AtOnce,
    MemoryQueue,
    comes_after,
    conflicts,
    fails,
    unacknowledged,
    unanswered,
)
from tests.unit.tidings.example import Answered, Asked, Repeated
from tidings.consumer import Consumer, contracted, unprepared
from tidings.decisions import Act, Commit, Decision, Ignore
from tidings.errors import PermanentError
from tidings.events import Event, encode
from tidings.fold import (
    MAX_FAILURES,
    MAX_TRIES,
    Cell,
    Change,
    Counting,
    Entry,
    Fold,
    Share,
    affordable,
    due,
    pack,
    tallies,
)
from tidings.item import Item
from tidings.service import Service
from tidings.table import MAX_ACTIONS, MAX_BYTES, Write


class Words(Struct, frozen=True):
    words: tuple[str, ...] = ()


Done = Callable[[], None]
Decide = Callable[[Item[Words], Event[Any], object], Decision[Words]]


def ask(item: Item[Words], event: Event[Asked], _result: object) -> Decision[Words]:
    return Commit(Words(tuple(sorted({*(item.state or Words()).words, *event.data.question.split()}))))


def ignore(_item: Item[Words], _event: Event[Any], _result: object) -> Decision[Words]:
    return Ignore()


def share(state: Words) -> Share:
    return {Cell("words", word, "times"): 1 for word in state.words}


class Bench:
    """A fold over a ledger in memory, that chooses its shards in turn."""

    def __init__(self, decide: Decide = ask, shards: int = 1, *, bet: bool = False) -> None:
        self.ledger = MemoryLedger()
        self.pauses: list[int] = []
        self.service = Service(
            name="words",
            state=Words,
            reactions={Asked: decide, Repeated: ignore},
            bets=frozenset({Asked}) if bet else frozenset(),
        )
        self._shards = shards
        self._chosen = 0

    def fold(self) -> Fold[Words]:
        """A consumer of its own."""
        counting = Counting(share, shards=self._shards)
        return Fold(self.service, counting, self.ledger, pause=self.pauses.append, choose=self._choose)

    def deliver(self, *events: Event[Any]) -> list[str]:
        """The events as one batch; the ids of those that failed."""
        return [event for event, error in self.fold().fold(events).items() if error]

    def counts(self) -> dict[str, int]:
        return {row: n for (_, row, _), n in self.ledger.sums().items()}

    def handled(self, order: str) -> tuple[str, ...]:
        return self.service.codec.decode(self.ledger.orders[order]).handled

    def _choose(self, shards: int) -> int:
        self._chosen += 1
        return self._chosen % shards


def asked(order: str, question: str, n: int = 1) -> Event[Asked]:
    return fact(Asked(question=question), order=order, n=n)


def many(orders: int, question: str = "why") -> list[Event[Asked]]:
    return [asked(f"order-{n}", question) for n in range(orders)]


def words(n: int) -> str:
    return " ".join(f"w{k}" for k in range(n))


# The plan


def change(order: str, *rows: str, size: int = 0) -> Change[Words]:
    return Change(
        Write(order, {"pk": {"S": "x" * size}}, 0), {Cell("g", row, "n"): 1 for row in rows}, Entry(Item(order))
    )


def orders_in(packed: Sequence[Sequence[Change[Words]]]) -> list[list[str]]:
    return [[each.write.order for each in changes] for changes in packed]


def test_changes_that_fit_are_one_transaction() -> None:
    assert orders_in(pack([change("a", "x"), change("b", "x", "y")])) == [["a", "b"]]


def test_no_changes_are_no_transaction() -> None:
    assert pack([]) == []


@pytest.mark.parametrize(("orders", "transactions"), [(99, 1), (100, 2), (198, 2), (199, 3)])
def test_a_transaction_takes_99_orders_that_count_in_the_same_row(orders: int, transactions: int) -> None:
    assert len(pack([change(f"{n}", "x") for n in range(orders)])) == transactions


def test_a_transaction_takes_50_orders_with_a_row_each() -> None:
    packed = pack([change(f"{n}", f"row-{n}") for n in range(51)])
    assert [len(changes) for changes in packed] == [50, 1]


def test_a_change_goes_where_its_rows_are() -> None:
    full = [f"x{n}" for n in range(60)], [f"y{n}" for n in range(60)]
    packed = pack([change("a", *full[0]), change("b", *full[1]), change("c", *full[1][:50])])
    assert orders_in(packed) == [["a"], ["b", "c"]]


def test_a_transaction_stays_within_its_bytes() -> None:
    packed = pack([change(f"{n}", "x", size=MAX_BYTES // 3) for n in range(3)])
    assert [len(changes) for changes in packed] == [2, 1]


def test_every_plan_has_each_order_once_and_keeps_within_the_limits(chance: random.Random) -> None:
    for _ in range(200):
        rows = [f"row-{n}" for n in range(chance.randint(1, 300))]
        changes = [
            change(f"{n}", *chance.sample(rows, min(len(rows), chance.randint(0, 99))))
            for n in range(chance.randint(0, 60))
        ]
        packed = pack(changes)
        assert sorted(chain(*orders_in(packed))) == sorted(each.write.order for each in changes)
        for transaction in packed:
            assert len(transaction) + len(tallies(transaction, 0, lambda _: 0)) <= MAX_ACTIONS


def test_what_orders_add_to_one_row_is_one_tally() -> None:
    (tally,) = tallies([change("a", "x"), change("b", "x")], 3, lambda _: 7)
    assert (tally.partition, tally.row, tally.add, tally.start) == ("g#3", "x", {"n": 2}, {"n": 7})


def test_what_is_due_is_the_difference_and_what_was_owed() -> None:
    one, two, three = (Cell("g", "row", name) for name in ("one", "two", "three"))
    assert due({one: 2, two: 1}, {one: 5, two: 1}, {three: 4}) == {one: 3, three: 4}
    assert due({one: 2}, {}, {}) == {one: -2}
    assert due({one: 2}, {}, {one: 2}) == {}


def test_what_does_not_fit_beside_the_order_is_left() -> None:
    cells = {Cell("g", f"row-{n}", name): 1 for n in range(120) for name in ("one", "two")}
    now, later = affordable(cells)
    assert {**now, **later} == cells
    assert len({cell.row for cell in now}) == MAX_ACTIONS - 1
    assert not {cell.row for cell in now} & {cell.row for cell in later}


# A batch


def test_a_batch_is_one_reading_and_one_transaction() -> None:
    bench = Bench()
    assert bench.deliver(*many(50)) == []
    assert (len(bench.ledger.reads), len(bench.ledger.transactions)) == (1, 1)
    assert bench.counts() == {"why": 50}


def test_a_batch_of_bets_is_one_transaction_and_no_reading() -> None:
    bench = Bench(bet=True)
    assert bench.deliver(*many(50)) == []
    assert (len(bench.ledger.reads), len(bench.ledger.transactions)) == (0, 1)
    assert bench.counts() == {"why": 50}


def test_a_bet_that_is_lost_is_decided_on_what_was_found_without_a_reading() -> None:
    bench = Bench(bet=True)
    bench.deliver(asked("a", "why"), asked("b", "why"))
    assert bench.deliver(asked("a", "why"), asked("b", "how", n=2), asked("c", "why")) == []
    assert bench.counts() == {"why": 3, "how": 1}
    assert bench.ledger.reads == []


def test_duplicates_add_nothing_and_write_nothing() -> None:
    bench = Bench()
    bench.deliver(*many(5), *many(5))
    bench.deliver(*many(5))
    assert bench.counts() == {"why": 5}
    assert len(bench.ledger.transactions) == 1


def test_the_events_of_one_order_are_one_write() -> None:
    bench = Bench()
    bench.deliver(asked("a", "who"), asked("a", "how", 2), asked("b", "who"))
    assert bench.counts() == {"who": 2, "how": 1}
    assert bench.handled("a") == ("orders/1", "orders/2")
    assert [orders for orders, _ in bench.ledger.transactions] == [["a", "b"]]


def test_what_is_ignored_writes_nothing() -> None:
    bench = Bench()
    assert bench.deliver(fact(Repeated())) == []
    assert not bench.ledger.transactions


def test_a_state_that_counts_for_nothing_is_kept_all_the_same() -> None:
    bench = Bench()
    bench.deliver(asked("a", ""))
    assert bench.handled("a") == ("orders/1",)
    assert not bench.counts()


def test_the_shards_of_a_number_add_up() -> None:
    bench = Bench(shards=4)
    for event in many(40):
        bench.deliver(event)
    assert bench.ledger.shards() == {"0", "1", "2", "3"}
    assert bench.counts() == {"why": 40}


def test_a_transaction_adds_to_one_shard() -> None:
    bench = Bench(shards=4)
    bench.deliver(*many(150, words(20)))
    for _, tallied in bench.ledger.transactions:
        assert len({tally.partition for tally in tallied}) == 1


@pytest.mark.parametrize("rows", [99, 100, 250])
def test_an_order_that_counts_in_more_rows_than_fit_is_counted_whole(rows: int) -> None:
    bench = Bench()
    assert bench.deliver(asked("a", words(rows)), asked("b", "why")) == []
    assert bench.counts() == dict.fromkeys(words(rows).split(), 1) | {"why": 1}
    assert "owed" not in bench.ledger.orders["a"]


def test_what_is_owed_is_paid_when_the_message_comes_again() -> None:
    bench = Bench()
    bench.ledger.mishaps += [done, fails(TimeoutError("gone"))]
    assert bench.deliver(asked("a", words(250))) == ["orders/a/1"]
    assert len(bench.counts()) == 99
    assert bench.deliver(asked("a", words(250))) == []
    assert bench.counts() == dict.fromkeys(words(250).split(), 1)


def test_what_is_owed_is_paid_with_the_orders_next_event() -> None:
    bench = Bench()
    bench.ledger.mishaps += [done, fails(TimeoutError("gone"))]
    bench.deliver(asked("a", words(150)))
    bench.deliver(asked("a", "why", 2))
    assert bench.counts() == dict.fromkeys([*words(150).split(), "why"], 1)


# Failures


def refuse(item: Item[Words], event: Event[Asked], result: object) -> Decision[Words]:
    if "poison" in event.data.question:
        raise PermanentError("poison", "it is")
    return ask(item, event, result)


def test_an_event_that_cannot_be_decided_on_fails_alone() -> None:
    bench = Bench(refuse)
    assert bench.deliver(asked("a", "poison"), asked("a", "who", 2), asked("b", "who")) == ["orders/a/1"]
    assert bench.counts() == {"who": 2}


def act(_item: Item[Words], _event: Event[Any], _result: object) -> Decision[Words]:
    return Act("ring")


def announce(_item: Item[Words], _event: Event[Any], _result: object) -> Decision[Words]:
    return Commit(Words(), (Answered(text="because"),))


@pytest.mark.parametrize("decide", [act, announce])
def test_what_is_folded_neither_acts_nor_announces(decide: Decide) -> None:
    bench = Bench(decide)
    assert bench.deliver(asked("a", "why")) == ["orders/a/1"]
    assert not bench.ledger.orders


@pytest.mark.parametrize("position", [0, 17, 49])
def test_an_order_that_cannot_be_written_fails_alone(position: int) -> None:
    bench = Bench()
    bench.ledger.broken = {f"order-{position}"}
    assert bench.deliver(*many(50)) == [f"orders/order-{position}/1"]
    assert bench.counts() == {"why": 49}
    assert bench.ledger.attempts < 15


def test_an_order_that_cannot_be_read_fails_alone() -> None:
    bench = Bench()
    bench.ledger.unreadable = {"order-5"}
    assert bench.deliver(*many(50)) == ["orders/order-5/1"]
    assert bench.counts() == {"why": 49}


def test_an_item_that_cannot_be_understood_fails_alone() -> None:
    bench = Bench()
    bench.ledger.orders["order-1"] = {"pk": {"S": "order-1"}, "version": {"N": "1"}, "state": {"S": "?"}}
    assert bench.deliver(*many(3)) == ["orders/order-1/1"]
    assert bench.counts() == {"why": 2}


def test_when_nothing_answers_a_batch_ends_after_a_bounded_number_of_tries() -> None:
    bench = Bench()
    bench.ledger.broken = {f"order-{n}" for n in range(500)}
    assert len(bench.deliver(*many(500))) == 500
    assert bench.ledger.attempts < 2 * MAX_FAILURES


def test_a_write_whose_answer_is_lost_counts_once() -> None:
    bench = Bench()
    bench.ledger.mishaps.append(unanswered)
    assert bench.deliver(*many(10)) == []
    assert bench.counts() == {"why": 10}


def test_a_write_that_the_client_repeats_counts_once() -> None:
    bench = Bench()
    bench.ledger.mishaps.append(unacknowledged)
    assert bench.deliver(*many(10)) == []
    assert bench.counts() == {"why": 10}


def test_what_failed_altogether_counts_once_when_it_comes_again() -> None:
    bench = Bench()
    bench.ledger.mishaps.append(unanswered)
    assert bench.deliver(asked("a", "why")) == ["orders/a/1"]
    assert bench.deliver(asked("a", "why")) == []
    assert bench.counts() == {"why": 1}


# Races


def test_who_loses_a_race_decides_again_on_what_was_found_without_a_reading() -> None:
    bench = Bench()
    bench.ledger.mishaps.append(comes_after(lambda: none(bench.deliver(asked("order-3", "how", 2)))))
    assert bench.deliver(*many(10)) == []
    assert bench.counts() == {"why": 10, "how": 1}
    assert len(bench.ledger.reads) == 2  # one each


def test_the_same_batch_at_two_consumers_counts_once() -> None:
    bench = Bench()
    bench.ledger.mishaps.append(comes_after(lambda: none(bench.deliver(*many(10)))))
    assert bench.deliver(*many(10)) == []
    assert bench.counts() == {"why": 10}


def test_a_conflict_pauses_and_tries_again_with_another_shard() -> None:
    bench = Bench(shards=4)
    bench.ledger.mishaps += [conflicts, conflicts]
    assert bench.deliver(*many(10)) == []
    assert bench.pauses == [0, 1]
    assert bench.counts() == {"why": 10}
    assert bench.ledger.shards() == {"3"}


def test_conflicts_go_on_in_smaller_transactions() -> None:
    bench = Bench()
    bench.ledger.mishaps += [conflicts] * MAX_TRIES
    assert bench.deliver(*many(10)) == []
    assert len(bench.ledger.transactions) == 2
    assert bench.counts() == {"why": 10}


def test_conflicts_without_end_put_the_batch_off() -> None:
    bench = Bench()
    bench.ledger.mishaps += [conflicts] * 10_000
    assert len(bench.deliver(*many(10))) == 10
    assert bench.ledger.attempts <= MAX_FAILURES + 1
    bench.ledger.mishaps.clear()
    assert bench.deliver(*many(10)) == []
    assert bench.counts() == {"why": 10}


def test_an_order_that_loses_every_race_goes_back_alone() -> None:
    bench = Bench()
    rivals = iter(range(2, 10_000))

    def rival_writes(write: Done) -> None:
        bench.ledger.mishaps.clear()
        bench.deliver(asked("order-3", "how", next(rivals)))
        bench.ledger.mishaps += [rival_writes] * 3
        write()

    bench.ledger.mishaps.append(rival_writes)
    assert bench.deliver(*many(10)) == ["orders/order-3/1"]
    assert bench.counts() == {"why": 9, "how": 1}


def test_consumers_that_interleave_in_any_way_count_each_event_once(chance: random.Random) -> None:
    for _ in range(100):
        bench = Bench(shards=3)
        events = [asked(f"order-{o}", f"w{o % 4} x{n}", n) for o in range(6) for n in range(1, 4)]

        def meddle(write: Done, bench: Bench = bench, events: Sequence[Event[Any]] = tuple(events)) -> None:
            if len(bench.ledger.mishaps) < 3:
                bench.deliver(*chance.sample(events, chance.randint(1, 9)))
            chance.choice([done, conflicts, unanswered])(write)

        while not all(len(bench.ledger.orders) == 6 and len(bench.handled(f"order-{o}")) == 3 for o in range(6)):
            bench.ledger.mishaps += [meddle] * chance.randint(0, 6)
            batch = chance.choices(events, k=chance.randint(1, 30))
            bench.deliver(*batch)
        expected = Counter(word for o in range(6) for word in {f"w{o % 4}", "x1", "x2", "x3"})
        assert bench.counts() == expected


# Behind the queue's consumer


class Shop:
    """A consumer that folds; its messages are named for their events."""

    def __init__(self, bench: Bench) -> None:
        self.queue = MemoryQueue()
        self._bench = bench
        self.fold = bench.fold()

    def handle(self, bodies: Iterable[str], *, prepared: bool = True) -> list[str]:
        consumer = Consumer(
            queue=self.queue,
            kind="standard",
            parse=contracted(self._bench.service.reactions),
            open_order=self.fold.open_order,
            executor=AtOnce(),
            max_receives=5,
            backoff=1,
            prepare=self.fold.prepare if prepared else unprepared,
        )
        records = [
            {
                "messageId": str(n),
                "receiptHandle": str(n),
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1769860800000"},
            }
            for n, body in enumerate(bodies)
        ]
        return [failure["itemIdentifier"] for failure in consumer.handle(records, 0)["batchItemFailures"]]


def test_messages_fail_one_by_one_and_are_folded_together() -> None:
    bench = Bench(refuse)
    bench.ledger.broken = {"order-2"}
    shop = Shop(bench)
    poison = encode(asked("order-3", "poison", 2))
    assert shop.handle([*map(encode, many(5)), "no JSON", poison]) == ["2"]
    assert {letter.message.id: letter.reason for letter in shop.queue.buried} == {"5": "undecodable", "6": "poison"}
    assert bench.counts() == {"why": 4}


def test_a_message_that_failed_is_folded_when_it_comes_again() -> None:
    bench = Bench()
    shop = Shop(bench)
    bench.ledger.broken = {"order-2"}
    assert shop.handle(map(encode, many(5))) == ["2"]
    bench.ledger.broken.clear()
    assert shop.handle([encode(many(5)[2])]) == []
    assert bench.counts() == {"why": 5}


def test_what_was_not_prepared_is_folded_by_itself() -> None:
    bench = Bench()
    assert Shop(bench).handle(map(encode, many(5)), prepared=False) == []
    assert len(bench.ledger.transactions) == 5
    assert bench.counts() == {"why": 5}


def test_a_preparation_that_breaks_fails_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    shop = Shop(bench)

    def breaks(_events: object) -> None:
        raise TimeoutError("no answer")

    monkeypatch.setattr(shop.fold, "prepare", breaks)
    assert shop.handle(map(encode, many(5))) == []
    assert bench.counts() == {"why": 5}


def done(write: Done) -> None:
    """Nothing befalls the write."""
    write()


def none(_: object) -> None:
    """For what a mishap does, and whose result nobody looks at."""
