"""Personal data: carried beside an event's data, and erased from entities by one conditional write."""

import json
from itertools import permutations
from types import NoneType
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Struct

from tests.unit.tidings.example import Asked
from tidings.core.contract import Announcement, Contract, ContractRegistry
from tidings.core.decisions import Decision, Increment, Perform, Reserve, Save
from tidings.core.entity import Entity, EntityCodec, InProgress, MessageMetadata, OutboxEvent, StoredEntity, advance
from tidings.core.errors import ContentionError, PermanentError
from tidings.core.event import MAX_PERSONAL, Event, decode, encode, read_personal, without_personal
from tidings.core.personal import Personal, personal_of, redacted, with_personal
from tidings.core.service import Index, Service, on
from tidings.core.strategy import Batch, Batched, Observer, Projection
from tidings.handling.retries import MAX_ATTEMPTS
from tidings.testing import (
    CORRELATION_ID,
    SUBJECT,
    TRACEPARENT,
    Execute,
    Scenario,
    duplicate_request,
    fails,
    given,
    lost_answer,
    make_event,
    preceded_by,
    transaction_conflict,
)


class GuestErased(Contract, frozen=True, kw_only=True):
    producer = "registry"


class Guest(Personal, frozen=True):
    erased_by = GuestErased

    name: str

    def check(self) -> None:
        if not self.name:
            raise ValueError("name: This text is empty")


class FamousGuest(Guest, frozen=True):
    title: str


class Invited(Contract, frozen=True, kw_only=True):
    producer = "hosts"
    personal = Guest

    table: int = 1


class Moved(Contract, frozen=True, kw_only=True):
    producer = "hosts"

    table: int


class Seated(Contract, frozen=True, kw_only=True):
    producer = "seats"
    personal = Guest

    table: int


class Seat(Struct, frozen=True, omit_defaults=True):
    table: int = 0
    personal: Guest | None = None


NAME = "Zyx Marked"
BATCHED = Batched(batch=Batch(size=10, seconds=0))
ANN = Guest(NAME)
INVITED = make_event(Invited(), personal=ANN)
MOVED = make_event(Moved(table=7), number=2)
ERASED = make_event(GuestErased())
ERASED_AGAIN = make_event(GuestErased(), number=2)
NOON = INVITED.millis
COMMAND = MessageMetadata(CORRELATION_ID, TRACEPARENT, NOON)
REGISTRY = ContractRegistry([Invited, Moved])


def announcement(table: int, guest: Guest | None) -> Contract | Announcement:
    return Announcement(Seated(table=table), guest) if guest else Seated(table=table)


def on_invited(_entity: Entity[Seat], event: Event[Invited]) -> Decision[Seat]:
    guest = read_personal(event, Guest)
    return Save(Seat(event.data.table, guest), (announcement(event.data.table, guest),))


def on_moved(entity: Entity[Seat], event: Event[Moved]) -> Decision[Seat]:
    guest = entity.state.personal if entity.state else None
    return Save(Seat(event.data.table, guest), (announcement(event.data.table, guest),))


def card(entity: Entity[Seat]) -> dict[str, str]:
    """The attributes by which a seat is in the list of name cards."""
    return {"card": entity.state.personal.name if entity.state and entity.state.personal else "unknown"}


def seats(
    invited: Any = on_invited, moved: Any = on_moved, *, strategy: Any = None, creates: bool = True
) -> Service[Seat]:
    return Service(
        name="seats",
        state=Seat,
        announces=(Seated,),
        handlers=(on(Invited, invited, creates=creates, reads_personal=True), on(Moved, moved)),
        keeps=(Guest,),
        indexes=(Index(partition="card", sort="pk", of=card),),
        **({"strategy": strategy} if strategy else {}),
    )


def stored(scenario: Scenario[Seat]) -> StoredEntity:
    return scenario.table.entities[SUBJECT]


def contains_name(scenario: Scenario[Seat]) -> bool:
    return NAME in str(scenario.table.entities)


# The texts


def test_a_redacted_text_keeps_every_other_value_byte_for_byte() -> None:
    text = '{"a":1.50,"personal":{"name":"x"},"newer":{ "b" : "\\u00e9" },"data":{"personal":2}}'
    assert redacted(text) == '{"a":1.50,"newer":{ "b" : "\\u00e9" },"data":{"personal":2}}'


def test_a_text_without_personal_data_is_not_changed() -> None:
    text = ' { "a" : 1 } '
    assert redacted(text) == text


def test_no_spelling_of_the_member_survives() -> None:
    assert redacted('{"personal":1,"\\u0070ersonal":2,"a":3}') == '{"a":3}'


def test_an_event_that_was_redacted_and_joined_again_is_the_same() -> None:
    text = encode(INVITED)
    personal = personal_of(text)
    assert personal
    assert with_personal(redacted(text), personal) == text
    assert personal_of(redacted(text)) is None


# Events


def test_personal_data_travels_beside_the_data_as_json_text() -> None:
    envelope = json.loads(encode(INVITED))
    assert json.loads(envelope["personal"]) == {"name": NAME}
    assert NAME not in json.dumps(envelope["data"])
    assert read_personal(REGISTRY.decode(decode(encode(INVITED))), Guest) == ANN


def test_an_event_whose_personal_data_was_erased_has_none() -> None:
    assert read_personal(without_personal(INVITED), Guest) is None
    assert "personal" not in encode(without_personal(INVITED))


@pytest.mark.parametrize(
    "text",
    [
        "",
        NAME,
        "null",
        "{}",
        '{"name":""}',
        '{"name":1}',
        f'{{"{NAME}":1,"{NAME}":2}}',
        '{"name":"\\ud800"}',
        f'{{"name":"a","deep":{"[" * 70}{"]" * 70}}}',
    ],
)
def test_personal_data_that_breaks_its_type_breaks_the_contract_and_is_not_quoted(text: str) -> None:
    event = msgspec.structs.replace(INVITED, personal=text)
    with pytest.raises(PermanentError, match="Invited: personal: ") as refusal:
        REGISTRY.decode(decode(encode(event)))
    assert refusal.value.reason == "breaks-contract"
    assert NAME not in str(refusal.value)


@pytest.mark.parametrize("value", [None, 1, {"name": "a"}, "x" * (MAX_PERSONAL + 1)])
def test_an_attribute_that_is_no_text_or_too_long_is_no_event(value: Any) -> None:
    with pytest.raises(PermanentError) as refusal:
        decode(json.dumps(json.loads(encode(INVITED)) | {"personal": value}))
    assert refusal.value.reason == "not-an-event"


def test_a_contract_without_personal_data_ignores_the_attribute() -> None:
    event = msgspec.structs.replace(MOVED, personal=f'{{"name":"{NAME}"}}')
    assert REGISTRY.decode(decode(encode(event))) == MOVED


# Announcing


def announce(*announced: Contract | Announcement, erased: bool = False, state: Seat | None = None) -> Entity[Seat]:
    return advance(Entity(SUBJECT, erased=erased), "seats", state or Seat(), announced, COMMAND, NOON)


def test_an_announced_event_carries_its_personal_data() -> None:
    entity = announce(Announcement(Seated(table=1), ANN), Seated(table=2))
    assert [read_personal(event.read(Seated), Guest) for event in entity.outbox] == [ANN, None]
    read = OutboxEvent(entity.outbox[0].body).read(Seated)
    assert read_personal(read, Guest) == ANN


def test_personal_data_of_another_type_than_the_contracts_is_not_announced() -> None:
    with pytest.raises(TypeError, match="Seated does not declare that it carries FamousGuest"):
        announce(Announcement(Seated(table=1), FamousGuest(NAME, "Dr")))
    with pytest.raises(TypeError, match="Moved does not declare that it carries Guest"):
        announce(Announcement(Moved(table=1), ANN))


def test_personal_data_that_breaks_a_rule_is_not_announced() -> None:
    with pytest.raises(PermanentError, match="name: This text is empty") as refusal:
        announce(Announcement(Seated(table=1), Guest("")))
    assert refusal.value.reason == "breaks-contract"


def test_after_an_erasure_neither_state_nor_events_contain_personal_data() -> None:
    entity = announce(Announcement(Seated(table=1), ANN), erased=True, state=Seat(1, ANN))
    assert entity.state == Seat(1)
    assert [event.read(Seated).personal for event in entity.outbox] == [UNSET]


# The erasure of an entity


def test_an_erasure_removes_personal_data_by_one_write_and_leaves_the_rest() -> None:
    scenario = given(seats(), INVITED)
    assert (contains_name(scenario), stored(scenario).attributes) == (True, {"card": NAME})
    scenario.when(ERASED).then(state=Seat(1), announced=[], writes=1)
    assert not contains_name(scenario)
    after = stored(scenario)
    assert (after.erased, after.announces, after.attributes) == (True, False, {"card": "unknown"})
    assert after.inbox == ("hosts/1", "registry/1")
    assert [body for body in after.outbox if "personal" in body] == []
    assert scenario.announced(SUBJECT) == [Seated(table=1)]


def test_an_erasure_keeps_what_a_newer_release_wrote() -> None:
    text = '{"table":1,"personal":{"name":"x","title":"y"},"newer":[1.0, {"a": 2}]}'
    body = '{"id":"seats/1/1","newer":"z","personal":"{}","data":{"table":1,"newer":1.50}}'
    running = {"hosts/3": InProgress("token", 5)}
    before = StoredEntity(SUBJECT, 3, text, ("hosts/1",), (body,), running, announces=True)
    after = EntityCodec(Seat).erase(before, SUBJECT, "registry/1")
    assert after == StoredEntity(
        SUBJECT,
        4,
        '{"table":1,"newer":[1.0, {"a": 2}]}',
        ("hosts/1", "registry/1"),
        ('{"id":"seats/1/1","newer":"z","data":{"table":1,"newer":1.50}}',),
        running,
        erased=True,
    )


def test_an_erasure_that_comes_first_is_remembered_without_a_state() -> None:
    scenario = given(seats()).when(ERASED).then(state=None, writes=1)
    assert (stored(scenario).state, stored(scenario).attributes) == ("null", {})
    scenario.when(INVITED).then(state=Seat(1), announced=[Seated(table=1)])
    assert (stored(scenario).erased, scenario.entity(SUBJECT).version) == (True, 2)


@pytest.mark.parametrize("creates", [True, False])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("events", list(permutations([INVITED, MOVED, ERASED, ERASED_AGAIN])))
def test_in_any_sequence_and_with_repeats_nothing_personal_is_stored_in_the_end(
    events: tuple[Event[Any], ...], batched: bool, creates: bool
) -> None:
    scenario = given(seats(creates=creates))
    if batched:
        scenario.when_batch(*events).then()
    scenario.when(*events, *events).then()
    assert (contains_name(scenario), stored(scenario).erased) == (False, True)
    assert len(scenario.announced(SUBJECT)) == 2


def test_a_delayed_event_after_the_erasure_brings_nothing_back() -> None:
    later = make_event(Invited(table=3), number=5, personal=ANN)
    given(seats(), INVITED, ERASED).when(later).then(state=Seat(3), announced=[Seated(table=3)])


def test_a_repeated_erasure_writes_nothing_and_another_one_is_remembered() -> None:
    scenario = given(seats(), INVITED, ERASED).when(ERASED).then(writes=0)
    scenario.when(ERASED_AGAIN).then(state=Seat(1), writes=1)
    assert stored(scenario).inbox == ("hosts/1", "registry/1", "registry/2")


def test_an_erasure_whose_answer_was_lost_is_done_once() -> None:
    scenario = given(seats(), INVITED)
    scenario.table.commit_faults.next(lost_answer)
    scenario.when(ERASED).then_fails(TimeoutError)
    scenario.when(ERASED).then(state=Seat(1), writes=0)
    again = given(seats(), INVITED)
    again.table.commit_faults.next(duplicate_request)
    again.when(ERASED).then(state=Seat(1), writes=1)


def test_an_erasure_that_fails_leaves_everything_and_is_repeated() -> None:
    scenario = given(seats(), INVITED)
    scenario.table.commit_faults.next(fails(TimeoutError("no answer")))
    scenario.when(ERASED).then_fails(TimeoutError)
    assert contains_name(scenario)
    scenario.when(ERASED).then(state=Seat(1), writes=1)


def test_an_erasure_waits_for_a_transaction_and_is_tried_again() -> None:
    scenario = given(seats(), INVITED)
    scenario.table.commit_faults.next(transaction_conflict)
    scenario.when(ERASED).then(state=Seat(1), writes=1)
    assert scenario.pauses == [0]


def test_an_erasure_that_always_loses_is_delivered_again() -> None:
    scenario = given(seats(), INVITED)
    scenario.table.commit_faults.next(*[transaction_conflict] * MAX_ATTEMPTS * 3)
    scenario.when(ERASED).then_fails(ContentionError)
    assert contains_name(scenario)


def test_an_erasure_that_loses_to_another_writer_erases_what_that_one_wrote() -> None:
    scenario = given(seats())
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(INVITED)))
    scenario.when(ERASED).then(state=Seat(1))
    assert not contains_name(scenario)


def test_a_write_that_loses_to_an_erasure_is_decided_again_without_personal_data() -> None:
    scenario = given(seats(), INVITED)
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(ERASED)))
    scenario.when(make_event(Invited(table=4), number=4, personal=ANN)).then(state=Seat(4))
    assert not contains_name(scenario)


def test_an_optimistic_create_finds_an_entity_that_was_erased_before_its_first_event() -> None:
    scenario = given(seats(), ERASED)
    reads = len(scenario.table.reads)
    scenario.when(INVITED).then(state=Seat(1), announced=[Seated(table=1)], writes=1)
    assert len(scenario.table.reads) == reads
    assert not contains_name(scenario)


def test_a_command_on_an_erased_entity_stores_and_announces_nothing_personal() -> None:
    def seat(_entity: Entity[Seat]) -> Decision[Seat]:
        return Save(Seat(9, ANN), (Announcement(Seated(table=9), ANN),))

    scenario = (
        given(seats(), ERASED)
        .when(Execute(SUBJECT, seat, creates=True))
        .then(state=Seat(9), announced=[Seated(table=9)])
    )
    assert not contains_name(scenario)


# Effects


class Doorman:
    """A port during whose call the guest is erased."""

    def __init__(self) -> None:
        self.during: Any = lambda: None
        self.seen: list[str] = []

    def greet(self, name: str) -> str:
        self.seen.append(name)
        self.during()
        return name


class Greet(Struct, frozen=True):
    name: str

    def perform(self, doorman: Doorman) -> str:
        return doorman.greet(self.name)


def greeted(_entity: Entity[Seat], name: str) -> Decision[Seat]:
    """Save by what was known when the effect began."""
    return Save(Seat(2, Guest(name)), (Announcement(Seated(table=2), Guest(name)),))


def performing(_entity: Entity[Seat], event: Event[Invited]) -> Decision[Seat]:
    guest = read_personal(event, Guest)
    return Perform(Greet(guest.name if guest else "guest"), greeted)


def reserving(_entity: Entity[Seat], event: Event[Invited]) -> Decision[Seat]:
    guest = read_personal(event, Guest)
    return Reserve(Seat(1, guest), Greet(guest.name if guest else "guest"), greeted)


@pytest.mark.parametrize("invited", [performing, reserving])
def test_the_result_of_an_effect_that_began_before_the_erasure_brings_nothing_back(invited: Any) -> None:
    doorman = Doorman()
    scenario = given(seats(invited), port=doorman)
    doorman.during = lambda: scenario.given(ERASED)
    scenario.when(INVITED).then(state=Seat(2), announced=[Seated(table=2)])
    assert (contains_name(scenario), stored(scenario).erased) == (False, True)
    assert scenario.entity(SUBJECT).in_progress == {}


def test_an_effect_after_the_erasure_learns_nothing_personal() -> None:
    doorman = Doorman()
    given(seats(reserving), ERASED, INVITED, port=doorman)
    assert doorman.seen == ["guest"]


def test_the_next_event_of_a_batch_finds_no_personal_data_that_an_effect_brought_back() -> None:
    found: list[Guest | None] = []

    def moved(entity: Entity[Seat], event: Event[Moved]) -> Decision[Seat]:
        found.append(entity.state.personal if entity.state else None)
        return on_moved(entity, event)

    doorman = Doorman()
    scenario = given(seats(performing, moved), port=doorman)
    doorman.during = lambda: scenario.given(ERASED)
    scenario.when_batch(INVITED, MOVED).then()
    assert found == [None]


def test_a_handler_that_does_not_read_personal_data_receives_none() -> None:
    found: list[Guest | None] = []

    def invited(_entity: Entity[Seat], event: Event[Invited]) -> Decision[Seat]:
        found.append(read_personal(event, Guest))
        return Save(Seat(event.data.table))

    service = Service(name="seats", state=Seat, handlers=(on(Invited, invited),), keeps=(Guest,))
    given(service).when(INVITED).then(state=Seat(INVITED.data.table))
    assert found == [None]


def test_a_handler_cannot_read_personal_data_of_an_event_that_carries_none() -> None:
    with pytest.raises(ValueError, match="which carries no personal data"):
        Service(name="seats", state=Seat, handlers=(on(Moved, on_moved, reads_personal=True),), keeps=(Guest,))


# Batches


def counting(_entity: Entity[Seat], event: Event[Invited]) -> Decision[Seat]:
    guest = read_personal(event, Guest)
    increments = (Increment("#tables", {"guests": 1}),)
    return Save(Seat(event.data.table, guest), (announcement(event.data.table, guest),), increments)


def of(subject: str, event: Event[Any]) -> Event[Any]:
    personal = ANN if event.personal is not UNSET else None
    return make_event(event.data, subject=subject, number=event.number, personal=personal)


def test_a_batch_commits_invitations_together_and_erases_each_entity_by_itself() -> None:
    scenario = given(seats(counting, strategy=BATCHED))
    events = [of(subject, event) for event in (INVITED, ERASED) for subject in ("a", "b", "c")]
    scenario.when_batch(*events, of("d", ERASED), of("d", INVITED)).then(numbers={"#tables": {"guests": 4}})
    assert not contains_name(scenario)
    assert all(entity.erased for entity in scenario.table.entities.values())
    assert len(scenario.table.commits[0][0]) == 3


def test_a_proposal_that_loses_to_an_erasure_is_decided_again_without_personal_data() -> None:
    scenario = given(seats(counting, strategy=BATCHED))
    scenario.table.commit_faults.next(preceded_by(lambda: scenario.given(of("a", ERASED))))
    scenario.when_batch(of("a", INVITED), of("b", INVITED)).then(numbers={"#tables": {"guests": 2}})
    entities = scenario.table.entities
    assert (NAME in str(entities["a"]), NAME in str(entities["b"])) == (False, True)


# Declarations


def test_a_service_subscribes_to_the_events_that_erase_what_it_keeps() -> None:
    assert seats().contracts == (Invited, Moved, GuestErased)
    assert seats().erased_by == (GuestErased,)
    assert not seats().creates("GuestErased")


def declare(state: Any = NoneType, **fields: Any) -> Service[Any]:
    return Service(name="seats", state=state, **fields)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"announces": (Seated,)}, "does not declare that it keeps personal data"),
        ({"state": Seat}, "does not declare that it keeps any"),
        ({"keeps": (Guest,), "strategy": Observer()}, "a log, an observer or a projection"),
        ({"keeps": (Guest,), "strategy": Projection(contribution=lambda _: {})}, "a log, an observer or a projection"),
        ({"keeps": (Guest,), "handlers": (on(GuestErased, lambda _entity, _event: Save(None)),)}, "two handlers"),
    ],
)
def test_a_service_must_declare_the_personal_data_that_it_keeps(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        declare(**changes)


# The kit for tests


def test_a_scenario_compares_the_personal_data_of_an_announcement() -> None:
    outcome = given(seats()).when(INVITED)
    outcome.then(announced=[Announcement(Seated(table=1), ANN)])
    outcome.then(announced=[Seated(table=1)])
    for wrong in (Announcement(Seated(table=1), Guest("other")), Announcement(Seated(table=2), ANN)):
        with pytest.raises(AssertionError, match="the announced events"):
            outcome.then(announced=[wrong])
    with pytest.raises(AssertionError, match="the announced events"):
        outcome.then(announced=[Announcement(Seated(table=1), ANN), Seated(table=2)])
    erased = given(seats(), ERASED).when(INVITED)
    with pytest.raises(AssertionError, match="the announced events"):
        erased.then(announced=[Announcement(Seated(table=1), ANN)])


def test_a_scenario_may_begin_with_an_erased_entity() -> None:
    entity: Entity[Seat] = Entity(SUBJECT, version=1, state=Seat(1), erased=True)
    given(seats(), entity).when(make_event(Invited(table=2), number=3, personal=ANN)).then(state=Seat(2))


def test_an_event_of_another_service_is_not_touched() -> None:
    assert without_personal(make_event(Asked())) == make_event(Asked())
