"""Batches, by a small service that lends units of shelves: to each entity all that it wants, or nothing."""

import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, count
from typing import Any, TypeVar

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tidings.core.contract import Contract
from tidings.core.decisions import ConditionFailed, Decision, Increment, Perform, Save, Skip, sum_increments
from tidings.core.entity import Entity, InProgress, StoredEntity, reserved_key
from tidings.core.errors import ContentionError, RetryableError
from tidings.core.event import Event
from tidings.core.ports import MAX_ACTIONS, MAX_TRANSACTION_BYTES, ConditionFailedError, EntityWrite
from tidings.core.service import Service, on
from tidings.core.strategy import Batched
from tidings.handling.batch import allocate, group_by_shared_items, pack
from tidings.handling.executor import HandlerExecutor, Proposal
from tidings.handling.retries import MAX_BATCH_ATTEMPTS
from tidings.testing import (
    FUNCTION_SECONDS,
    Fault,
    MemoryTable,
    Scenario,
    fails,
    given,
    lost_answer,
    make_event,
    preceded_by,
    transaction_conflict,
)

T = TypeVar("T")


class Wanted(Contract, frozen=True, kw_only=True):
    producer = "test"

    units: dict[str, int]
    undecidable: bool = False


class Returned(Contract, frozen=True, kw_only=True):
    producer = "test"


class Donated(Contract, frozen=True, kw_only=True):
    producer = "test"

    units: dict[str, int]


class Praised(Contract, frozen=True, kw_only=True):
    producer = "test"


class Lent(Contract, frozen=True, kw_only=True):
    producer = "lending"


class Refused(Contract, frozen=True, kw_only=True):
    producer = "lending"

    short: tuple[str, ...]


class TakenBack(Contract, frozen=True, kw_only=True):
    producer = "lending"


class Thanked(Contract, frozen=True, kw_only=True):
    producer = "lending"


class Loan(Struct, frozen=True):
    units: dict[str, int] = {}
    closed: bool = False
    praise: str = ""


def shelf(name: str) -> str:
    return reserved_key("shelf", name)


def move(units: Mapping[str, int], sign: int) -> tuple[Increment, ...]:
    return tuple(
        Increment(shelf(name), {"left": -sign * n, "lent": sign * n}, at_least={"left": n} if sign > 0 else {"lent": n})
        for name, n in units.items()
    )


def on_wanted(entity: Entity[Loan], event: Event[Wanted]) -> Decision[Loan]:
    if event.data.undecidable:
        raise TimeoutError("undecided")
    loan = entity.state or Loan()
    if loan.units or loan.closed:
        return Skip()
    units = event.data.units
    return Save(replace(loan, units=units), (Lent(),), move(units, 1), otherwise=refuse)


def refuse(_entity: Entity[Loan], failed: ConditionFailed) -> Decision[Loan]:
    short = tuple(f"{increment.key}={(found or {}).get('left', 0)}" for increment, found in failed.failures)
    return Save(Loan(closed=True), (Refused(short=short),))


def on_returned(entity: Entity[Loan], _event: Event[Returned]) -> Decision[Loan]:
    if entity.state is None:
        return Save(Loan(closed=True))
    return Save(Loan(closed=True), (TakenBack(),), move(entity.state.units, -1))


def on_donated(entity: Entity[Loan], event: Event[Donated]) -> Decision[Loan]:
    given_units = tuple(Increment(shelf(name), {"left": n}) for name, n in event.data.units.items())
    return Save(entity.state or Loan(), (Thanked(),), given_units)


class Ask:
    """An effect that returns the praise's text."""

    def perform(self, port: Callable[[], str]) -> str:
        return port()


def on_praised(_entity: Entity[Loan], _event: Event[Praised]) -> Decision[Loan]:
    return Perform(Ask(), lambda entity, text: Save(replace(entity.state or Loan(), praise=text)))


SERVICE = Service(
    name="lending",
    state=Loan,
    announces=(Lent, Refused, TakenBack, Thanked),
    handlers=(
        on(Wanted, on_wanted, creates=True),
        on(Returned, on_returned),
        on(Donated, on_donated),
        on(Praised, on_praised),
    ),
    strategy=Batched(batch=None),
)


def lending(**left: int) -> Scenario[Loan]:
    return given(SERVICE, numbers={shelf(name): {"left": n, "lent": 0} for name, n in left.items()})


def wanted(n: int, **units: int) -> Event[Wanted]:
    return make_event(Wanted(units=units or {"tea": 1}), subject=f"entity-{n}")


def returned(n: int) -> Event[Returned]:
    return make_event(Returned(), subject=f"entity-{n}", number=2)


def donated(n: int, number: int = 3, **units: int) -> Event[Donated]:
    return make_event(Donated(units=units or {"tea": 1}), subject=f"entity-{n}", number=number)


def praised(n: int, number: int = 4) -> Event[Praised]:
    return make_event(Praised(), subject=f"entity-{n}", number=number)


def levels(scenario: Scenario[Loan], name: str) -> tuple[int, int]:
    """The units of a shelf that are left, and those that are lent."""
    numbers = scenario.table.numbers(shelf(name))
    return numbers.get("left", 0), numbers.get("lent", 0)


def transactions(scenario: Scenario[Loan]) -> list[list[str]]:
    """The entities of each commit."""
    return [[write.key for write in writes] for writes, _ in scenario.table.commits]


def announced(scenario: Scenario[Loan], *events: Event[Any]) -> list[str]:
    return [type(data).__name__ for event in events for data in scenario.announced(event.subject)]


def failed(*events: Event[Any]) -> list[str]:
    return [event.id for event in events]


def proceed(call: Callable[[], T]) -> T:
    """Make the call without a fault."""
    return call()


# The plan


def proposals(*units: Mapping[str, int], size: int = 0) -> Iterator[Proposal[Loan]]:
    executor = HandlerExecutor(SERVICE, MemoryTable())
    for n, wants in enumerate(units):
        key = f"entity-{n}"
        write = EntityWrite(StoredEntity(key, version=1, state="x" * size), 0)
        yield Proposal(executor.entity(key), (), Entity(key), write, move(wants, 1))


def keys(group: Sequence[Proposal[Loan]]) -> list[str]:
    return [proposal.write.key for proposal in group]


def test_groups_share_no_item_and_a_proposal_that_shares_nothing_is_in_no_group() -> None:
    found = group_by_shared_items(proposals({"a": 1}, {"b": 1}, {"a": 1, "c": 1}, {"d": 1}, {"d": 2}))
    assert sorted(sorted(keys(group)) for group in found) == [["entity-0", "entity-2"], ["entity-3", "entity-4"]]


def test_groups_that_a_later_proposal_connects_are_one() -> None:
    (group,) = group_by_shared_items(proposals({"a": 1}, {"b": 1}, {"a": 1, "b": 1}))
    assert sorted(keys(group)) == ["entity-0", "entity-1", "entity-2"]


def test_without_proposals_there_is_no_transaction() -> None:
    assert pack(proposals()) == []


@pytest.mark.parametrize(("entities", "sizes"), [(99, [99]), (100, [99, 1]), (150, [99, 51]), (199, [99, 99, 1])])
def test_a_transaction_takes_99_entities_that_increment_the_same_item(entities: int, sizes: list[int]) -> None:
    assert [len(part) for part in pack(proposals(*[{"a": 1}] * entities))] == sizes


def test_a_transaction_takes_50_entities_with_an_item_each() -> None:
    assert [len(part) for part in pack(proposals(*[{f"{n}": 1} for n in range(51)]))] == [50, 1]


def test_a_proposal_joins_the_transaction_that_has_its_items() -> None:
    one, other = ({f"{shelf}{n}": 1 for n in range(60)} for shelf in "ab")
    packed = pack(proposals(one, other, dict(list(other.items())[:50])))
    assert [keys(part) for part in packed] == [["entity-0"], ["entity-1", "entity-2"]]


def test_a_transaction_stays_within_its_bytes() -> None:
    parts = pack(proposals(*[{"a": 1}] * 3, size=MAX_TRANSACTION_BYTES // 3))
    assert [keys(part) for part in parts] == [["entity-0", "entity-1"], ["entity-2"]]


def test_every_plan_has_each_proposal_once_and_stays_within_the_limits(rng: random.Random) -> None:
    for _ in range(200):
        shelves = [f"{n}" for n in range(rng.randint(1, 300))]
        wants = [
            dict.fromkeys(rng.sample(shelves, min(len(shelves), rng.randint(0, 99))), 1)
            for _ in range(rng.randint(0, 60))
        ]
        every = list(proposals(*wants))
        packed = pack(every)
        assert sorted(chain(*map(keys, packed))) == sorted(keys(every))
        for part in packed:
            assert len(part) + len(summed(part)) <= MAX_ACTIONS


def summed(part: Sequence[Proposal[Loan]]) -> tuple[Increment, ...]:
    return sum_increments(increment for proposal in part for increment in proposal.increments)


def test_increments_of_one_item_are_summed_with_their_minimums() -> None:
    a, b = summed(list(proposals({"a": 1}, {"a": 2, "b": 5})))
    assert a == Increment(shelf("a"), {"left": -3, "lent": 3}, {"left": 3})
    assert b == Increment(shelf("b"), {"left": -5, "lent": 5}, {"left": 5})


def test_the_rows_of_one_key_are_different_items() -> None:
    x, y, more = (Increment("#a", {n: 1}, start={n: 5}, row=row) for n, row in (("n", "x"), ("n", "y"), ("m", "x")))
    assert sum_increments([x, y, more]) == (Increment("#a", {"n": 1, "m": 1}, start={"n": 5, "m": 5}, row="x"), y)


def test_a_sum_has_the_condition_and_the_effect_of_its_increments_one_after_another(rng: random.Random) -> None:
    def holds(found: Mapping[str, int], increment: Increment) -> bool:
        return all(found[name] >= least for name, least in increment.at_least.items())

    def after(found: Mapping[str, int], increment: Increment) -> dict[str, int]:
        return {name: n + increment.add.get(name, 0) for name, n in found.items()}

    def any_numbers() -> dict[str, int]:
        return {name: rng.randint(-3, 3) for name in rng.sample("xyz", rng.randint(0, 3))}

    for _ in range(1_000):
        each = [Increment("#a", any_numbers(), any_numbers()) for _ in range(rng.randint(1, 4))]
        found = start = {name: rng.randint(-5, 5) for name in "xyz"}
        expected = True
        for increment in each:
            expected, found = expected and holds(found, increment), after(found, increment)
        (total,) = sum_increments(each)
        assert (holds(start, total), after(start, total)) == (expected, found)


def test_a_sum_of_increments_that_start_from_the_same_numbers_is_their_sequence(rng: random.Random) -> None:
    def commits(table: MemoryTable, increments: Sequence[Increment]) -> bool:
        write = EntityWrite(StoredEntity(f"entity-{table.attempts}", 1, "{}"), 0)
        with suppress(ConditionFailedError):
            table.commit([write], increments)
            return True
        return False

    def any_numbers(least: int) -> dict[str, int]:
        return {name: rng.randint(-3, 3) for name in rng.sample("xyz", rng.randint(least, 3))}

    for _ in range(500):
        found, start = any_numbers(0), {name: rng.randint(-2, 4) for name in "xyz"}
        each = [Increment("#a", any_numbers(1), any_numbers(0), start) for _ in range(rng.randint(1, 3))]
        one_by_one, together = MemoryTable(), MemoryTable()
        for table in (one_by_one, together):
            table.put_numbers("#a", found)
        expected = all(commits(one_by_one, [increment]) for increment in each)
        assert commits(together, sum_increments(each)) == expected
        assert not expected or together.items == one_by_one.items


def test_the_sum_of_increments_expires_when_the_first_says_that_names_a_time() -> None:
    never, first, second = (Increment("#a", {"n": 1}, expires=expires) for expires in (None, 7, 9))
    sums = [sum_increments(pair) for pair in ((never, first), (first, never), (first, second), (never, never))]
    assert [total.expires for (total,) in sums] == [7, 7, 7, None]


def test_numbers_that_do_not_suffice_are_allocated_first_come_first_served() -> None:
    every = list(proposals({"a": 2}, {"a": 2}, {"a": 1}, {"a": 4}, {"b": 9}))
    allocation = allocate(every, ConditionFailed(((move({"a": 1}, 1)[0], {"left": 3, "lent": 0}),)))
    assert keys(allocation.now) == ["entity-0", "entity-2", "entity-4"]
    assert keys(allocation.later) == ["entity-1"]
    ((never, why),) = allocation.never
    assert (never.write.key, why.failures) == ("entity-3", ((never.increments[0], {"left": 3, "lent": 0}),))


def test_what_a_proposal_gives_back_is_allocated_to_those_after_it() -> None:
    every = list(proposals({"a": -2}, {"a": 2}, {"a": 2}, {"a": 5}))
    condition = Increment(shelf("a"), {}, {"left": 1, "lent": 1})
    allocation = allocate(every, ConditionFailed(((condition, {"left": 1, "lent": 9}),)))
    assert keys(allocation.now) == ["entity-0", "entity-1"]
    assert keys(allocation.later) == ["entity-2"]
    assert [never.write.key for never, _ in allocation.never] == ["entity-3"]


def test_of_numbers_that_are_missing_their_start_is_allocated() -> None:
    starting = partial(dataclasses.replace, start={"left": 3})
    every = [
        dataclasses.replace(proposal, increments=tuple(map(starting, proposal.increments)))
        for proposal in proposals({"a": 1}, {"a": 2}, {"a": 1}, {"a": 4})
    ]
    allocation = allocate(every, ConditionFailed(((every[0].increments[0], None),)))
    assert keys(allocation.now) == ["entity-0", "entity-1"]
    assert keys(allocation.later) == ["entity-2"]
    assert [never.write.key for never, _ in allocation.never] == ["entity-3"]


def test_of_an_item_that_does_not_exist_nothing_is_allocated() -> None:
    allocation = allocate(list(proposals({"a": 1})), ConditionFailed(((move({"a": 1}, 1)[0], None),)))
    assert (allocation.now, allocation.later, len(allocation.never)) == ([], [], 1)


# Transactions


def test_entities_that_increment_the_same_item_are_committed_in_one_transaction() -> None:
    scenario, events = lending(tea=10), [wanted(n) for n in range(4)]
    scenario.when_batch(*events).then(announced=[Lent()] * 4, writes=4)
    assert transactions(scenario) == [[event.subject for event in events]]
    assert (scenario.table.reads, scenario.table.attempts) == ([], 1)
    assert levels(scenario, "tea") == (6, 4)


def test_entities_that_increment_different_items_are_committed_separately() -> None:
    scenario = lending(tea=10, cup=10)
    scenario.when_batch(wanted(1, tea=1), wanted(2, cup=1)).then()
    assert transactions(scenario) == [["entity-1"], ["entity-2"]]


def test_entities_that_share_an_item_through_a_third_are_committed_together() -> None:
    scenario = lending(tea=10, cup=10, pot=10)
    scenario.when_batch(wanted(1, tea=1), wanted(2, pot=1), wanted(3, pot=2, tea=2)).then()
    assert [sorted(each) for each in transactions(scenario)] == [["entity-1", "entity-2", "entity-3"]]
    assert levels(scenario, "tea") == (7, 3)


def test_more_entities_than_a_transaction_takes_are_committed_in_several() -> None:
    scenario = lending(tea=1000)
    scenario.when_batch(*[wanted(n) for n in range(150)]).then()
    assert [len(each) for each in transactions(scenario)] == [99, 51]
    assert levels(scenario, "tea") == (850, 150)


def test_a_single_entity_is_committed_by_itself() -> None:
    scenario = lending(tea=10)
    scenario.when_batch(wanted(1)).then()
    assert transactions(scenario) == [["entity-1"]]


def test_entities_that_are_not_created_are_read_together_and_committed_together() -> None:
    scenario = lending(tea=10).given(wanted(1), wanted(2))
    scenario.when_batch(returned(1), returned(2), returned(3)).then(announced=[TakenBack()] * 2, writes=3)
    assert scenario.table.reads == [("entity-1", "entity-2", "entity-3")]
    assert transactions(scenario)[2:] == [["entity-1", "entity-2"], ["entity-3"]]
    assert levels(scenario, "tea") == (10, 0)


def test_an_entity_that_alone_exceeds_a_transaction_delays_no_other() -> None:
    scenario = lending(tea=10)
    many = donated(1, tea=1, **{f"shelf-{n}": 1 for n in range(1, MAX_ACTIONS)})
    scenario.when_batch(many, wanted(2), wanted(3)).then(failed=[many.id])
    assert scenario.queue.dead_letters[0].reason == "too-large"
    assert transactions(scenario) == [["entity-2", "entity-3"]]
    assert scenario.table.attempts == 1


# Conditions that fail


def test_numbers_that_do_not_suffice_for_all_go_to_the_first() -> None:
    scenario, events = lending(tea=3), [wanted(n) for n in range(5)]
    scenario.when_batch(*events).then()
    assert announced(scenario, *events) == ["Lent"] * 3 + ["Refused"] * 2
    assert levels(scenario, "tea") == (0, 3)


def test_of_more_entities_than_a_transaction_takes_the_first_are_committed_first() -> None:
    scenario, events = lending(tea=110), [wanted(n) for n in range(150)]
    scenario.when_batch(*events).then()
    assert announced(scenario, *events) == ["Lent"] * 110 + ["Refused"] * 40


def test_units_that_come_back_in_a_batch_are_lent_in_the_same_transaction() -> None:
    scenario, events = lending(tea=1).given(wanted(1)), [wanted(2), wanted(3)]
    scenario.when_batch(returned(1), *events).then()
    assert announced(scenario, *events) == ["Lent", "Refused"]
    assert transactions(scenario)[1:] == [["entity-1", "entity-2"], ["entity-3"]]
    assert levels(scenario, "tea") == (0, 1)


def test_an_entity_that_wants_too_much_does_not_delay_one_that_wants_less() -> None:
    scenario, events = lending(tea=3), [wanted(1, tea=2), wanted(2, tea=2), wanted(3, tea=1)]
    scenario.when_batch(*events).then()
    assert announced(scenario, *events) == ["Lent", "Refused", "Lent"]
    assert levels(scenario, "tea") == (0, 3)


def test_entities_that_want_what_is_gone_are_refused_by_one_write_each() -> None:
    scenario, events = lending(tea=0), [wanted(n) for n in range(5)]
    scenario.when_batch(*events).then(announced=[Refused(short=("#shelf#tea=0",))] * 5, writes=5)
    assert (scenario.table.reads, scenario.table.attempts) == ([], 1 + 5)
    assert all(len(each) == 1 for each in transactions(scenario))


def test_entities_that_want_what_never_existed_are_refused() -> None:
    scenario, events = lending(), [wanted(1), wanted(2)]
    scenario.when_batch(*events).then(announced=[Refused(short=("#shelf#tea=0",))] * 2)


def test_an_entity_is_not_refused_what_its_neighbour_wanted_and_did_not_get() -> None:
    scenario, events = lending(tea=2, cup=0), [wanted(1, tea=2, cup=1), wanted(2, tea=2)]
    scenario.when_batch(*events).then()
    assert announced(scenario, *events) == ["Refused", "Lent"]


def test_a_condition_without_otherwise_fails_only_its_own_entity() -> None:
    scenario = lending(tea=2).given(wanted(1), wanted(2))
    scenario.table.put_numbers(shelf("tea"), {"left": 0, "lent": 1})  # one unit is lost
    outcome = scenario.when_batch(returned(1), returned(2))
    outcome.then(failed=[returned(2).id])
    outcome.then_fails(RetryableError, "the condition of an increment failed")
    assert levels(scenario, "tea") == (1, 0)


# Duplicates and later events


def test_a_duplicate_changes_nothing_and_delays_no_other_entity() -> None:
    scenario = lending(tea=10)
    scenario.when_batch(wanted(1)).then()
    scenario.when_batch(wanted(1), wanted(2)).then()
    scenario.when_batch(wanted(1), wanted(2), wanted(3)).then()
    assert levels(scenario, "tea") == (7, 3)
    assert announced(scenario, wanted(1), wanted(2), wanted(3)) == ["Lent"] * 3
    assert scenario.table.reads == []


def test_an_event_twice_in_a_batch_is_handled_once() -> None:
    scenario = lending(tea=10)
    scenario.when_batch(wanted(1), wanted(1), wanted(2)).then(writes=2)
    assert levels(scenario, "tea") == (8, 2)


def test_a_later_event_of_the_same_batch_finds_the_entity_that_was_committed_together() -> None:
    scenario = lending(tea=10)
    scenario.when_batch(wanted(1), returned(1), wanted(2)).then()
    assert announced(scenario, wanted(1)) == ["Lent", "TakenBack"]
    assert levels(scenario, "tea") == (9, 1)


def test_an_entity_that_increments_nothing_is_handled_by_itself() -> None:
    scenario = lending(tea=10)
    scenario.when_batch(returned(1), wanted(1), wanted(2), wanted(3)).then()
    assert announced(scenario, wanted(1)) == []
    assert levels(scenario, "tea") == (8, 2)
    assert sorted(transactions(scenario)) == [["entity-1"], ["entity-2", "entity-3"]]


def test_several_events_of_one_entity_are_one_write() -> None:
    scenario = lending(tea=10)
    outcome = scenario.when_batch(donated(1, 3), donated(1, 4, tea=2), donated(1, 3), donated(2))
    outcome.then(announced=[Thanked()] * 3, writes=2)
    entity = scenario.entity("entity-1")
    assert (entity.version, entity.inbox) == (1, ("test/3", "test/4"))
    first, second, _ = outcome.events
    assert (first.causationid, second.causationid) == (donated(1, 3).id, donated(1, 4).id)
    assert (first.number, second.number) == (1, 2)
    assert first.millis < second.millis
    assert levels(scenario, "tea") == (14, 0)


def test_a_save_whose_condition_may_fail_is_committed_without_the_entitys_other_events() -> None:
    scenario = lending(tea=10)
    scenario.when_batch(donated(1), wanted(1), wanted(2), returned(2)).then()
    assert transactions(scenario) == [["entity-1", "entity-2"], ["entity-1"], ["entity-2"]]
    assert scenario.entity("entity-1").inbox == ("test/3", "test/1")


def test_an_event_that_needs_more_than_a_save_waits_until_those_before_it_are_written() -> None:
    def look() -> str:
        return ",".join(scenario.entity("entity-1").inbox)

    scenario = lending(tea=10)
    scenario.port = look
    scenario.when_batch(donated(1, 3), praised(1, 4), donated(1, 5), donated(2)).then(writes=4)
    entity = scenario.entity("entity-1")
    assert entity.inbox == ("test/3", "test/4", "test/5")
    assert entity.state == Loan(praise="test/3")
    assert transactions(scenario) == [["entity-1", "entity-2"], ["entity-1"], ["entity-1"]]


def test_an_entity_with_an_effect_in_progress_is_handled_by_itself() -> None:
    scenario, event = lending(tea=10), donated(1)
    deadline = scenario.clock() + 1000
    scenario.store(Entity("entity-1", 1, Loan(), in_progress={"test/3": InProgress("other", deadline)}))
    outcome = scenario.when_batch(event, donated(2), donated(3))
    outcome.then(failed=[event.id])
    outcome.then_fails(RetryableError, "another delivery of test/3 is in progress")
    assert transactions(scenario) == [["entity-2", "entity-3"]]


def test_an_event_that_began_too_late_is_a_duplicate_when_it_comes_again() -> None:
    def late(call: Callable[[], T]) -> T:
        scenario.clock.advance(seconds=FUNCTION_SECONDS)
        return call()

    scenario, events = lending(tea=10), [wanted(1), wanted(2)]
    scenario.table.commit_faults.next(late)
    scenario.when_batch(*events).then(writes=2)
    assert set(scenario.queue.delays.values()) == {0}
    scenario.when_batch(*events).then(writes=0)
    assert levels(scenario, "tea") == (8, 2)


# Faults


def test_after_transaction_conflicts_entities_are_committed_together() -> None:
    scenario = lending(tea=10)
    scenario.table.commit_faults.next(transaction_conflict, transaction_conflict)
    scenario.when_batch(wanted(1), wanted(2)).then()
    assert transactions(scenario) == [["entity-1", "entity-2"]]
    assert scenario.pauses == [0, 1]


def test_a_proposal_that_a_full_transaction_leaves_over_is_committed_after_it() -> None:
    scenario = lending(tea=1000)
    scenario.table.commit_faults.next(proceed, transaction_conflict)
    scenario.when_batch(*[wanted(n) for n in range(100)]).then(writes=100)
    assert [len(each) for each in transactions(scenario)] == [99, 1]
    assert (scenario.table.attempts, scenario.pauses) == (3, [0])


def test_each_transaction_has_as_many_attempts() -> None:
    scenario = lending(tea=1000)
    conflicts = [transaction_conflict] * (MAX_BATCH_ATTEMPTS - 1)
    scenario.table.commit_faults.next(*conflicts, proceed, *conflicts)
    scenario.when_batch(*[wanted(n) for n in range(150)]).then()
    assert [len(each) for each in transactions(scenario)] == [99, 51]


def test_after_endless_transaction_conflicts_events_are_retried_later_and_nothing_is_written() -> None:
    scenario, events = lending(tea=10), [wanted(1), wanted(2)]
    scenario.table.commit_faults.next(*[transaction_conflict] * MAX_BATCH_ATTEMPTS)
    outcome = scenario.when_batch(*events)
    outcome.then(failed=failed(*events), writes=0)
    outcome.then_fails(ContentionError)
    scenario.when_batch(*events).then()
    assert levels(scenario, "tea") == (8, 2)


def test_entities_whose_transaction_failed_are_committed_one_by_one() -> None:
    scenario = lending(tea=10)
    scenario.table.commit_faults.next(fails(TimeoutError("no answer")))
    scenario.when_batch(wanted(1), wanted(2)).then()
    assert transactions(scenario) == [["entity-1"], ["entity-2"]]
    assert levels(scenario, "tea") == (8, 2)


def test_an_entity_that_cannot_be_written_fails_alone() -> None:
    scenario = lending(tea=10)
    scenario.table.commit_faults.at("entity-2", fails(TimeoutError("no answer")))
    scenario.when_batch(*[wanted(n) for n in range(5)]).then(failed=[wanted(2).id])
    assert levels(scenario, "tea") == (6, 4)


def test_an_entity_that_cannot_be_read_fails_alone() -> None:
    scenario = lending(tea=10)
    scenario.table.read_faults.at("entity-2", fails(TimeoutError("no answer")))
    scenario.when_batch(*[donated(n) for n in range(5)]).then(failed=[donated(2).id])
    assert levels(scenario, "tea") == (14, 0)


@pytest.mark.parametrize("event", [wanted(2), donated(2)], ids=["created", "read"])
def test_an_entity_that_cannot_be_decoded_fails_alone(event: Event[Any]) -> None:
    scenario = lending(tea=10)
    scenario.table.put(StoredEntity("entity-2", version=1, state="?"))
    scenario.when_batch(wanted(1), event, wanted(3), wanted(4)).then(failed=[event.id])
    assert transactions(scenario) == [["entity-1", "entity-3", "entity-4"]]


def test_a_batch_that_cannot_be_read_is_handled_one_by_one() -> None:
    scenario = lending(tea=10)
    scenario.table.read_faults.next(fails(TimeoutError("no answer")))
    scenario.when_batch(donated(1), donated(1, 4), donated(2)).then()
    assert transactions(scenario) == [["entity-1"], ["entity-1"], ["entity-2"]]
    assert scenario.table.reads == [("entity-1", "entity-2"), ("entity-1",), ("entity-2",)]


def test_without_any_answer_a_batch_ends_after_one_attempt_for_each_transaction_and_each_entity() -> None:
    scenario, events = lending(tea=1000), [wanted(n) for n in range(150)]
    scenario.table.commit_faults.always(fails(TimeoutError("no answer")))
    scenario.when_batch(*events).then(failed=failed(*events))
    assert scenario.table.attempts == 2 + 150


def test_entities_whose_transactions_answer_was_lost_are_not_committed_again() -> None:
    scenario = lending(tea=10)
    scenario.table.commit_faults.next(lost_answer)
    scenario.when_batch(wanted(1), wanted(2)).then(announced=[Lent()] * 2)
    assert levels(scenario, "tea") == (8, 2)


def test_numbers_that_a_rival_takes_between_two_attempts_are_not_allocated_twice() -> None:
    scenario, events = lending(tea=3), [wanted(1), wanted(2), wanted(3)]
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(wanted(9, tea=2))))
    scenario.when_batch(*events).then()
    assert sorted(announced(scenario, *events)) == ["Lent", "Refused", "Refused"]
    assert levels(scenario, "tea") == (0, 3)


# Version conflicts


def test_an_entity_that_exists_already_is_decided_again_on_what_was_found_without_a_read() -> None:
    scenario = lending(tea=10).given(donated(1), donated(2), returned(3))
    scenario.table.reads.clear()
    scenario.when_batch(*[wanted(n) for n in range(1, 6)]).then(writes=4)
    assert scenario.table.reads == []
    assert transactions(scenario)[3:] == [["entity-4", "entity-5"], ["entity-1", "entity-2"]]
    assert levels(scenario, "tea") == (8, 4)


def test_a_rivals_write_does_not_delay_the_other_entities() -> None:
    scenario, events = lending(tea=10), [wanted(1), wanted(2), wanted(3)]
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(returned(2))))
    scenario.when_batch(*events).then(announced=[Lent()] * 2)
    assert transactions(scenario) == [["entity-2"], ["entity-1", "entity-3"]]
    assert levels(scenario, "tea") == (8, 2)


def test_after_a_version_conflict_a_failed_condition_is_decided_otherwise() -> None:
    scenario, events = lending(tea=2), [wanted(1), wanted(2), wanted(3), wanted(4)]

    def rival() -> None:
        scenario.given(donated(1), donated(2, tea=0), wanted(9, tea=3))

    scenario.table.commit_faults.next(preceded_by(rival))
    scenario.when_batch(*events).then()
    assert [announced(scenario, event)[-1] for event in events] == ["Refused"] * 4
    assert scenario.entity("entity-1").inbox == ("test/3", "test/1")
    assert levels(scenario, "tea") == (0, 3)


def test_an_entity_that_loses_to_rivals_on_every_attempt_fails_alone() -> None:
    scenario, numbers = lending(tea=10), count(3)
    faults = scenario.table.commit_faults

    def rival_writes(call: Callable[[], T]) -> T:
        faults.clear()
        scenario.given(donated(3, next(numbers)))
        faults.at("entity-3", rival_writes)
        return call()

    faults.at("entity-3", rival_writes)
    outcome = scenario.when_batch(*[wanted(n) for n in range(1, 6)])
    outcome.then(failed=[wanted(3).id])
    outcome.then_fails(ContentionError)
    assert announced(scenario, *(wanted(n) for n in (1, 2, 4, 5))) == ["Lent"] * 4


def test_an_event_whose_handler_raises_fails_alone() -> None:
    scenario = lending(tea=10)
    undecidable = make_event(Wanted(units={"tea": 1}, undecidable=True), subject="entity-2")
    scenario.when_batch(wanted(1), undecidable, wanted(3)).then(failed=[undecidable.id])
    assert transactions(scenario) == [["entity-1", "entity-3"]]


def test_under_any_faults_no_unit_is_lent_twice_and_no_entity_is_refused_what_is_left(rng: random.Random) -> None:
    faults: Sequence[Fault] = (fails(TimeoutError("no answer")), lost_answer, transaction_conflict)
    for _ in range(200):
        shelves = {name: rng.randrange(30) for name in ("tea", "cup")}
        scenario = lending(**shelves)
        events = [
            wanted(n, **{name: rng.randint(1, 4) for name in rng.choice([["tea"], ["cup"], ["tea", "cup"]])})
            for n in range(rng.randint(1, 20))
        ]
        todo = list(events)
        while todo:
            scenario.table.commit_faults.next(*rng.choices(faults, k=rng.randrange(4)))
            errors = scenario.when_batch(rng.choice(events), *todo).errors
            scenario.table.commit_faults.clear()
            todo = [event for event in todo if event.id in errors]
        require_consistent(scenario, shelves, events)


def require_consistent(scenario: Scenario[Loan], shelves: Mapping[str, int], events: list[Event[Wanted]]) -> None:
    assert len(announced(scenario, *events)) == len(events)
    for name, initial in shelves.items():
        lent = sum(event.data.units.get(name, 0) for event in events if announced(scenario, event) == ["Lent"])
        assert levels(scenario, name) == (initial - lent, lent)
        assert lent <= initial
    for event in events:
        if announced(scenario, event) == ["Refused"]:
            assert any(units > levels(scenario, name)[0] for name, units in event.data.units.items())


def test_under_any_faults_each_event_moves_its_units_once(rng: random.Random) -> None:
    faults: Sequence[Fault] = (fails(TimeoutError("no answer")), lost_answer, transaction_conflict)
    for _ in range(200):
        initial = rng.randrange(5)
        scenario = lending(tea=initial)
        scenario.port = lambda: "fine"
        loans, gifts = [wanted(n, tea=rng.randint(1, 2)) for n in range(6)], [donated(n, 3) for n in range(8)]
        calls = [praised(n) for n in range(4)]
        todo = [*loans, *gifts, *calls, *[returned(n) for n in range(3)]]
        rng.shuffle(todo)
        while todo:
            size = rng.randint(1, len(todo))
            scenario.table.commit_faults.next(*rng.choices(faults, k=rng.randrange(4)))
            errors = scenario.when_batch(*todo[:size], *rng.choices(todo[:size], k=2)).errors
            scenario.table.commit_faults.clear()
            todo = [event for event in todo[:size] if event.id in errors] + todo[size:]
        kinds = {event.subject: announced(scenario, event) for event in gifts}
        lent = sum(
            event.data.units["tea"]
            for event in loans
            if "Lent" in kinds[event.subject] and "TakenBack" not in kinds[event.subject]
        )
        assert levels(scenario, "tea") == (initial + len(gifts) - lent, lent)
        assert all(kinds[event.subject].count("Thanked") == 1 for event in gifts)


@pytest.mark.parametrize("many", [2, 40])
def test_a_batch_takes_one_write_for_each_entity(many: int) -> None:
    lending(tea=100).when_batch(*[wanted(n) for n in range(many)]).then(writes=many)
