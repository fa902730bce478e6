import json
from typing import Any

import pytest
from msgspec import UNSET

from tests.unit.facts import NOON_MILLIS, ORDER, TRACE, fact
from tests.unit.tidings.example import Answered, Asked, Known
from tidings.events import Contract, Event, decode
from tidings.item import Cause, Item, ItemCodec, Lease, advance, claim, handle, handled_key

CODEC = ItemCodec(Known)
COMMAND = Cause("request-1", TRACE, NOON_MILLIS)


def announced(item: Item[Known]) -> list[Any]:
    return [decode(event) for event in item.events]


def grow(item: Item[Known], announce: int, cause: Cause = COMMAND, now: int = NOON_MILLIS) -> Item[Known]:
    return advance(item, "answers", Known(), [Answered(text=str(n)) for n in range(announce)], cause, now)


def test_an_item_is_read_as_it_was_written() -> None:
    cause = Cause.of(fact(Asked(), source="ses", n=7))
    item = claim(
        handle(grow(Item(ORDER), 2), Cause.of(fact(Asked()))),
        cause,
        Lease("with/slash", NOON_MILLIS),
    )
    assert CODEC.decode(CODEC.encode(item, announces=True, extra={"owner": "customer-1"})) == item


def test_a_new_item_is_read_as_it_was_written() -> None:
    item = grow(Item(ORDER), 0)
    assert CODEC.decode(CODEC.encode(item, announces=False, extra={})) == item


def test_an_item_is_marked_only_where_it_announces() -> None:
    item = grow(Item(ORDER), 1)
    assert CODEC.encode(item, announces=True, extra={})["announces"] == {"BOOL": True}
    assert "announces" not in CODEC.encode(item, announces=False, extra={})


def test_the_indexs_attributes_stand_beside_the_items_own() -> None:
    attributes = CODEC.encode(grow(Item(ORDER), 0), announces=False, extra={"owner": "customer-1"})
    assert attributes["owner"] == {"S": "customer-1"}
    assert attributes["pk"] == {"S": ORDER}


def test_numbers_run_on_without_gaps() -> None:
    item: Item[Known] = Item(ORDER)
    for announce in (1, 0, 3, 2):
        item = grow(item, announce)
    assert [event.sequence for event in announced(item)] == [1, 2, 3, 4, 5, 6]
    assert [event.id for event in announced(item)] == [f"answers/{ORDER}/{n}" for n in range(1, 7)]


def test_each_write_raises_the_version_by_one() -> None:
    assert grow(grow(Item(ORDER), 0), 3).version == 2


def test_events_of_one_decision_have_increasing_times() -> None:
    times = [event.millis for event in announced(grow(Item(ORDER), 5))]
    assert times == sorted(set(times))


def test_an_effect_is_later_than_its_cause_also_where_the_clock_is_behind() -> None:
    cause = Cause.of(fact(Asked(), time="2026-01-31T12:00:05.000Z"))
    (event,) = announced(grow(Item(ORDER), 1, cause, now=NOON_MILLIS))
    assert event.millis == cause.time + 1


def test_an_event_is_later_than_the_one_before_also_where_the_clock_went_back() -> None:
    first, second = announced(grow(grow(Item(ORDER), 1, now=NOON_MILLIS + 1000), 1, now=NOON_MILLIS))
    assert second.millis > first.millis


def test_an_event_has_the_clocks_time_where_that_is_later() -> None:
    (event,) = announced(grow(Item(ORDER), 1, now=NOON_MILLIS + 60_000))
    assert event.millis == NOON_MILLIS + 60_000


def test_an_effect_names_its_cause_and_the_request_that_began_it_all() -> None:
    cause: Event[Contract] = fact(Asked(), n=4)
    (event,) = announced(grow(Item(ORDER), 1, Cause.of(cause)))
    assert event.causationid == cause.id
    assert (event.correlationid, event.traceparent) == (cause.correlationid, cause.traceparent)


def test_what_a_command_brings_about_has_no_cause() -> None:
    (event,) = announced(grow(Item(ORDER), 1))
    assert event.causationid is UNSET
    assert "causationid" not in json.loads(grow(Item(ORDER), 1).events[0])


def test_events_of_different_sources_are_told_apart_by_their_keys() -> None:
    assert handled_key(fact(Asked(), source="payment", n=12)) == "payment/12"
    assert handled_key(fact(Asked(), source="orders", n=12)) == "orders/12"


def test_what_is_handled_is_no_longer_claimed() -> None:
    one, other = Cause.of(fact(Asked(), n=1)), Cause.of(fact(Asked(), n=2))
    item = claim(claim(grow(Item(ORDER), 0), one, Lease("a", 1)), other, Lease("b", 2))
    done = handle(item, one)
    assert done.handled == ("orders/1",)
    assert done.claims == {"orders/2": Lease("b", 2)}


def test_a_command_is_not_remembered() -> None:
    item = grow(Item(ORDER), 1)
    assert handle(item, COMMAND) == item


def test_a_command_cannot_claim() -> None:
    with pytest.raises(ValueError, match="only a reaction to an event"):
        claim(Item(ORDER), COMMAND, Lease("a", 1))
