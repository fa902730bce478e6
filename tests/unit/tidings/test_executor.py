import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import pytest
from msgspec import Struct

from tests.unit.tidings.example import Answered, Asked, Known, Repeated, add, answers
from tidings.core.decisions import ConditionFailed, Decision, Increment, Perform, Reject, Reserve, Save, Skip
from tidings.core.entity import Entity, MessageMetadata, reserved_key
from tidings.core.errors import (
    ContentionError,
    NewerReleaseError,
    PermanentError,
    RetryableError,
    ThrottledError,
    UntriedError,
)
from tidings.core.event import Event
from tidings.core.formats import since
from tidings.core.ports import MAX_ACTIONS
from tidings.core.service import Index, Service, on
from tidings.handling.retries import MAX_ATTEMPTS
from tidings.testing import (
    CORRELATION_ID,
    FUNCTION_SECONDS,
    SUBJECT,
    TRACEPARENT,
    Execute,
    Fault,
    Scenario,
    duplicate_request,
    fails,
    given,
    lost_answer,
    make_event,
    preceded_by,
    transaction_conflict,
)

ASKED = make_event(Asked(question="one"))
ASKED_AGAIN = make_event(Asked(question="two"), number=2)
COMMAND = MessageMetadata(CORRELATION_ID, TRACEPARENT, ASKED.millis)


class Bell:
    """A port outside: it counts its rings, and something may happen, or fail, after each."""

    def __init__(self, *consequences: Callable[[], object]) -> None:
        self.rung: list[str] = []
        self._consequences = list(consequences)

    def ring(self, question: str) -> str:
        self.rung.append(question)
        ring = f"ring {len(self.rung)}"
        if self._consequences:
            self._consequences.pop(0)()
        return ring


@dataclass(frozen=True)
class Ring:
    question: str

    def perform(self, bell: Bell) -> str:
        return bell.ring(self.question)


def record(question: str, entity: Entity[Known], result: str) -> Decision[Known]:
    return Save(add(entity, f"{question}:{result}"), (Answered(text=result),))


def reserving(entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
    """Record the intent, ring, and record the result. If the intent is recorded already, ring at once."""
    question = event.data.question
    ring = Ring(question)
    if entity.state and f"{question}?" in entity.state.words:
        return Perform(ring, partial(record, question))
    return Reserve(add(entity, f"{question}?"), ring, partial(record, question))


def performing(_entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
    """Ring without recording the intent, and record the result."""
    return Perform(
        Ring(event.data.question),
        lambda entity, result: Save(add(entity, result), (Answered(text=result),)),
    )


def reserving_scenario(*consequences: Callable[[], object]) -> Scenario[Known]:
    return given(answers(reserving), port=Bell(*consequences))


def crash() -> None:
    raise TimeoutError("no answer")


def proceed(call: Callable[[], Any]) -> Any:
    """Make the call without a fault."""
    return call()


def words(scenario: Scenario[Known]) -> tuple[str, ...]:
    state = scenario.state(SUBJECT)
    return state.words if state else ()


def inbox(scenario: Scenario[Known]) -> tuple[str, ...]:
    return scenario.entity(SUBJECT).inbox


def numbers(scenario: Scenario[Known]) -> list[int]:
    return [event.envelope.number for event in scenario.entity(SUBJECT).outbox]


# One write


def test_an_event_takes_one_read_and_one_write() -> None:
    scenario = given(answers()).when(ASKED).then(writes=1)
    assert len(scenario.table.reads) == 1


def test_state_inbox_and_outbox_are_written_together() -> None:
    outcome = given(answers()).when(ASKED)
    outcome.then(state=Known(("one",)), announced=[Answered(text="because")], writes=1)
    assert outcome.entity.inbox == ("test/1",)
    assert [event.causationid for event in outcome.events] == [ASKED.id]


def test_a_duplicate_changes_nothing() -> None:
    scenario = given(answers(), ASKED, ASKED_AGAIN)
    before = dict(scenario.table.entities)
    scenario.when(ASKED, ASKED_AGAIN, ASKED).then(writes=0)
    assert scenario.table.entities == before


def test_a_duplicate_in_the_same_batch_changes_nothing() -> None:
    given(answers()).when_batch(ASKED, ASKED).then(writes=1)


def test_a_skipped_event_writes_nothing() -> None:
    given(answers()).when(make_event(Repeated())).then(writes=0, state=None)


def test_only_a_write_that_announces_is_marked_for_the_stream() -> None:
    scenario = reserving_scenario()
    scenario.when(ASKED)
    intent, result = (write.entity for (write,), _ in scenario.table.commits)
    assert (intent.announces, result.announces) == (False, True)


def test_a_services_index_is_written_with_its_entity() -> None:
    index = Index(partition="owner", sort="rank", of=lambda entity: {"owner": f"v{entity.version}"})
    scenario = given(answers(indexes=(index,)), ASKED, ASKED_AGAIN)
    assert scenario.table.entities[SUBJECT].attributes["owner"] == "v2"


def test_an_entity_leaves_one_index_and_stays_in_the_other() -> None:
    every = Index(partition="owner", sort="rank", of=lambda entity: {"owner": f"v{entity.version}"})
    first = Index(
        name="first", partition="new", sort="rank", of=lambda entity: {"new": "1"} if entity.version == 1 else {}
    )
    scenario = given(answers(indexes=(every, first)), ASKED)
    assert scenario.table.entities[SUBJECT].attributes["new"] == "1"
    scenario.given(ASKED_AGAIN)
    assert "new" not in scenario.table.entities[SUBJECT].attributes
    assert scenario.table.entities[SUBJECT].attributes["owner"] == "v2"


# The outcome of an execution


def test_an_execution_says_that_it_changed_the_entity() -> None:
    scenario = given(answers())
    execution = scenario.executor.entity(SUBJECT).handle(ASKED, 0)
    assert (execution.entity, execution.changed, execution.rejection) == (scenario.entity(SUBJECT), True, None)


def test_a_duplicate_and_a_skipped_event_change_nothing() -> None:
    unit = given(answers(), ASKED).executor.entity(SUBJECT)
    assert not unit.handle(ASKED, 0).changed
    assert not unit.handle(make_event(Repeated(), number=2), 0).changed


def test_a_write_that_another_delivery_made_is_no_change_of_this_execution() -> None:
    def other_delivery() -> None:
        scenario.clock.advance(seconds=1)
        scenario.given(ASKED)

    scenario = given(answers())
    scenario.table.commit_faults.next(preceded_by(other_delivery))
    execution = scenario.executor.entity(SUBJECT).handle(ASKED, 0)
    assert (execution.entity, execution.changed) == (scenario.entity(SUBJECT), False)


def test_a_write_whose_answer_was_lost_is_a_change() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(duplicate_request)
    assert scenario.executor.entity(SUBJECT).handle(ASKED, 0).changed


def test_an_execution_that_only_recorded_its_intent_has_changed_the_entity() -> None:
    def then_skip(entity: Entity[Known], _event: Event[Asked]) -> Decision[Known]:
        return Reserve(add(entity, "intent"), Ring("one"), lambda _entity, _result: Skip())

    execution = given(answers(then_skip), port=Bell()).executor.entity(SUBJECT).handle(ASKED, 0)
    assert (execution.changed, execution.entity.state) == (True, Known(("intent",)))


# Batches


def test_the_second_event_of_a_batch_does_not_read_again() -> None:
    scenario = given(answers()).when_batch(ASKED, ASKED_AGAIN).then(writes=2)
    assert len(scenario.table.reads) == 1


def test_after_a_failure_the_entity_is_read_again() -> None:
    scenario = given(answers())
    unit = scenario.executor.entity(SUBJECT)
    unit.handle(ASKED, 0)
    scenario.table.commit_faults.next(lost_answer)
    with pytest.raises(TimeoutError):
        unit.handle(ASKED_AGAIN, 0)
    unit.handle(ASKED_AGAIN, 0)
    assert len(scenario.table.reads) == 2
    assert words(scenario) == ("one", "two")


def test_a_failed_write_leaves_nothing() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(fails(TimeoutError("not done")))
    scenario.when(ASKED).then_fails(TimeoutError)
    assert not scenario.table.entities
    scenario.when(ASKED).then(state=Known(("one",)))


# Optimistic creates


def test_an_optimistic_create_reads_nothing() -> None:
    scenario = given(answers(creates=True)).when(ASKED).then(writes=1)
    assert scenario.table.reads == []


def test_an_optimistic_create_of_an_existing_entity_decides_on_the_entity_that_was_found() -> None:
    scenario = given(answers(creates=True), ASKED).when(ASKED_AGAIN).then(state=Known(("one", "two")))
    assert scenario.table.reads == []


def test_an_optimistic_create_of_a_duplicate_changes_nothing() -> None:
    scenario = given(answers(creates=True), ASKED).when(ASKED).then(writes=0)
    assert scenario.table.reads == []


# Version conflicts and contention


def test_after_a_version_conflict_the_handler_decides_on_the_entity_that_was_found() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(ASKED_AGAIN)))
    scenario.when(ASKED).then(state=Known(("two", "one")))
    assert numbers(scenario) == [1, 2]
    assert len(scenario.table.reads) == 2  # one each


def test_two_concurrent_deliveries_of_one_event_write_once() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(ASKED)))
    scenario.when(ASKED).then(writes=1)


def test_after_a_version_conflict_the_effects_result_is_used_again() -> None:
    bell = Bell()
    scenario = given(answers(performing), port=bell)
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(ASKED_AGAIN)))
    scenario.when(ASKED).then(state=Known(("ring 2", "ring 1")))
    assert bell.rung == ["one", "two"]


def test_a_writer_that_loses_on_every_attempt_fails_with_contention() -> None:
    scenario = given(answers())
    for n in range(MAX_ATTEMPTS):
        rival = make_event(Asked(), number=n + 2)
        scenario.table.commit_faults.next(preceded_by(partial(scenario.given, rival)), proceed)
    scenario.when(ASKED).then_fails(ContentionError)
    assert "test/1" not in inbox(scenario)
    scenario.given(ASKED)
    assert "test/1" in inbox(scenario)


def test_after_a_transaction_conflict_the_executor_pauses_and_writes_again() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(transaction_conflict, transaction_conflict, transaction_conflict)
    scenario.when(ASKED).then(writes=1)
    assert scenario.pauses == [0, 1, 2]


def test_endless_transaction_conflicts_are_retried_later() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(*[transaction_conflict] * MAX_ATTEMPTS)
    scenario.when(ASKED).then_fails(RetryableError)
    assert not scenario.table.entities


# Conditional increments


def taking(entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
    def otherwise(entity: Entity[Known], failed: ConditionFailed) -> Decision[Known]:
        found = ",".join(f"{increment.key}={found}" for increment, found in failed.failures)
        return Save(add(entity, found))

    take = tuple(Increment(shelf(key), {"left": -1}, {"left": 1}) for key in event.data.question.split())
    return Save(add(entity, "taken"), increments=take, otherwise=otherwise)


def shelf(key: str) -> str:
    return reserved_key("shelf", key)


CUPS, POTS, LIDS = shelf("cups"), shelf("pots"), shelf("lids")


def test_other_items_are_incremented_with_the_entitys_own_write() -> None:
    scenario = given(answers(taking), numbers={CUPS: {"left": 2}, POTS: {"left": 1}})
    outcome = scenario.when(make_event(Asked(question="cups pots")))
    outcome.then(state=Known(("taken",)), numbers={CUPS: {"left": 1}, POTS: {"left": 0}})


def test_a_failed_condition_is_decided_otherwise_with_the_numbers_that_were_found() -> None:
    scenario = given(answers(taking), numbers={CUPS: {"left": 2}, POTS: {"left": 0}})
    scenario.when(make_event(Asked(question="cups pots lids"))).then(
        state=Known((f"{POTS}={{'left': 0}},{LIDS}=None",)), numbers={CUPS: {"left": 2}}, writes=1
    )


def test_without_otherwise_a_failed_condition_is_retried_later() -> None:
    def take(entity: Entity[Known], _event: Event[Asked]) -> Decision[Known]:
        return Save(add(entity, "taken"), increments=(Increment(CUPS, {"left": -1}, {"left": 1}),))

    scenario = given(answers(take), numbers={CUPS: {"left": 0}})
    scenario.when(ASKED).then_fails(RetryableError, "the condition of an increment failed")
    assert SUBJECT not in scenario.table.entities


def test_increments_of_one_item_are_one_increment_whose_condition_is_that_of_their_sequence() -> None:
    event = make_event(Asked(question="cups cups"))
    scenario = given(answers(taking), numbers={CUPS: {"left": 2}})
    scenario.when(event).then(state=Known(("taken",)), numbers={CUPS: {"left": 0}})
    ((_, increments),) = scenario.table.commits
    assert increments == (Increment(CUPS, {"left": -2}, {"left": 2}),)
    scenario = given(answers(taking), numbers={CUPS: {"left": 1}})
    scenario.when(event).then(state=Known((f"{CUPS}={{'left': 1}}",)), numbers={CUPS: {"left": 1}})


def test_a_condition_that_failed_in_a_batch_decides_the_next_event_only() -> None:
    scenario = given(answers(taking), numbers={CUPS: {"left": 2}})
    unit = scenario.executor.entity(SUBJECT)
    unit.fail_condition(ConditionFailed(((Increment(CUPS, {"left": -1}, {"left": 1}), {"left": 0}),)))
    unit.handle(make_event(Asked(question="cups")), 0)
    unit.handle(make_event(Asked(question="cups"), number=2), 0)
    assert words(scenario) == (f"{CUPS}={{'left': 0}}", "taken")
    assert scenario.table.attempts == 2


def test_a_condition_that_failed_in_a_batch_is_of_no_account_if_the_event_now_increments_nothing() -> None:
    scenario = given(answers(taking))
    unit = scenario.executor.entity(SUBJECT)
    unit.fail_condition(ConditionFailed(((Increment(CUPS, {"left": -1}, {"left": 1}), {"left": 0}),)))
    unit.handle(make_event(Asked(question="")), 0)
    assert words(scenario) == ("taken",)


def test_a_missing_number_starts_from_the_increments_start() -> None:
    def count(entity: Entity[Known], _event: Event[Asked]) -> Decision[Known]:
        return Save(add(entity, "counted"), increments=(Increment(CUPS, {"left": 1, "sold": 1}, start={"left": 7}),))

    scenario = given(answers(count)).when(ASKED).then(numbers={CUPS: {"left": 8, "sold": 1}})
    scenario.when(ASKED_AGAIN).then(numbers={CUPS: {"left": 9, "sold": 2}})


def test_increments_that_do_not_fit_into_a_transaction_with_their_entity_are_a_permanent_error() -> None:
    def asking(words: int) -> Event[Asked]:
        return make_event(Asked(question=" ".join(f"shelf-{n}" for n in range(words))))

    def count(entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
        increments = tuple(Increment(shelf(name), {"n": 1}) for name in event.data.question.split())
        return Save(add(entity, "counted"), increments=increments)

    given(answers(count)).when(asking(MAX_ACTIONS - 1)).then(state=Known(("counted",)))
    scenario = given(answers(count)).when(asking(MAX_ACTIONS)).then_fails(PermanentError, "too-large")
    assert scenario.table.attempts == 0


def test_a_duplicate_increments_nothing() -> None:
    scenario = given(answers(taking), numbers={CUPS: {"left": 2}})
    event = make_event(Asked(question="cups"))
    scenario.table.commit_faults.next(duplicate_request)
    scenario.when(event, event).then(numbers={CUPS: {"left": 1}})


# Lost answers


def test_a_repeated_request_that_finds_its_own_write_is_a_success() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(duplicate_request)
    scenario.when(ASKED).then(state=Known(("one",)), announced=[Answered(text="because")])


def test_after_a_lost_answer_the_handler_does_not_decide_again() -> None:
    decided: list[int] = []

    def counted(entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
        decided.append(entity.version)
        return reserving(entity, event)

    scenario = given(answers(counted), port=Bell())
    scenario.table.commit_faults.next(duplicate_request, duplicate_request)
    scenario.when(ASKED).then(writes=2)
    assert decided == [0]


def test_after_a_lost_answer_to_the_intent_the_effect_is_performed_once() -> None:
    scenario = reserving_scenario()
    scenario.table.commit_faults.next(duplicate_request)
    scenario.when(ASKED).then(state=Known(("one?", "one:ring 1")))
    assert scenario.port.rung == ["one"]


def test_an_intent_whose_answer_was_lost_and_that_was_overwritten_is_performed_once() -> None:
    scenario = reserving_scenario()

    def lost_and_overwritten(write: Callable[[], Any]) -> Any:
        write()
        scenario.given(ASKED_AGAIN)
        return write()

    scenario.table.commit_faults.next(lost_and_overwritten)
    scenario.when(ASKED).then()
    assert sorted(scenario.port.rung) == ["one", "two"]
    assert scenario.entity(SUBJECT).in_progress == {}


# Reserved effects


def test_a_reserved_effect_takes_one_read_and_two_writes() -> None:
    scenario = reserving_scenario().when(ASKED).then(writes=2, state=Known(("one?", "one:ring 1")))
    assert len(scenario.table.reads) == 1
    assert scenario.port.rung == ["one"]


def test_the_intent_is_written_before_the_effect_is_performed() -> None:
    seen: list[tuple[str, ...]] = []
    scenario = reserving_scenario(lambda: seen.append(words(scenario)))
    scenario.given(ASKED)
    assert seen == [("one?",)]


def test_an_event_is_in_the_inbox_only_after_its_effect_is_recorded() -> None:
    seen: list[tuple[str, ...]] = []
    scenario = reserving_scenario(lambda: seen.append(inbox(scenario)))
    scenario.given(ASKED)
    assert seen == [()]
    assert inbox(scenario) == ("test/1",)


def test_after_the_record_no_delivery_is_in_progress() -> None:
    assert reserving_scenario().given(ASKED).entity(SUBJECT).in_progress == {}


def test_after_a_crash_in_the_effect_a_later_delivery_resumes() -> None:
    scenario = reserving_scenario(crash)
    scenario.when(ASKED).then_fails(RetryableError)
    scenario.clock.advance(seconds=FUNCTION_SECONDS)
    scenario.when(ASKED).then(state=Known(("one?", "one:ring 2")))
    assert scenario.port.rung == ["one", "one"]
    assert numbers(scenario) == [1]


def test_after_a_crash_before_the_record_a_later_delivery_resumes() -> None:
    scenario = reserving_scenario()
    scenario.table.commit_faults.next(proceed, fails(SystemExit()))
    with pytest.raises(SystemExit):
        scenario.when(ASKED)
    scenario.clock.advance(seconds=FUNCTION_SECONDS)
    scenario.when(ASKED).then(state=Known(("one?", "one:ring 2")))


@pytest.mark.parametrize("fault", [fails(TimeoutError("not done")), lost_answer])
def test_a_performed_effect_is_recorded_although_a_write_fails(fault: Fault) -> None:
    scenario = reserving_scenario()
    scenario.table.commit_faults.next(proceed, fault)
    scenario.when(ASKED).then(state=Known(("one?", "one:ring 1")))
    assert scenario.port.rung == ["one"]
    assert len(scenario.pauses) == 1
    assert numbers(scenario) == [1]


def test_an_effect_that_can_never_be_recorded_is_retried_later() -> None:
    scenario = reserving_scenario()
    scenario.table.commit_faults.next(proceed, *[fails(TimeoutError("not done"))] * MAX_ATTEMPTS)
    scenario.when(ASKED).then_fails(RetryableError)
    assert "test/1" not in inbox(scenario)


def test_another_delivery_is_retried_later_while_the_first_performs_the_effect() -> None:
    refusals: list[Exception] = []

    def deliver_again() -> None:
        scenario.clock.advance(seconds=1)
        refusals.extend(scenario.when(ASKED).errors.values())

    scenario = reserving_scenario(deliver_again)
    scenario.given(ASKED)
    (refusal,) = refusals
    assert isinstance(refusal, RetryableError)
    assert refusal.after == FUNCTION_SECONDS - 1
    assert scenario.port.rung == ["one"]


def test_another_delivery_resumes_once_the_first_must_have_ended() -> None:
    scenario = reserving_scenario(crash)
    scenario.when(ASKED).then_fails(RetryableError)
    scenario.clock.advance(milliseconds=FUNCTION_SECONDS * 1000 - 1)
    scenario.when(ASKED).then_fails(RetryableError)
    scenario.clock.advance(milliseconds=1)
    scenario.when(ASKED).then(state=Known(("one?", "one:ring 2")))


def test_a_failed_effect_is_not_retried_before_its_in_progress_record_expires() -> None:
    (error,) = reserving_scenario(crash).when(ASKED).errors.values()
    assert isinstance(error, RetryableError)
    assert (error.after, error.reserved) == (0, FUNCTION_SECONDS)


def test_further_tries_of_the_same_delivery_perform_a_failed_effect_again() -> None:
    scenario = reserving_scenario(crash, crash)
    outcome = scenario.when_batch(ASKED, receives=5)
    outcome.then(state=Known(("one?", "one:ring 3")))
    assert (scenario.port.rung, outcome.dead_letters) == (["one"] * 3, ())
    assert scenario.entity(SUBJECT).in_progress == {}


def test_between_the_tries_of_a_delivery_no_other_delivery_performs_the_effect() -> None:
    def deliver_again() -> None:
        scenario.when(ASKED).then_fails(UntriedError, "in progress")
        crash()

    scenario = reserving_scenario(deliver_again)
    scenario.when_batch(ASKED, receives=5).then(state=Known(("one?", "one:ring 2")))
    assert scenario.port.rung == ["one", "one"]


def test_an_effect_that_is_throttled_asks_to_wait() -> None:
    def slow_down() -> None:
        raise ThrottledError("slow down", after=90)

    scenario = reserving_scenario(slow_down)
    outcome = scenario.when_batch(ASKED, receives=5)
    (error,) = outcome.errors.values()
    assert isinstance(error, RetryableError)
    assert (error.after, isinstance(error.__cause__, ThrottledError), outcome.dead_letters) == (90, True, ())


def test_another_event_may_come_while_an_effect_is_performed() -> None:
    scenario = reserving_scenario(lambda: scenario.given(ASKED_AGAIN))
    scenario.when(ASKED).then(state=Known(("one?", "two?", "two:ring 2", "one:ring 1")))
    assert scenario.port.rung == ["one", "two"]
    assert inbox(scenario) == ("test/2", "test/1")


def test_an_intent_may_announce_the_result_of_an_earlier_effect() -> None:
    def twice(entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
        def finish(entity: Entity[Known], _result: str) -> Decision[Known]:
            return Save(add(entity, "done"), (Answered(text="second"),))

        def again(entity: Entity[Known], _result: str) -> Decision[Known]:
            return Reserve(add(entity, "intent"), Ring(event.data.question), finish, (Answered(text="first"),))

        return Reserve(add(entity, "intent"), Ring(event.data.question), again)

    scenario = given(answers(twice), port=Bell())
    scenario.when(ASKED).then(announced=[Answered(text="first"), Answered(text="second")], writes=3)


# Commands


def told(entity: Entity[Known]) -> Decision[Known]:
    return Save(add(entity, "told"), (Answered(text="so"),))


def test_a_command_is_executed_like_an_event_and_is_not_in_the_inbox() -> None:
    scenario = given(answers())
    execution = scenario.executor.entity(SUBJECT).execute(told, COMMAND, creates=True)
    assert (execution.entity, execution.changed) == (scenario.entity(SUBJECT), True)
    assert execution.entity.inbox == ()
    assert scenario.table.reads == []


def test_a_command_that_changes_nothing_returns_the_entity_as_it_is() -> None:
    scenario = given(answers(), ASKED)
    execution = scenario.executor.entity(SUBJECT).execute(lambda _entity: Skip(), COMMAND)
    assert (execution.entity, execution.changed) == (scenario.entity(SUBJECT), False)


def test_a_rejected_command_writes_nothing_and_says_why() -> None:
    scenario = given(answers(), ASKED)
    execution = scenario.executor.entity(SUBJECT).execute(lambda _entity: Reject("late", "Ask sooner."), COMMAND)
    assert execution.rejection == Reject("late", "Ask sooner.")
    assert (execution.entity, execution.changed) == (scenario.entity(SUBJECT), False)


def test_a_command_is_rejected_by_the_entity_that_it_finds_after_a_version_conflict() -> None:
    def first_only(entity: Entity[Known]) -> Decision[Known]:
        return Reject("late", "Ask sooner.") if entity.state else told(entity)

    scenario = given(answers())
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(ASKED)))
    outcome = scenario.when(Execute(SUBJECT, first_only, creates=True))
    assert (outcome.rejection, outcome.state) == (Reject("late", "Ask sooner."), Known(("one",)))


def test_a_failed_condition_may_reject_a_command() -> None:
    def take(entity: Entity[Known]) -> Decision[Known]:
        increment = Increment(CUPS, {"left": -1}, {"left": 1})
        return Save(add(entity, "taken"), (), (increment,), lambda _entity, _failed: Reject("none", "Wait."))

    given(answers()).when(Execute(SUBJECT, take)).then_rejected("none")


def test_a_command_cannot_reserve_an_effect() -> None:
    scenario = given(answers(), port=Bell())
    with pytest.raises(ValueError, match="only an event can reserve an effect"):
        scenario.when(Execute(SUBJECT, lambda entity: Reserve(add(entity, "told"), Ring("x"), partial(record, "x"))))
    assert not scenario.table.commits


def test_an_entity_that_was_never_written_is_new() -> None:
    assert given(answers()).executor.entity(SUBJECT).read() == Entity(SUBJECT)


def test_an_entity_is_read_once() -> None:
    scenario = given(answers())
    unit = scenario.executor.entity(SUBJECT)
    unit.read()
    unit.read()
    unit.handle(ASKED, 0)
    assert len(scenario.table.reads) == 1


# Mistakes of handlers and of adapters


def test_an_event_cannot_be_rejected_and_is_not_lost() -> None:
    service = answers(lambda _entity, _event: Reject("no", "not now"))
    outcome = given(service).when(ASKED)
    outcome.then_fails(PermanentError, "rejected")
    assert outcome.writes == 0


def test_a_handler_that_creates_but_skips_decides_on_the_entity_that_exists() -> None:
    def unless_new(entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
        return Save(add(entity, event.data.question)) if entity.state else Skip()

    known = Entity(SUBJECT, 1, Known(("before",)))
    given(answers(unless_new, creates=True), known).when(ASKED).then(state=Known(("before", "one")))
    given(answers(unless_new, creates=True)).when(ASKED).then(state=None, writes=0)


def test_an_undeclared_event_is_not_announced_and_nothing_is_written() -> None:
    service = answers(lambda entity, _event: Save(add(entity, "one"), (Asked(),)))
    outcome = given(service).when(ASKED)
    outcome.then_fails(TypeError, "does not declare that it announces Asked")
    assert outcome.writes == 0


def test_an_event_that_no_consumer_would_accept_is_not_announced_and_nothing_is_written() -> None:
    service = answers(lambda entity, _event: Save(add(entity, "one"), (Answered(text="x" * 70_000),)))
    outcome = given(service).when(ASKED)
    outcome.then_fails(PermanentError, "oversized")
    assert outcome.writes == 0


def test_a_permanent_error_of_a_reserved_effect_is_not_retried() -> None:
    def break_down() -> None:
        raise PermanentError("gone", "there is no bell")

    bell = Bell(break_down)
    given(answers(reserving), port=bell).when(ASKED).then_fails(PermanentError, "gone")


def test_a_result_that_can_never_be_written_is_not_written_again() -> None:
    def oversized(entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
        long = "x" * 70_000
        ring = Ring(event.data.question)
        return Reserve(add(entity, "?"), ring, lambda entity, _ring: Save(add(entity, "!"), (Answered(text=long),)))

    scenario = given(answers(oversized), port=Bell())
    scenario.when(ASKED).then_fails(PermanentError, "oversized")
    assert scenario.pauses == []


def test_contention_names_its_cause() -> None:
    scenario = Scenario(answers())
    scenario.table.commit_faults.always(transaction_conflict)
    with pytest.raises(ContentionError) as contention:
        scenario.executor.entity(SUBJECT).handle(ASKED, 0)
    assert "a transaction holds the item" in str(contention.value.__cause__)


@pytest.mark.parametrize("key", ["", "#shelf#a"])
def test_a_unit_of_work_has_the_key_of_an_entity(key: str) -> None:
    with pytest.raises(ValueError, match="is not the key of an entity"):
        Scenario(answers()).executor.entity(key)


def test_an_item_expires_if_the_service_declares_it() -> None:
    def count(entity: Entity[Known], _event: Event[Asked]) -> Decision[Known]:
        return Save(add(entity, "counted"), increments=(Increment(CUPS, {"left": 1}, expires=2_000_000_000),))

    scenario = given(dataclasses.replace(answers(count), expires=True)).when(ASKED).then(numbers={CUPS: {"left": 1}})
    assert scenario.table.expires == {(CUPS, ""): 2_000_000_000}


def test_an_item_does_not_expire_unless_the_service_declares_it() -> None:
    def count(entity: Entity[Known], _event: Event[Asked]) -> Decision[Known]:
        return Save(add(entity, "counted"), increments=(Increment(CUPS, {"left": 1}, expires=2_000_000_000),))

    scenario = given(answers(count))
    scenario.when(ASKED).then_fails(TypeError, "does not declare that items of its table expire")
    assert scenario.table.commits == []


@pytest.mark.parametrize("numbers", [{"add": {"expires": 1}}, {"add": {"n": 1}, "at_least": {"expires": 1}}])
def test_no_number_has_the_name_of_the_attribute_that_says_when_an_item_expires(numbers: Any) -> None:
    with pytest.raises(ValueError, match="can be called 'expires'"):
        Increment(CUPS, **numbers)


def test_an_increment_cannot_change_an_entity() -> None:
    with pytest.raises(ValueError, match="is an entity's key"):
        Increment(SUBJECT, {"n": 1})


def test_after_a_failed_write_an_entity_that_was_assumed_new_is_read_again() -> None:
    def unless_new(entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
        return Save(add(entity, event.data.question)) if entity.state else Skip()

    scenario = given(answers(unless_new, creates=True), Entity(SUBJECT, 1, Known(("before",))))
    unit = scenario.executor.entity(SUBJECT)
    scenario.table.commit_faults.next(lost_answer)
    with pytest.raises(TimeoutError):
        unit.handle(ASKED, 0)
    assert unit.read().state == Known(("before", "one"))


# Releases side by side


class Newer(Struct, frozen=True):
    """The state of a newer release. `Known` lacks its field."""

    words: tuple[str, ...] = ()
    topic: Annotated[str, since("1.1")] = ""


def newer_answer(entity: Entity[Newer], event: Event[Asked]) -> Decision[Newer]:
    state = entity.state or Newer()
    return Save(Newer((*state.words, event.data.question), state.topic or "life"), (Answered(text="42"),))


NEWER: Service[Newer] = Service(
    name="answers", state=Newer, announces=(Answered,), handlers=(on(Asked, newer_answer, creates=True),)
)


def beside(newer: Scenario[Newer], older: Service[Known]) -> Scenario[Known]:
    """Return a scenario of an older release with the table of the newer one."""
    scenario = given(older)
    scenario.table = newer.table
    return scenario


@pytest.mark.parametrize("creates", [False, True])
def test_a_release_that_does_not_know_a_field_waits_and_leaves_the_entity_alone(creates: bool) -> None:
    newer = given(NEWER, ASKED)
    stored = newer.table.entities[SUBJECT]
    older = beside(newer, answers(creates=creates))
    older.when(ASKED_AGAIN).then_fails(NewerReleaseError, f"release 1.1 wrote {SUBJECT}, and this one cannot read it")
    assert newer.table.entities[SUBJECT] == stored
    assert older.queue.dead_letters == []
    newer.when(ASKED_AGAIN).then(state=Newer(("one", "two"), "life"), writes=1)


def test_a_command_of_a_release_that_does_not_know_a_field_fails_for_now() -> None:
    older = beside(given(NEWER, ASKED), answers())
    with pytest.raises(NewerReleaseError):
        older.executor.entity(SUBJECT).execute(lambda entity: Save(add(entity, "three")), COMMAND)


def test_a_newer_release_that_writes_first_is_found_by_the_write_of_an_older_one() -> None:
    older = beside(given(NEWER), answers())
    older.table.commit_faults.next(preceded_by(lambda: given_to(older).given(ASKED)))
    older.when(ASKED_AGAIN).then_fails(NewerReleaseError, "cannot read it")
    assert older.table.entities[SUBJECT].version == 1


def given_to(older: Scenario[Known]) -> Scenario[Newer]:
    """Return a scenario of the newer release with the table of an older one."""
    newer = given(NEWER)
    newer.table = older.table
    return newer


def test_a_release_writes_what_it_knows_although_a_newer_one_wrote_the_entity() -> None:
    silent: Service[Newer] = dataclasses.replace(
        NEWER, handlers=(on(Asked, lambda entity, _event: Save(entity.state or Newer())),)
    )
    newer = given(silent, ASKED)
    assert newer.table.entities[SUBJECT].format == ""
    beside(newer, answers()).when(ASKED_AGAIN).then(state=Known(("two",)), writes=1)
