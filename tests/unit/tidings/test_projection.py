"""Projections, by a small service that counts the words of the questions that were asked about each entity."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeVar

import pytest
from msgspec import Struct

from tests.unit.tidings.example import Answered, Asked, Repeated
from tidings.core.decisions import Decision, Increment, Perform, Save, Skip
from tidings.core.entity import Entity, StoredEntity
from tidings.core.errors import ContentionError, PermanentError
from tidings.core.event import Event
from tidings.core.ports import MAX_ACTIONS
from tidings.core.service import Service, on
from tidings.core.strategy import Contribution, CounterKey, Projection
from tidings.handling.batch import BatchExecutor
from tidings.handling.projection import difference, projection_increments
from tidings.handling.retries import MAX_ATTEMPTS, MAX_BATCH_ATTEMPTS
from tidings.testing import (
    Fault,
    InlineExecutor,
    Scenario,
    duplicate_request,
    fails,
    given,
    lost_answer,
    make_event,
    preceded_by,
    transaction_conflict,
)

T = TypeVar("T")


class Words(Struct, frozen=True):
    words: tuple[str, ...] = ()


Decide = Callable[[Entity[Words], Event[Asked]], Decision[Words]]


def on_asked(entity: Entity[Words], event: Event[Asked]) -> Decision[Words]:
    """Add the question's words to those of the entity."""
    return Save(Words(tuple(sorted({*(entity.state or Words()).words, *event.data.question.split()}))))


def on_repeated(_entity: Entity[Words], _event: Event[Repeated]) -> Decision[Words]:
    return Skip()


def contribution(state: Words) -> Contribution:
    return {CounterKey("words", word, "times"): 1 for word in state.words}


def projection(
    decide: Decide = on_asked, *, shards: int = 1, creates: bool = False, port: Callable[[], str] | None = None
) -> Scenario[Words]:
    service = Service(
        name="answers",
        state=Words,
        announces=(Answered,),
        handlers=(on(Asked, decide, creates=creates), on(Repeated, on_repeated)),
        strategy=Projection(contribution=contribution, shards=shards),
    )
    return given(service, port=port)


def asked(entity: str, question: str, number: int = 1) -> Event[Asked]:
    return make_event(Asked(question=question), subject=entity, number=number)


def many(entities: int, question: str = "why") -> list[Event[Asked]]:
    return [asked(f"entity-{n}", question) for n in range(entities)]


def words(n: int) -> str:
    return " ".join(f"w{k}" for k in range(n))


def times(*counted: str, **counts: int) -> dict[CounterKey, int]:
    """The counters of these words: once for each word, or as often as named."""
    return {CounterKey("words", word, "times"): n for word, n in {**dict.fromkeys(counted, 1), **counts}.items()}


def proceed(call: Callable[[], T]) -> T:
    """Make the call without a fault."""
    return call()


BROKEN = fails(TimeoutError("no answer"))


# The increments of a change


def test_a_difference_contains_what_changed() -> None:
    one, two = (CounterKey("g", "row", name) for name in ("one", "two"))
    assert difference({one: 2, two: 1}, {one: 5, two: 1}) == {one: 3}
    assert difference({one: 2}, {}) == {one: -2}
    assert difference({one: 2}, {one: 2}) == {}


def test_the_numbers_of_one_row_are_one_increment_in_its_shard() -> None:
    def counted(state: Words) -> Contribution:
        return {CounterKey("g", word[0], word): len(word) for word in state.words}

    strategy = Projection(contribution=counted, start=lambda counter: 7 if counter.name == "he" else 0)
    assert projection_increments(strategy, None, Words(("hello", "he", "you")), 3) == (
        Increment("#g#3", {"hello": 5, "he": 2}, start={"he": 7}, row="h"),
        Increment("#g#3", {"you": 3}, row="y"),
    )


def test_a_change_increments_by_the_difference_and_an_unchanged_contribution_by_nothing() -> None:
    strategy = Projection(contribution=contribution)
    before, after = Words(("how", "why")), Words(("what", "why"))
    assert projection_increments(strategy, before, after, 0) == (
        Increment("#words#0", {"times": 1}, row="what"),
        Increment("#words#0", {"times": -1}, row="how"),
    )
    assert projection_increments(strategy, after, after, 0) == ()


# A batch


def test_a_batch_is_one_read_and_one_transaction() -> None:
    scenario = projection().when_batch(*many(50)).then(counters=times(why=50))
    assert (len(scenario.table.reads), len(scenario.table.commits)) == (1, 1)


def test_entities_that_count_in_different_rows_are_one_transaction() -> None:
    scenario = projection().when_batch(asked("a", "who"), asked("b", "how")).then(counters=times("who", "how"))
    assert scenario.table.attempts == 1


def test_a_batch_of_optimistic_creates_is_one_transaction_and_no_read() -> None:
    scenario = projection(creates=True).when_batch(*many(50)).then(counters=times(why=50))
    assert (len(scenario.table.reads), len(scenario.table.commits)) == (0, 1)


def test_an_optimistic_create_of_an_existing_entity_decides_on_what_was_found() -> None:
    scenario = projection(creates=True)
    scenario.when_batch(asked("a", "why"), asked("b", "why")).then()
    again = scenario.when_batch(asked("a", "why"), asked("b", "how", number=2), asked("c", "why"))
    again.then(counters=times(why=3, how=1))
    assert scenario.table.reads == []


def test_duplicates_add_nothing_and_write_nothing() -> None:
    scenario = projection()
    scenario.when_batch(*many(5), *many(5)).then(counters=times(why=5))
    scenario.when_batch(*many(5)).then(counters=times(why=5), writes=0)
    assert len(scenario.table.commits) == 1


def test_the_events_of_one_entity_are_one_write() -> None:
    scenario = projection()
    outcome = scenario.when_batch(asked("a", "who"), asked("a", "how", 2), asked("b", "who"))
    outcome.then(counters=times(who=2, how=1), writes=2)
    assert scenario.entity("a").inbox == ("test/1", "test/2")
    assert len(scenario.table.commits) == 1


def test_the_events_of_a_single_entity_are_one_write() -> None:
    scenario = projection()
    scenario.when_batch(asked("a", "who"), asked("a", "how", 2)).then(counters=times("who", "how"), writes=1)
    assert scenario.table.reads == [("a",)]


def test_a_skipped_event_writes_nothing() -> None:
    projection().when(make_event(Repeated())).then(writes=0)


def test_a_state_that_contributes_nothing_is_stored() -> None:
    scenario = projection().when(asked("a", "")).then(counters={})
    assert scenario.entity("a").inbox == ("test/1",)


def test_a_counter_is_the_sum_of_its_shards() -> None:
    scenario = projection(shards=4).when(*many(40)).then(counters=times(why=40))
    assert scenario.table.shards() == {"0", "1", "2", "3"}


def test_a_transaction_adds_to_one_shard() -> None:
    scenario = projection(shards=4).when_batch(*many(150, words(20))).then()
    for _, increments in scenario.table.commits:
        assert len({increment.key for increment in increments}) == 1


def test_an_entity_that_counts_in_as_many_rows_as_fit_is_one_transaction() -> None:
    rows = words(MAX_ACTIONS - 1)
    scenario = projection().when_batch(asked("a", rows), *many(2)).then(counters=times(*rows.split(), why=2))
    assert [len(increments) for _, increments in scenario.table.commits] == [MAX_ACTIONS - 1, 1]
    scenario = projection().when(asked("a", rows)).then(counters=times(*rows.split()))
    assert scenario.table.attempts == 1


@pytest.mark.parametrize("creates", [True, False])
def test_an_entity_that_counts_in_more_rows_than_fit_goes_to_the_dead_letters_alone(creates: bool) -> None:
    scenario = projection(creates=creates)
    outcome = scenario.when_batch(asked("a", words(MAX_ACTIONS)), *many(2))
    outcome.then(failed=["test/a/1"], counters=times(why=2))
    (letter,) = outcome.dead_letters
    assert (letter.reason, letter.detail) == ("too-large", "a: 100 increments do not fit into a transaction")
    assert scenario.entity("a") == Entity("a")


def test_events_that_fit_into_a_transaction_only_one_by_one_are_committed_one_by_one() -> None:
    scenario = projection()
    first, second = words(60), " ".join(f"x{n}" for n in range(60))
    scenario.when_batch(asked("a", first), asked("a", second, 2), *many(2)).then(
        counters=times(*first.split(), *second.split(), why=2)
    )
    assert [len(increments) for _, increments in scenario.table.commits] == [1, 60, 60]


# Failures


def refuse_poison(entity: Entity[Words], event: Event[Asked]) -> Decision[Words]:
    if "poison" in event.data.question:
        raise PermanentError("poison", "it is")
    return on_asked(entity, event)


def test_an_event_whose_handler_raises_fails_alone() -> None:
    events = asked("a", "poison"), asked("a", "who", 2), asked("b", "who")
    projection(refuse_poison).when_batch(*events).then(failed=["test/a/1"], counters=times(who=2))


def test_events_whose_handler_raises_do_not_delay_other_entities() -> None:
    scenario = projection(refuse_poison)
    scenario.when_batch(asked("a", "poison"), asked("b", "who"), asked("c", "who")).then(failed=["test/a/1"])
    assert [[write.key for write in writes] for writes, _ in scenario.table.commits] == [["b", "c"]]


class Ring:
    """An effect that returns the bell's sound."""

    def perform(self, bell: Callable[[], str]) -> str:
        return bell()


def ring_or_ask(entity: Entity[Words], event: Event[Asked]) -> Decision[Words]:
    if event.data.question == "ring":
        return Perform(Ring(), lambda entity, sound: Save(Words((*(entity.state or Words()).words, sound))))
    return on_asked(entity, event)


def test_an_event_with_an_effect_is_counted_after_those_before_it_and_before_those_after_it() -> None:
    inboxes: list[tuple[str, ...]] = []

    def bell() -> str:
        inboxes.append(scenario.entity("a").inbox)
        return "ping"

    scenario = projection(ring_or_ask, port=bell)
    scenario.when_batch(asked("a", "who"), asked("a", "ring", 2), asked("a", "how", 3), asked("b", "who")).then(
        counters=times("ping", "how", who=2)
    )
    assert inboxes == [("test/1",)]
    assert scenario.entity("a").inbox == ("test/1", "test/2", "test/3")


def test_a_projection_may_announce_and_increment_in_the_same_transaction() -> None:
    def announce(entity: Entity[Words], event: Event[Asked]) -> Decision[Words]:
        if event.data.question != "why":
            return on_asked(entity, event)
        return Save(Words(("why",)), (Answered(text="because"),), (Increment("#shelf", {"left": 1}, row="tea"),))

    scenario = projection(announce)
    events = asked("a", "why"), asked("b", "why"), asked("a", "how", 2), asked("c", "how")
    scenario.when_batch(*events).then(announced=[Answered(text="because")] * 2)
    ((writes, increments),) = scenario.table.commits
    assert [(write.key, write.entity.announces) for write in writes] == [("a", True), ("b", True), ("c", False)]
    assert increments == (
        Increment("#shelf", {"left": 2}, row="tea"),
        Increment("#words#0", {"times": 2}, row="how"),
        Increment("#words#0", {"times": 2}, row="why"),
    )


@pytest.mark.parametrize("position", [0, 17, 49])
def test_an_entity_that_cannot_be_written_fails_alone(position: int) -> None:
    scenario = projection()
    scenario.table.commit_faults.at(f"entity-{position}", BROKEN)
    scenario.when_batch(*many(50)).then(failed=[f"test/entity-{position}/1"], counters=times(why=49))
    assert scenario.table.attempts == 1 + 50


def test_an_entity_that_cannot_be_read_fails_alone() -> None:
    scenario = projection()
    scenario.table.read_faults.at("entity-5", BROKEN)
    scenario.when_batch(*many(50)).then(failed=["test/entity-5/1"], counters=times(why=49))


def test_an_entity_that_cannot_be_decoded_fails_alone() -> None:
    scenario = projection()
    scenario.table.put(StoredEntity("entity-1", version=1, state="?"))
    scenario.when_batch(*many(3)).then(failed=["test/entity-1/1"], counters=times(why=2))
    assert len(scenario.table.commits) == 1


def test_without_any_answer_a_batch_ends_after_one_attempt_for_each_transaction_and_each_entity() -> None:
    scenario = projection()
    scenario.table.commit_faults.always(BROKEN)
    events = many(500)
    scenario.when_batch(*events).then(failed=[event.id for event in events])
    assert scenario.table.attempts == 6 + 500


@pytest.mark.parametrize("fault", [lost_answer, duplicate_request])
def test_a_transaction_whose_answer_was_lost_counts_once(fault: Fault) -> None:
    scenario = projection()
    scenario.table.commit_faults.next(fault)
    scenario.when_batch(*many(10)).then(counters=times(why=10))


def test_an_event_that_failed_counts_once_when_it_comes_again() -> None:
    scenario = projection()
    scenario.table.commit_faults.next(lost_answer)
    scenario.when(asked("a", "why")).then(failed=["test/a/1"])
    scenario.when(asked("a", "why")).then(counters=times(why=1))


def test_messages_fail_one_by_one_and_are_counted_together() -> None:
    scenario = projection(refuse_poison)
    scenario.table.commit_faults.at("entity-2", BROKEN)
    poison = asked("entity-3", "poison", 2)
    outcome = scenario.when_batch(*many(5), "no JSON", poison)
    assert outcome.errors.keys() == {"test/entity-2/1", "no JSON", poison.id}
    assert {letter.message.id: letter.reason for letter in outcome.dead_letters} == {
        "no JSON": "undecodable",
        poison.id: "poison",
    }
    assert scenario.table.counters() == times(why=4)


# Version conflicts and contention


def test_after_a_version_conflict_the_handler_decides_on_what_was_found_without_a_read() -> None:
    scenario = projection()
    rival = asked("entity-3", "how", 2)
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(rival)))
    scenario.when_batch(*many(10)).then(counters=times(why=10, how=1))
    assert len(scenario.table.reads) == 2  # one each


def test_the_same_batch_at_two_consumers_counts_once() -> None:
    scenario = projection()
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.when_batch(*many(10)).then()))
    scenario.when_batch(*many(10)).then(counters=times(why=10))


def test_an_entity_whose_optimistic_create_lost_is_decided_again_on_what_was_found_without_a_read() -> None:
    scenario = projection(creates=True)
    rivals = [asked("entity-3", "how", 2), asked("entity-4", "who", 2)]
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(*rivals)))
    scenario.when_batch(*many(10)).then(counters=times("how", "who", why=10))
    assert scenario.table.reads == []
    assert [len(writes) for writes, _ in scenario.table.commits] == [1, 1, 8, 2]


def test_after_a_transaction_conflict_it_pauses_and_commits_the_same_transaction() -> None:
    scenario = projection(shards=4)
    scenario.table.commit_faults.next(transaction_conflict, transaction_conflict)
    scenario.when_batch(*many(10)).then(counters=times(why=10))
    assert scenario.pauses == [0, 1]
    assert len(scenario.table.commits) == len(scenario.table.shards()) == 1


def test_a_batch_of_endless_transaction_conflicts_is_retried_later() -> None:
    scenario = projection()
    events = many(10)
    scenario.table.commit_faults.always(transaction_conflict)
    outcome = scenario.when_batch(*events)
    outcome.then(failed=[event.id for event in events])
    outcome.then_fails(ContentionError)
    assert scenario.table.attempts == MAX_BATCH_ATTEMPTS
    scenario.table.commit_faults.clear()
    scenario.when_batch(*events).then(counters=times(why=10))


def test_a_single_entity_of_endless_transaction_conflicts_is_retried_later() -> None:
    scenario = projection()
    scenario.table.commit_faults.always(transaction_conflict)
    scenario.when_batch(asked("a", "why")).then_fails(ContentionError)
    assert scenario.table.attempts == MAX_ATTEMPTS


def test_an_entity_that_loses_to_rivals_on_every_attempt_is_retried_alone() -> None:
    scenario = projection()
    faults, numbers = scenario.table.commit_faults, count(2)

    def rival_writes(call: Callable[[], T]) -> T:
        faults.clear()
        scenario.given(asked("entity-3", "how", next(numbers)))
        faults.always(rival_writes)
        return call()

    faults.always(rival_writes)
    scenario.when_batch(*many(10)).then(failed=["test/entity-3/1"], counters=times(why=9, how=1))


def test_interleaved_consumers_count_each_event_once(rng: random.Random) -> None:
    events = [asked(f"entity-{e}", f"w{e % 4} x{n}", n) for e in range(6) for n in range(1, 4)]
    expected = Counter(word for e in range(6) for word in {f"w{e % 4}", "x1", "x2", "x3"})
    for _ in range(100):
        scenario = projection(shards=3)

        def interfere(call: Callable[[], T], scenario: Scenario[Words] = scenario) -> T:
            if rng.random() < 0.5:
                scenario.when_batch(*rng.sample(events, rng.randint(1, 9)))
            fault: Fault = rng.choice([proceed, transaction_conflict, lost_answer])
            return fault(call)

        while sum(len(scenario.entity(f"entity-{e}").inbox) for e in range(6)) < len(events):
            scenario.table.commit_faults.next(*[interfere] * rng.randint(0, 6))
            scenario.when_batch(*rng.choices(events, k=rng.randint(1, 30)))
        assert scenario.table.counters() == times(**expected)


def ask_again(entity: Entity[Words], event: Event[Asked]) -> Decision[Words]:
    """Replace the entity's words, so that the sequence of an entity's events matters."""
    if event.data.question == "again" and entity.state is None:
        return Skip()
    if event.data.question == "ring":
        return ring_or_ask(entity, event)
    return Save(Words(tuple(event.data.question.split())))


def test_events_decided_in_batches_are_counted_like_events_decided_one_by_one(rng: random.Random) -> None:
    for _ in range(200):
        creates, shards = rng.random() < 0.5, rng.randint(1, 3)
        # A handler that skips an event of a new entity creates none.
        questions = ("", "ring", "why", "how", "why how", "who why what", *([] if creates else ["again"] * 3))
        events = [asked(f"entity-{rng.randrange(5)}", rng.choice(questions), n + 1) for n in range(rng.randint(1, 25))]
        events += rng.choices(events, k=5)
        one_by_one, batches = (projection(ask_again, creates=creates, shards=shards, port=lambda: "ping") for _ in "ab")
        one_by_one.when(*events).then()
        todo = list(events)
        while todo:
            size = rng.randint(1, len(todo))
            batches.when_batch(*todo[:size]).then()
            todo = todo[size:]
        assert batches.table.counters() == one_by_one.table.counters()
        for entity in {event.subject for event in events}:
            one, other = one_by_one.entity(entity), batches.entity(entity)
            assert (one.state, one.inbox) == (other.state, other.inbox)
        assert batches.table.counters() == sum_of_contributions(batches, events)


def sum_of_contributions(scenario: Scenario[Words], events: Sequence[Event[Any]]) -> dict[CounterKey, int]:
    sums: Counter[CounterKey] = Counter()
    for entity in {event.subject for event in events}:
        sums.update(contribution(scenario.state(entity) or Words()))
    return dict(sums)


# Without preparation


def executor_of(scenario: Scenario[Words]) -> BatchExecutor[Words]:
    return BatchExecutor(scenario.executor, InlineExecutor())


def handle(executor: BatchExecutor[Words], event: Event[Any]) -> None:
    executor.open_entity(event.subject)(event, 0)


def test_events_that_were_not_prepared_are_counted_one_by_one() -> None:
    scenario = projection()
    executor = executor_of(scenario)
    for event in many(5):
        handle(executor, event)
    assert len(scenario.table.commits) == 5
    assert scenario.table.counters() == times(why=5)


def test_an_event_that_failed_is_counted_in_a_later_batch_of_the_same_process() -> None:
    scenario = projection()
    executor = executor_of(scenario)
    scenario.table.commit_faults.at("entity-2", BROKEN)
    events = many(5)
    executor.prepare(events)
    with pytest.raises(TimeoutError):
        handle(executor, events[2])
    for event in (*events[:2], *events[3:]):
        handle(executor, event)
    scenario.table.commit_faults.clear()
    executor.prepare([events[2]])
    handle(executor, events[2])
    assert scenario.table.counters() == times(why=5)


def test_a_failed_preparation_fails_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_executor: object, _events: object) -> None:
        raise TimeoutError("no answer")

    monkeypatch.setattr(BatchExecutor, "prepare", broken)
    projection().when_batch(*many(5)).then(counters=times(why=5))
