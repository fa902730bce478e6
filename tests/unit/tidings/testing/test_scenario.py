import pytest

from tests.unit.tidings.example import Answered, Asked, Known, Repeated, add, answer, answers
from tidings.core.decisions import Decision, Increment, Reject, Save
from tidings.core.entity import Entity
from tidings.core.errors import PermanentError, RetryableError, ThrottledError
from tidings.core.event import Event, encode
from tidings.core.service import Service, on
from tidings.core.strategy import Batched, CounterKey, Log, Projection
from tidings.testing import SUBJECT, Execute, fails, given, lost_answer, make_event, preceded_by

ASKED = make_event(Asked(question="one"))
AGAIN = make_event(Asked(question="two"), number=2)
BECAUSE = Answered(text="because")
OTHER = make_event(Asked(question="three"), subject="other")


def tell(entity: Entity[Known]) -> Decision[Known]:
    return Save(add(entity, "told"), (Answered(text="so"),))


def refuse(_entity: Entity[Known]) -> Decision[Known]:
    return Reject("late", "Ask sooner.")


# Steps


def test_events_commands_and_entities_are_given() -> None:
    stored = Entity("stored", version=3, state=Known(("stored",)))
    scenario = given(answers(), ASKED, Execute(SUBJECT, tell), stored)
    assert scenario.state(SUBJECT) == Known(("one", "told"))
    assert scenario.entity("stored") == stored
    assert scenario.entity("missing") == Entity("missing")


def test_only_what_the_steps_of_a_when_announced_is_compared() -> None:
    scenario = given(answers(), ASKED)
    scenario.when(AGAIN, Execute(SUBJECT, tell)).then(announced=[BECAUSE, Answered(text="so")], writes=2)
    assert scenario.announced(SUBJECT) == [BECAUSE, BECAUSE, Answered(text="so")]


def test_a_scenario_goes_on_after_then() -> None:
    given(answers()).when(ASKED).then(state=Known(("one",))).when(AGAIN).then(state=Known(("one", "two")))


def test_events_that_happen_in_between_are_compared_too() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(OTHER)))
    outcome = scenario.when(ASKED)
    outcome.then(announced=[BECAUSE, BECAUSE], writes=2)
    assert [event.subject for event in outcome.events] == ["other", SUBJECT]


def test_the_state_is_that_of_the_last_steps_entity() -> None:
    given(answers()).when(ASKED, OTHER).then(state=Known(("three",)))


def test_each_event_is_handled_by_a_new_process_and_a_batch_by_one() -> None:
    separate, batch = given(answers()), given(answers())
    separate.when(ASKED, AGAIN)
    batch.when_batch(ASKED, AGAIN)
    assert (len(separate.table.reads), len(batch.table.reads)) == (2, 1)


def test_numbers_of_items_can_be_given() -> None:
    def take(entity: Entity[Known]) -> Decision[Known]:
        return Save(add(entity, "taken"), increments=(Increment("#shelf", {"left": -1}, {"left": 1}),))

    scenario = given(answers(), numbers={"#shelf": {"left": 1}})
    scenario.when(Execute(SUBJECT, take)).then(numbers={"#shelf": {"left": 0}})


def test_events_are_delivered_as_text_so_that_an_event_that_breaks_its_contract_fails() -> None:
    broken = make_event(Asked(question=7))  # type: ignore[arg-type]  # it breaks the contract
    given(answers()).when(broken).then_fails(PermanentError, "breaks-contract")


def test_a_batch_may_contain_texts_that_are_no_events() -> None:
    outcome = given(answers()).when_batch(ASKED, "no JSON").then(failed=["no JSON"]).when_batch("{}")
    assert [letter.reason for letter in outcome.dead_letters] == ["not-an-event"]
    assert [letter.reason for letter in outcome.scenario.queue.dead_letters] == ["undecodable", "not-an-event"]


def test_a_message_that_fails_at_its_fifth_delivery_is_dead_lettered() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.always(fails(TimeoutError("no answer")))
    assert not scenario.when_batch(ASKED, receives=4).dead_letters
    (letter,) = scenario.when_batch(ASKED, receives=5).dead_letters
    assert letter.reason == "gave-up"
    assert letter.detail.startswith("TimeoutError at tidings.testing.faults:")


def test_an_event_that_is_handled_by_a_further_try_has_not_failed() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(fails(TimeoutError("no answer")))
    scenario.when_batch(ASKED, receives=5).then(state=Known(("one",)))


def test_a_message_that_can_only_wait_is_dead_lettered_after_an_hour() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.always(fails(ThrottledError("slow down")))
    assert not scenario.when_batch(ASKED, receives=5, age=3599).dead_letters
    (letter,) = scenario.when_batch(ASKED, receives=5, age=3600).dead_letters
    assert letter.reason == "waited-too-long"


# Strategies


def test_a_batched_service_commits_a_batch_together() -> None:
    def take(_entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
        return Save(Known((event.data.question,)), increments=(Increment("#shelf", {"left": -1}),))

    service = Service(
        name="answers", state=Known, handlers=(on(Asked, take, creates=True),), strategy=Batched(batch=None)
    )
    scenario = given(service).when_batch(ASKED, OTHER).then(writes=2, numbers={"#shelf": {"left": -2}})
    assert len(scenario.table.commits) == 1


def test_a_projections_counters_are_compared() -> None:
    def keep(_entity: Entity[Known], event: Event[Asked]) -> Decision[Known]:
        return Save(Known((event.data.question,)))

    strategy = Projection[Known](contribution=lambda known: {CounterKey("g", word, "n"): 1 for word in known.words})
    service = Service(name="words", state=Known, handlers=(on(Asked, keep),), strategy=strategy)
    scenario = given(service, Entity("stored", version=1, state=Known()))
    scenario.when_batch(ASKED, OTHER).then(
        state=Known(("three",)), counters={CounterKey("g", "one", "n"): 1, CounterKey("g", "three", "n"): 1}, writes=2
    )
    assert scenario.state("stored") == Known()


def test_a_log_records_events() -> None:
    recorded: list[str] = []
    service = Service(name="log", state=Known, strategy=Log(sort_key="id"))
    given(service, ASKED, receive=lambda event: recorded.append(event.data))
    assert recorded == [encode(ASKED)]


def test_external_events_are_delivered_too() -> None:
    service = Service(name="answers", state=Known, announces=(Answered,), external_handlers=(on(Asked, answer),))
    given(service).when(ASKED).then(state=Known(("one",)))


# Failed expectations


def message_of(error: pytest.ExceptionInfo[AssertionError]) -> str:
    return str(error.value)


def test_another_state_is_reported_with_the_fields_that_differ() -> None:
    with pytest.raises(AssertionError) as error:
        given(answers()).when(ASKED).then(state=Known(("two",)))
    assert message_of(error) == (
        f"the state of {SUBJECT}:\n  found     Known(words=('one',))\n  expected  Known(words=('two',))\n"
        "  words: found ('one',), expected ('two',)"
    )


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ({"announced": []}, "the announced events"),
        ({"writes": 0}, "the number of writes"),
        ({"numbers": {"#shelf": {"left": 1}}}, "the numbers of #shelf"),
        ({"counters": {CounterKey("g", "r", "n"): 1}}, "the counters"),
        ({"failed": ["another"]}, "the failed events"),
        ({"state": None}, "the state of"),
    ],
)
def test_every_expectation_is_compared(expected: dict[str, object], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        given(answers()).when(ASKED).then(**expected)  # type: ignore[arg-type]  # one expectation a case


def test_an_unexpected_failure_is_reported_with_its_cause() -> None:
    scenario = given(answers())
    scenario.table.commit_faults.next(lost_answer)
    with pytest.raises(AssertionError, match=f"test/{SUBJECT}/1 failed: TimeoutError: no answer") as error:
        scenario.when(ASKED).then()
    assert isinstance(error.value.__cause__, TimeoutError)


def test_a_given_step_must_succeed() -> None:
    with pytest.raises(AssertionError, match="nothing here handles Answered"):
        given(answers(), make_event(BECAUSE))
    with pytest.raises(AssertionError, match="the command was rejected: late: Ask sooner"):
        given(answers(), Execute(SUBJECT, refuse))


def test_an_expected_failure_must_happen_and_match() -> None:
    scenario = given(answers())
    with pytest.raises(AssertionError, match="no event failed, but RetryableError was expected"):
        scenario.when(ASKED).then_fails(RetryableError)
    scenario.table.commit_faults.next(lost_answer, lost_answer, lost_answer)
    with pytest.raises(AssertionError, match="but RetryableError was expected"):
        scenario.when(AGAIN).then_fails(RetryableError)
    third, fourth = (make_event(Asked(), number=n) for n in (3, 4))
    with pytest.raises(AssertionError, match="but TimeoutError: another was expected"):
        scenario.when(third).then_fails(TimeoutError, "another")
    scenario.when(fourth).then_fails(TimeoutError, "no answer")


def test_an_error_of_the_parser_is_a_failure() -> None:
    def broken(_body: str) -> Event[Known]:
        raise LookupError("unreadable")

    outcome = given(answers(), parse=broken).when(ASKED)
    outcome.then_fails(LookupError, "unreadable")
    assert [letter.reason for letter in outcome.dead_letters] == ["undecodable"]


def test_a_rejected_command_is_reported_although_a_later_step_succeeds() -> None:
    with pytest.raises(AssertionError, match="the command was rejected: late"):
        given(answers()).when(Execute(SUBJECT, refuse), ASKED).then()


def test_a_rejection_is_expected_by_its_code() -> None:
    scenario = given(answers())
    scenario.when(Execute(SUBJECT, refuse)).then_rejected("late").when(make_event(Repeated())).then()
    with pytest.raises(AssertionError, match="the rejection"):
        scenario.when(Execute(SUBJECT, refuse)).then_rejected("early")
    with pytest.raises(AssertionError, match="the rejection"):
        scenario.when(Execute(SUBJECT, tell)).then_rejected("late")
