"""The recall of one entity: the events that are appended, and the inputs that are folded or left to the replay."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tidings.core.contract import Announcement, Contract
from tidings.core.decisions import Decision, Perform, Reserve, Save, Skip
from tidings.core.entity import Entity, StoredEntity
from tidings.core.errors import PermanentError
from tidings.core.event import Event, decode, encode
from tidings.core.personal import Personal
from tidings.core.service import Index, Service, on
from tidings.core.strategy import Projection
from tidings.recovery import LoggedEvent, Recalled, Recovery, RecoveryError, recall
from tidings.testing import NOON, make_event

KEY = "T-1"


class GuestErased(Contract, frozen=True, kw_only=True):
    producer = "guests"


class Guest(Personal, frozen=True):
    erased_by = GuestErased

    name: str


class Booked(Contract, frozen=True, kw_only=True):
    producer = "desk"
    personal = Guest


class Paid(Contract, frozen=True, kw_only=True):
    producer = "till"


class Refused(Contract, frozen=True, kw_only=True):
    producer = "till"


class Broken(Contract, frozen=True, kw_only=True):
    producer = "till"


class Opened(Contract, frozen=True, kw_only=True):
    producer = "rooms"
    personal = Guest


class Closed(Contract, frozen=True, kw_only=True):
    producer = "rooms"


class Room(Struct, frozen=True, omit_defaults=True):
    """A room. It is opened once it is booked and paid, and closed if the payment is refused after that."""

    booked: bool = False
    paid: bool = False
    open: bool = False
    refused: bool = False
    personal: Guest | None = None


class Sum(Struct, frozen=True):
    """The state of a projection."""


def on_booked(entity: Entity[Room], _event: Event[Booked]) -> Decision[Room]:
    return _opened(replace(entity.state or Room(), booked=True))


def on_paid(entity: Entity[Room], _event: Event[Paid]) -> Decision[Room]:
    return _opened(replace(entity.state or Room(), paid=True))


def _opened(room: Room) -> Decision[Room]:
    if room.refused or not (room.booked and room.paid):
        return Save(room)
    return Save(replace(room, open=True), (Announcement(Opened(), Guest("Ada")),))


def on_refused(entity: Entity[Room], _event: Event[Refused]) -> Decision[Room]:
    room = entity.state or Room()
    if room.open:
        return Save(replace(room, open=False, refused=True), (Closed(),))
    return Save(replace(room, refused=True))


class Ring(Struct, frozen=True):
    def perform(self, _port: Any) -> None: ...


def on_broken(_entity: Entity[Room], event: Event[Broken]) -> Decision[Room]:
    if event.number == 9:
        raise PermanentError("broken", "it can never be handled")
    return Skip() if event.number == 8 else Perform(Ring(), lambda _entity, _result: Skip())


SERVICE = Service(
    name="rooms",
    state=Room,
    announces=(Opened, Closed),
    handlers=(on(Booked, on_booked), on(Paid, on_paid), on(Refused, on_refused), on(Broken, on_broken)),
    keeps=(Guest,),
    indexes=(Index(partition="list", sort="rank", of=lambda entity: {"list": str(entity.state.open)}),),
)

RECOVERY = Recovery(
    service=SERVICE,
    recalls=(
        recall(Opened, lambda room, _event, _cause: replace(room or Room(), open=True)),
        recall(Closed, lambda room, _event, _cause: replace(room or Room(), open=False, refused=True)),
    ),
)


NOTHING = Recalled(None)


def logged(data: Contract, second: int, *, number: int = 1, cause: str | None = None, **more: Any) -> LoggedEvent:
    time = NOON.replace("00.000Z", f"{second:02d}.000Z")
    event: Event[Any] = make_event(data, subject=KEY, number=number, time=time, cause=cause, **more)
    body = encode(event)
    return LoggedEvent(f"{time}/{event.id}", body, decode(body))


def recovered(*log: LoggedEvent, stored: StoredEntity | None = None) -> Entity[Room]:
    found = RECOVERY.recover(stored, KEY, log).entity
    assert found is not None
    return SERVICE.codec.decode(found)


BOOKED = logged(Booked(), 1)
PAID = logged(Paid(), 2)
OPENED = logged(Opened(), 3, cause=PAID.event.id)


def test_events_that_the_outbox_lacks_are_appended_byte_for_byte() -> None:
    entity = recovered(BOOKED, PAID, OPENED)
    assert [event.body for event in entity.outbox] == [OPENED.body]
    assert entity.state == Room(booked=True, open=True)


def test_an_input_that_changes_the_state_only_is_folded_and_marked_as_handled() -> None:
    entity = recovered(BOOKED)
    assert entity.state == Room(booked=True)
    assert entity.inbox == ("desk/1",)


def test_the_cause_of_an_announced_event_is_marked_as_handled_and_not_folded() -> None:
    entity = recovered(PAID, OPENED)
    assert entity.inbox == ("till/1",)
    assert entity.state == Room(open=True)


def test_a_cause_of_another_entity_is_not_marked_as_handled() -> None:
    opened = logged(Opened(), 3, cause="till/T-2/1")
    assert recovered(opened).inbox == ()


def test_a_cause_that_is_not_done_yet_is_not_marked_as_handled() -> None:
    unfinished = Recovery(
        service=SERVICE,
        recalls=(
            recall(Opened, lambda room, _event, _cause: replace(room or Room(), open=True), completes=False),
            *RECOVERY.recalls[1:],
        ),
    )
    found = unfinished.recover(None, KEY, [BOOKED, PAID, OPENED]).entity
    assert found is not None
    assert found.inbox == ("desk/1",)


def test_an_input_whose_decision_announces_is_left_to_the_replay() -> None:
    entity = recovered(BOOKED, PAID)
    assert entity.state == Room(booked=True)
    assert entity.outbox == ()
    assert entity.inbox == ("desk/1",)


def test_an_input_that_would_announce_after_a_later_announced_event_is_left_to_the_replay() -> None:
    # The refusal came before the opening by its time, and may have been handled after it.
    refused = logged(Refused(), 2, number=2)
    entity = recovered(BOOKED, PAID, refused, OPENED)
    assert entity.state is not None
    assert entity.state.open
    assert not entity.state.refused
    assert "till/2" not in entity.inbox


@pytest.mark.parametrize("number", [1, 8, 9])
def test_an_input_that_acts_or_is_ignored_or_refused_is_left_to_the_replay(number: int) -> None:
    assert RECOVERY.recover(None, KEY, [logged(Broken(), 1, number=number)]) == NOTHING


def test_an_event_of_another_producer_or_of_no_known_form_is_left_to_the_replay() -> None:
    assert RECOVERY.recover(None, KEY, [logged(Booked(), 1, source="intruder")]) == NOTHING


def test_an_entity_that_lacks_nothing_is_left_as_it_is() -> None:
    stored = RECOVERY.recover(None, KEY, [BOOKED, PAID, OPENED]).entity
    assert RECOVERY.recover(stored, KEY, [BOOKED, PAID, OPENED]) == NOTHING


def test_a_second_run_finds_nothing_if_a_cause_that_was_not_done_has_nothing_left_to_do() -> None:
    unfinished = Recovery(
        service=SERVICE,
        recalls=(
            RECOVERY.recalls[0],
            recall(
                Closed, lambda room, _event, _cause: replace(room or Room(), open=False, refused=True), completes=False
            ),
        ),
    )
    refused = logged(Refused(), 4, number=2)
    log = [BOOKED, PAID, OPENED, refused, logged(Closed(), 5, number=2, cause=refused.event.id)]
    found = unfinished.recover(None, KEY, log).entity
    assert found is not None
    assert "till/2" in found.inbox
    assert unfinished.recover(found, KEY, log) == NOTHING


def test_the_next_version_is_one_later_and_announces_nothing_again() -> None:
    first = RECOVERY.recover(None, KEY, [BOOKED]).entity
    assert first is not None
    second = RECOVERY.recover(first, KEY, [BOOKED, PAID, OPENED]).entity
    assert second is not None
    assert (first.version, second.version) == (1, 2)
    assert not second.announces
    assert second.attributes == {"list": "True"}


def test_a_gap_in_the_log_is_refused() -> None:
    closed = logged(Closed(), 4, number=2)
    with pytest.raises(RecoveryError, match="the event log lacks rooms/T-1/1"):
        RECOVERY.recover(None, KEY, [closed])


def test_what_was_erased_does_not_come_back() -> None:
    stored = SERVICE.codec.encode(
        Entity(KEY, 3, Room(open=True, personal=Guest("Ada"))), announces=False, attributes={}
    )
    erased = logged(GuestErased(), 5)
    found = RECOVERY.recover(stored, KEY, [erased]).entity
    assert found is not None
    assert "Ada" not in found.state
    assert found.erased
    assert found.version == stored.version + 1
    assert found.inbox == ("guests/1",)
    assert RECOVERY.recover(found, KEY, [erased]) == NOTHING


def test_an_entity_that_was_erased_and_is_not_stored_is_erased_before_anything_is_folded() -> None:
    entity = recovered(logged(GuestErased(), 5), BOOKED)
    assert entity.erased
    assert entity.version == 1
    assert entity.state == Room(booked=True)


def test_each_announced_event_type_needs_a_recall() -> None:
    with pytest.raises(ValueError, match="rooms announces"):
        Recovery(service=SERVICE, recalls=RECOVERY.recalls[:1])


def test_a_projection_is_rebuilt_and_not_recovered() -> None:
    counted = Service(name="figures", state=Sum, strategy=Projection(contribution=lambda _room: {}))
    with pytest.raises(ValueError, match="a projection"):
        Recovery(service=counted, recalls=())


# The facts that the log does not have


def test_what_was_done_unannounced_is_adopted_if_nothing_was_announced() -> None:
    adopting = Recovery(service=SERVICE, recalls=RECOVERY.recalls, adopt=ask_if_unknown)
    asked: list[str] = []
    found = adopting.recover(None, KEY, [BOOKED], asked).entity
    assert found is not None
    assert SERVICE.codec.decode(found).state == Room(paid=True)
    assert asked == [KEY]
    assert adopting.recover(None, KEY, [BOOKED, PAID, OPENED], asked).entity
    assert adopting.recover(found, KEY, [], asked) == NOTHING
    assert asked == [KEY]


def test_what_an_adopted_entity_had_changed_elsewhere_is_to_be_done_again_before_it_is_written() -> None:
    adopting = Recovery(
        service=SERVICE,
        recalls=RECOVERY.recalls,
        adopt=lambda entity, _inputs: Perform(
            Find(entity.key, 1), lambda _entity, _found: Reserve(Room(paid=True), Find("again", 0), skip)
        ),
    )
    asked: list[str] = []
    entity, effects = adopting.recover(None, KEY, [BOOKED], asked)
    assert entity is not None
    assert SERVICE.codec.decode(entity).state == Room(paid=True)
    assert effects == (Find("again", 0),)
    assert asked == [KEY]


def ask_if_unknown(entity: Entity[Room], inputs: Sequence[Event[Any]]) -> Perform[Room] | None:
    if entity.state is not None:
        return None
    return Perform(Find(entity.key, len(inputs)), lambda _entity, found: Save(Room(paid=found == 1)))


def skip(_entity: Entity[Room], _found: int) -> Decision[Room]:
    return Skip()


class Find(Struct, frozen=True):
    key: str
    inputs: int

    def perform(self, asked: list[str]) -> int:
        asked.append(self.key)
        return self.inputs


def test_a_cause_that_the_log_lacks_yet_is_refused() -> None:
    with pytest.raises(RecoveryError, match="the event log lacks till/T-1/1, which caused rooms/T-1/1"):
        RECOVERY.recover(None, KEY, [OPENED])


# Further kinds of entities


class Month(Struct, frozen=True):
    events: int = 0


MONTHS = Service(name="rooms", state=Month, announces=(Closed,))
KINDS = Recovery(
    service=SERVICE,
    recalls=RECOVERY.recalls[:1],
    kinds=(
        Recovery(
            service=MONTHS,
            recalls=(recall(Closed, lambda month, _event, _cause: Month((month or Month()).events + 1)),),
            derive=lambda month: ("#year", lambda _year: Month(month.state.events if month.state else 0)),
            keys="T-[0-9]+",
        ),
    ),
)


def test_an_entity_of_a_further_kind_is_recalled_by_its_own_declaration() -> None:
    found = KINDS.recover(None, KEY, [logged(Closed(), 1)]).entity
    assert found is not None
    assert MONTHS.codec.decode(found).state == Month(1)


def test_an_entity_that_the_same_events_changed_is_derived_once() -> None:
    month = KINDS.recover(None, KEY, [logged(Closed(), 1)]).entity
    assert month is not None
    year = KINDS.derived(month, lambda _key: None)
    assert year is not None
    assert (year.key, year.version, MONTHS.codec.decode(year).state) == ("#year", 1, Month(1))
    assert KINDS.derived(month, lambda _key: year) is None
    assert RECOVERY.derived(month, lambda _key: None) is None
