from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.facts import NOON_MILLIS, ORDER, TRACE, fact
from tests.unit.memory import Mishap, comes_after, conflicts, fails, unacknowledged, unanswered
from tests.unit.tidings.example import Answered, Asked, Bench, Known, Repeated, add
from tidings.decisions import Act, Adjust, Claim, Commit, Decision, Ignore, Refused
from tidings.errors import LostRaceError, RetryableError
from tidings.events import Contract, Event, decode
from tidings.item import Cause, Item
from tidings.reactor import MAX_TRIES
from tidings.service import Index

ASKED: Event[Contract] = fact(Asked(question="one"))
ASKED_AGAIN: Event[Contract] = fact(Asked(question="two"), n=2)


def claiming(item: Item[Known], event: Event[Asked], result: str | None) -> Decision[Known]:
    """Intends to ring, rings, and adds what came of it; once intended, it rings until something has."""
    question = event.data.question
    if result:
        return Commit(add(item, f"{question}:{result}"), (Answered(text=result),))
    if item.state and f"{question}?" in item.state.words:
        return Act(question)
    return Claim(add(item, f"{question}?"), question)


def acting(item: Item[Known], event: Event[Asked], result: str | None) -> Decision[Known]:
    """Rings without saying so first, and adds what came of it."""
    return Commit(add(item, result), (Answered(text=result),)) if result else Act(event.data.question)


class Bell:
    """Something outside: it counts how often it rang, and each ring may have consequences, or fail."""

    def __init__(self, *consequences: Callable[[], None]) -> None:
        self.rung: list[str] = []
        self._consequences = list(consequences)

    def __call__(self, effect: str) -> str:
        self.rung.append(effect)
        ring = f"ring {len(self.rung)}"
        if self._consequences:
            self._consequences.pop(0)()
        return ring


def crash() -> None:
    raise TimeoutError("nobody answers")


def words(bench: Bench) -> tuple[str, ...]:
    state = bench.item(ORDER).state
    return state.words if state else ()


def answers(bench: Bench) -> list[Event[Any]]:
    return [decode(event) for event in bench.item(ORDER).events]


# One write


def test_a_reaction_is_one_reading_and_one_write() -> None:
    bench = Bench()
    bench.deliver(ASKED)
    assert (bench.table.reads, len(bench.table.writes)) == (1, 1)


def test_a_reaction_writes_state_inbox_and_outbox_together() -> None:
    bench = Bench()
    bench.deliver(ASKED)
    item = bench.item(ORDER)
    assert item.state == Known(("one",))
    assert item.handled == ("orders/1",)
    assert [event.causationid for event in answers(bench)] == [ASKED.id]


def test_a_duplicate_changes_nothing() -> None:
    bench = Bench()
    bench.deliver(ASKED, ASKED_AGAIN)
    before = dict(bench.table.items)
    bench.deliver(ASKED, ASKED_AGAIN, ASKED)
    assert bench.table.items == before
    assert len(bench.table.writes) == 2


def test_a_duplicate_in_the_same_batch_changes_nothing() -> None:
    bench = Bench()
    order = bench.reactor.order(ORDER)
    order.react(ASKED, 0)
    order.react(ASKED, 0)
    assert len(bench.table.writes) == 1


def test_what_is_ignored_writes_nothing() -> None:
    bench = Bench()
    bench.deliver(fact(Repeated()))
    assert not bench.table.writes


def test_a_write_that_announces_is_marked_for_the_stream() -> None:
    bench = Bench(claiming, Bell())
    bench.deliver(ASKED)
    intent, outcome = bench.table.writes
    assert "announces" not in intent
    assert outcome["announces"] == {"BOOL": True}


def test_a_services_index_is_written_with_its_item() -> None:
    index = Index(partition="owner", sort="rank", projects=(), of=lambda item: {"owner": f"v{item.version}"})
    bench = Bench(index=index)
    bench.deliver(ASKED, ASKED_AGAIN)
    assert bench.table.items[ORDER]["owner"] == {"S": "v2"}


def test_a_service_without_effects_performs_none() -> None:
    with pytest.raises(TypeError, match="performs no effects"):
        Bench(acting).deliver(ASKED)


# A batch


def test_the_second_event_of_a_batch_does_not_read_again() -> None:
    bench = Bench()
    order = bench.reactor.order(ORDER)
    order.react(ASKED, 0)
    order.react(ASKED_AGAIN, 0)
    assert (bench.table.reads, len(bench.table.writes)) == (1, 2)


def test_after_a_failure_the_item_is_read_again() -> None:
    bench = Bench()
    order = bench.reactor.order(ORDER)
    order.react(ASKED, 0)
    bench.table.mishaps.append(unanswered)
    with pytest.raises(TimeoutError):
        order.react(ASKED_AGAIN, 0)
    order.react(ASKED_AGAIN, 0)
    assert bench.table.reads == 2
    assert words(bench) == ("one", "two")


def test_a_failed_write_leaves_nothing() -> None:
    bench = Bench()
    bench.table.mishaps.append(fails(TimeoutError("not done")))
    with pytest.raises(TimeoutError):
        bench.deliver(ASKED)
    assert not bench.table.items
    bench.deliver(ASKED)
    assert words(bench) == ("one",)


# Bets


def test_a_bet_makes_no_reading() -> None:
    bench = Bench(bet=True)
    bench.deliver(ASKED)
    assert (bench.table.reads, len(bench.table.writes)) == (0, 1)


def test_a_lost_bet_decides_on_what_was_found_without_a_reading() -> None:
    bench = Bench(bet=True)
    bench.deliver(ASKED, ASKED_AGAIN)
    assert words(bench) == ("one", "two")
    assert bench.table.reads == 0


def test_a_lost_bet_on_a_duplicate_changes_nothing() -> None:
    bench = Bench(bet=True)
    bench.deliver(ASKED, ASKED)
    assert (bench.table.reads, len(bench.table.writes)) == (0, 1)


# Races


def test_a_lost_race_decides_again_on_what_was_found() -> None:
    bench = Bench()
    bench.table.mishaps.append(comes_after(lambda: bench.deliver(ASKED_AGAIN)))
    bench.deliver(ASKED)
    assert words(bench) == ("two", "one")
    assert [event.sequence for event in answers(bench)] == [1, 2]
    assert bench.table.reads == 2  # one each


def test_two_deliveries_of_one_event_at_once_write_once() -> None:
    bench = Bench()
    bench.table.mishaps.append(comes_after(lambda: bench.deliver(ASKED)))
    bench.deliver(ASKED)
    assert len(bench.table.writes) == 1


def test_a_decision_taken_again_is_given_the_acts_result() -> None:
    bell = Bell()
    bench = Bench(acting, bell)
    bench.table.mishaps.append(comes_after(lambda: bench.deliver(ASKED_AGAIN)))
    bench.deliver(ASKED)
    assert bell.rung == ["one", "two"]
    assert words(bench) == ("ring 2", "ring 1")


def test_who_loses_every_race_goes_back() -> None:
    bench = Bench()

    def another(n: int) -> Callable[[], None]:
        return lambda: bench.deliver(fact(Asked(), source="others", n=n))

    for n in range(MAX_TRIES):
        bench.table.mishaps += [comes_after(another(n + 1)), lambda write: write()]
    with pytest.raises(LostRaceError):
        bench.deliver(ASKED)
    assert "orders/1" not in bench.item(ORDER).handled
    bench.deliver(ASKED)
    assert "orders/1" in bench.item(ORDER).handled


def test_a_conflict_pauses_and_tries_again() -> None:
    bench = Bench()
    bench.table.mishaps += [conflicts, conflicts, conflicts]
    bench.deliver(ASKED)
    assert bench.pauses == [0, 1, 2]
    assert len(bench.table.writes) == 1


def test_conflicts_without_end_put_the_message_off() -> None:
    bench = Bench()
    bench.table.mishaps += [conflicts] * MAX_TRIES
    with pytest.raises(RetryableError):
        bench.deliver(ASKED)
    assert not bench.table.items


# Adjustments of other items


def taking(item: Item[Known], event: Event[Asked], refused: Refused | None) -> Decision[Known]:
    if refused:
        return Commit(add(item, f"{len(refused.adjusts)} refused"))
    take = tuple(Adjust(key, {"left": -1}, {"left": 1}) for key in event.data.question.split())
    return Commit(add(item, "taken"), adjust=take)


def shelf(key: str, left: int) -> dict[str, Any]:
    return {"pk": {"S": key}, "left": {"N": str(left)}}


def test_other_items_are_adjusted_with_the_orders_own() -> None:
    bench = Bench(taking, items={"cups": shelf("cups", 2), "pots": shelf("pots", 1)})
    bench.deliver(fact(Asked(question="cups pots")))
    assert words(bench) == ("taken",)
    assert (bench.table.number("cups", "left"), bench.table.number("pots", "left")) == (1, 0)


def test_refused_adjustments_are_the_decisions_next_result() -> None:
    bench = Bench(taking, items={"cups": shelf("cups", 2), "pots": shelf("pots", 0)})
    bench.deliver(fact(Asked(question="cups pots lids")))
    assert words(bench) == ("2 refused",)
    assert bench.table.number("cups", "left") == 2
    assert len(bench.table.writes) == 1


def test_a_duplicate_adjusts_nothing() -> None:
    bench = Bench(taking, items={"cups": shelf("cups", 2)})
    event = fact(Asked(question="cups"))
    bench.table.mishaps.append(unacknowledged)
    bench.deliver(event, event)
    assert bench.table.number("cups", "left") == 1


# Lost acknowledgements


def test_a_lost_acknowledgement_is_success() -> None:
    bench = Bench()
    bench.table.mishaps.append(unacknowledged)
    bench.deliver(ASKED)
    assert words(bench) == ("one",)
    assert len(answers(bench)) == 1


def test_after_a_lost_acknowledgement_nothing_is_decided_again() -> None:
    decided: list[int] = []

    def counted(item: Item[Known], event: Event[Asked], result: str | None) -> Decision[Known]:
        decided.append(item.version)
        return claiming(item, event, result)

    bench = Bench(counted, Bell())
    bench.table.mishaps += [unacknowledged, unacknowledged]
    bench.deliver(ASKED, deadline=NOON_MILLIS + 1000)
    assert decided == [0, 1]


def test_a_lost_acknowledgement_of_a_claim_acts_once() -> None:
    bell = Bell()
    bench = Bench(claiming, bell)
    bench.table.mishaps.append(unacknowledged)
    bench.deliver(ASKED, deadline=NOON_MILLIS + 1000)
    assert bell.rung == ["one"]
    assert words(bench) == ("one?", "one:ring 1")


def test_a_claim_whose_acknowledgement_was_lost_and_then_overwritten_acts_once() -> None:
    bell = Bell()
    bench = Bench(claiming, bell)

    def lost_and_overwritten(write: Callable[[], None]) -> None:
        write()
        bench.deliver(fact(Asked(question="two"), n=2))
        write()

    bench.table.mishaps.append(lost_and_overwritten)
    bench.deliver(ASKED, deadline=NOON_MILLIS + 1000)
    assert sorted(bell.rung) == ["one", "two"]
    assert bench.item(ORDER).claims == {}


# Claim, act, record


def test_an_act_outside_takes_two_writes() -> None:
    bell = Bell()
    bench = Bench(claiming, bell)
    bench.deliver(ASKED, deadline=NOON_MILLIS + 1000)
    assert bell.rung == ["one"]
    assert (bench.table.reads, len(bench.table.writes)) == (1, 2)
    assert words(bench) == ("one?", "one:ring 1")


def test_the_intent_is_written_before_the_act() -> None:
    seen: list[tuple[str, ...]] = []
    bench = Bench(claiming, Bell(lambda: seen.append(words(bench))))
    bench.deliver(ASKED)
    assert seen == [("one?",)]


def test_an_event_is_not_handled_before_its_act_is_recorded() -> None:
    seen: list[tuple[str, ...]] = []
    bench = Bench(claiming, Bell(lambda: seen.append(bench.item(ORDER).handled)))
    bench.deliver(ASKED)
    assert seen == [()]
    assert bench.item(ORDER).handled == ("orders/1",)


def test_once_recorded_nobody_claims_it() -> None:
    bench = Bench(claiming, Bell())
    bench.deliver(ASKED, deadline=NOON_MILLIS + 1000)
    assert bench.item(ORDER).claims == {}


def test_after_a_crash_in_the_act_a_later_delivery_resumes() -> None:
    bell = Bell(crash)
    bench = Bench(claiming, bell)
    with pytest.raises(RetryableError):
        bench.deliver(ASKED)
    bench.deliver(ASKED)
    assert bell.rung == ["one", "one"]
    assert words(bench) == ("one?", "one:ring 2")
    assert [event.sequence for event in answers(bench)] == [1]


def test_after_a_crash_before_the_record_a_later_delivery_resumes() -> None:
    bench = Bench(claiming, Bell())
    bench.table.mishaps += [lambda write: write(), fails(SystemExit())]
    with pytest.raises(SystemExit):
        bench.deliver(ASKED)
    bench.deliver(ASKED)
    assert words(bench) == ("one?", "one:ring 2")


@pytest.mark.parametrize("mishap", [fails(TimeoutError("not done")), unanswered])
def test_what_was_done_outside_is_recorded_though_a_write_fails(mishap: Mishap) -> None:
    bell = Bell()
    bench = Bench(claiming, bell)
    bench.table.mishaps += [lambda write: write(), mishap]
    bench.deliver(ASKED, deadline=NOON_MILLIS + 1000)
    assert bell.rung == ["one"]
    assert words(bench) == ("one?", "one:ring 1")
    assert len(bench.pauses) == 1
    assert [event.sequence for event in answers(bench)] == [1]


def test_what_can_never_be_recorded_goes_back() -> None:
    bench = Bench(claiming, Bell())
    bench.table.mishaps += [lambda write: write(), *[fails(TimeoutError("not done"))] * MAX_TRIES]
    with pytest.raises(RetryableError):
        bench.deliver(ASKED)
    assert "orders/1" not in bench.item(ORDER).handled


def test_another_delivery_is_put_off_while_the_first_is_acting() -> None:
    put_off: list[RetryableError] = []

    def deliver_again() -> None:
        bench.now += 1000
        with pytest.raises(RetryableError) as refusal:
            bench.deliver(ASKED)
        put_off.append(refusal.value)

    bell = Bell(deliver_again)
    bench = Bench(claiming, bell)
    bench.deliver(ASKED, deadline=NOON_MILLIS + 5000)
    assert [error.after for error in put_off] == [4.0]
    assert bell.rung == ["one"]


def test_when_the_first_must_have_ended_another_delivery_resumes() -> None:
    bell = Bell(crash)
    bench = Bench(claiming, bell)
    with pytest.raises(RetryableError):
        bench.deliver(ASKED, deadline=NOON_MILLIS + 5000)
    bench.now = NOON_MILLIS + 4999
    with pytest.raises(RetryableError):
        bench.deliver(ASKED)
    bench.now = NOON_MILLIS + 5000
    bench.deliver(ASKED)
    assert words(bench) == ("one?", "one:ring 2")


def test_an_act_that_fails_is_begun_again_no_sooner_than_its_lease_ends() -> None:
    bench = Bench(claiming, Bell(crash))
    with pytest.raises(RetryableError) as failed:
        bench.deliver(ASKED, deadline=NOON_MILLIS + 5000)
    assert failed.value.after == 5


def test_another_event_may_come_between() -> None:
    bell = Bell(lambda: bench.deliver(ASKED_AGAIN, deadline=NOON_MILLIS + 5000))
    bench = Bench(claiming, bell)
    bench.deliver(ASKED, deadline=NOON_MILLIS + 5000)
    assert bell.rung == ["one", "two"]
    assert words(bench) == ("one?", "two?", "two:ring 2", "one:ring 1")
    assert bench.item(ORDER).handled == ("orders/2", "orders/1")


def test_a_claim_may_announce_what_an_act_before_it_brought_about() -> None:
    def twice(item: Item[Known], event: Event[Asked], result: str | None) -> Decision[Known]:
        rung = item.state.words if item.state else ()
        if result and len(rung) == 2:
            return Commit(add(item, "done"), (Answered(text="second"),))
        announce = (Answered(text="first"),) if result else ()
        return Claim(add(item, "claimed"), event.data.question, announce)

    bench = Bench(twice, Bell())
    bench.deliver(ASKED, deadline=NOON_MILLIS + 1000)
    assert [bytes(event.data) for event in answers(bench)] == [b'{"text":"first"}', b'{"text":"second"}']
    assert len(bench.table.writes) == 3


# Commands


def test_a_command_is_settled_like_a_reaction_and_not_remembered() -> None:
    bench = Bench()
    item = bench.reactor.order(ORDER).settle(
        lambda item, _: Commit(add(item, "told"), (Answered(text="so"),)),
        Cause("request-1", TRACE, NOON_MILLIS),
        bet=True,
    )
    assert item == bench.item(ORDER)
    assert item.handled == ()
    assert bench.table.reads == 0


def test_a_command_that_changes_nothing_gives_the_item_as_it_is() -> None:
    bench = Bench()
    bench.deliver(ASKED)
    item = bench.reactor.order(ORDER).settle(lambda _item, _: Ignore(), Cause("request-1", TRACE, NOON_MILLIS))
    assert item == bench.item(ORDER)


def test_a_command_cannot_act_outside_by_a_claim() -> None:
    bench = Bench(perform=Bell())
    with pytest.raises(ValueError, match="only a reaction to an event"):
        bench.reactor.order(ORDER).settle(
            lambda item, _: Claim(add(item, "told"), "ring"), Cause("request-1", TRACE, NOON_MILLIS)
        )
    assert not bench.table.writes


def test_an_order_that_nobody_wrote_is_new() -> None:
    assert Bench().reactor.order(ORDER).read() == Item(ORDER)


def test_an_item_is_read_once() -> None:
    bench = Bench()
    order = bench.reactor.order(ORDER)
    order.read()
    order.read()
    order.react(ASKED, 0)
    assert bench.table.reads == 1
