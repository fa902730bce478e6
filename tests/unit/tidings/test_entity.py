import json
from collections.abc import Callable
from typing import Annotated, Any, cast

import pytest
from msgspec import UNSET, Struct

from tests.unit.tidings.example import Answered, Asked, Known
from tidings.core.contract import Contract, Upcaster
from tidings.core.entity import (
    Entity,
    EntityCodec,
    InProgress,
    MessageMetadata,
    OutboxEvent,
    StoredEntity,
    advance,
    inbox_key,
    mark_handled,
    mark_in_progress,
    reserved_key,
)
from tidings.core.errors import NewerReleaseError, PermanentError
from tidings.core.event import Event, decode, encode
from tidings.core.formats import since
from tidings.testing import CORRELATION_ID, SUBJECT, TRACEPARENT, make_event

CODEC = EntityCodec(Known)
NOON = make_event(Asked()).millis
COMMAND = MessageMetadata(CORRELATION_ID, TRACEPARENT, NOON)


def announced(entity: Entity[Known]) -> list[Event[Answered]]:
    return [event.read(Answered) for event in entity.outbox]


def write(entity: Entity[Known], announce: int, metadata: MessageMetadata = COMMAND, now: int = NOON) -> Entity[Known]:
    data = [Answered(text=str(n)) for n in range(announce)]
    return advance(entity, "answers", Known(), data, metadata, now)


def stored(entity: Entity[Known]) -> Entity[Known]:
    """The entity as it is read from a table."""
    return CODEC.decode(CODEC.encode(entity, announces=False, attributes={}))


# The stored form


def test_an_entity_is_read_as_it_was_written() -> None:
    other = MessageMetadata.of(make_event(Asked(), source="mail", number=7))
    entity = mark_handled(write(Entity(SUBJECT), 2), MessageMetadata.of(make_event(Asked())))
    entity = mark_in_progress(entity, other, InProgress("with/slash", NOON))
    assert CODEC.decode(CODEC.encode(entity, announces=True, attributes={"owner": "someone"})) == entity


def test_a_new_entity_is_read_as_it_was_written() -> None:
    entity = write(Entity(SUBJECT), 0)
    assert stored(entity) == entity


def test_a_stored_entity_is_plain_text_and_numbers() -> None:
    entity = mark_handled(write(Entity(SUBJECT), 1), MessageMetadata.of(make_event(Asked())))
    entity = mark_in_progress(entity, MessageMetadata.of(make_event(Asked(), number=2)), InProgress("a", 5))
    assert CODEC.encode(entity, announces=True, attributes={"owner": "someone"}) == StoredEntity(
        key=SUBJECT,
        version=1,
        state='{"words":[]}',
        inbox=("test/1",),
        outbox=(entity.outbox[0].body,),
        in_progress={"test/2": InProgress("a", 5)},
        announces=True,
        attributes={"owner": "someone"},
    )


# Announced events


def test_numbers_continue_without_gaps() -> None:
    entity: Entity[Known] = Entity(SUBJECT)
    for announce in (1, 0, 3, 2):
        entity = write(entity, announce)
    assert [event.number for event in announced(entity)] == [1, 2, 3, 4, 5, 6]
    assert [event.id for event in announced(entity)] == [f"answers/{SUBJECT}/{n}" for n in range(1, 7)]


def test_each_write_raises_the_version_by_one() -> None:
    assert write(write(Entity(SUBJECT), 0), 3).version == 2


def test_events_of_one_decision_have_increasing_times() -> None:
    times = [event.millis for event in announced(write(Entity(SUBJECT), 5))]
    assert times == sorted(set(times))


def test_an_event_is_later_than_its_cause_even_if_the_clock_is_behind() -> None:
    cause = MessageMetadata.of(make_event(Asked(), time=NOON + 5000))
    (event,) = announced(write(Entity(SUBJECT), 1, cause))
    assert event.millis == NOON + 5001


def test_an_event_is_later_than_the_one_before_even_if_the_clock_went_back() -> None:
    first, second = announced(write(write(Entity(SUBJECT), 1, now=NOON + 1000), 1, now=NOON))
    assert second.millis > first.millis


def test_an_event_is_later_than_the_one_before_that_was_read_from_the_table() -> None:
    first, second = announced(write(stored(write(Entity(SUBJECT), 1, now=NOON + 1000)), 1, now=NOON))
    assert second.millis > first.millis


def test_an_event_has_the_clocks_time_if_that_is_later() -> None:
    (event,) = announced(write(Entity(SUBJECT), 1, now=NOON + 60_000))
    assert event.millis == NOON + 60_000


def test_an_event_names_its_cause_and_the_request_at_the_beginning() -> None:
    cause = make_event(Asked(), number=4)
    (event,) = announced(write(Entity(SUBJECT), 1, MessageMetadata.of(cause)))
    assert event.causationid == cause.id
    assert (event.correlationid, event.traceparent) == (cause.correlationid, cause.traceparent)


def test_an_event_after_a_command_has_no_cause() -> None:
    entity = write(Entity(SUBJECT), 1)
    assert announced(entity)[0].causationid is UNSET
    assert "causationid" not in json.loads(entity.outbox[0].body)


def test_an_announced_event_has_no_sequence_member() -> None:
    assert "sequence" not in json.loads(write(Entity(SUBJECT), 1).outbox[0].body)


# The first event


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bodies that were decoded as envelopes."""
    bodies: list[str] = []

    def counted(body: str) -> Any:
        bodies.append(body)
        return decode(body)

    monkeypatch.setattr("tidings.core.entity.decode", counted)
    return bodies


def test_the_first_event_is_parsed_once(decoded: list[str]) -> None:
    entity = stored(write(Entity(SUBJECT), 2))
    first = entity.first_event(Answered)
    assert first.data == Answered(text="0")
    assert entity.first_event(Answered) is first
    assert decoded == [entity.outbox[0].body]


def test_the_first_event_of_later_versions_is_not_parsed_again(decoded: list[str]) -> None:
    entity = stored(write(Entity(SUBJECT), 1))
    first = entity.first_event(Answered)
    assert write(entity, 1).first_event(Answered) is first
    assert decoded == [entity.outbox[0].body]


def test_a_first_event_that_was_just_announced_is_not_parsed(decoded: list[str]) -> None:
    assert write(Entity(SUBJECT), 1).first_event(Answered).data == Answered(text="0")
    assert decoded == []


def test_an_announced_event_reads_like_its_stored_text() -> None:
    entity = write(Entity(SUBJECT), 1)
    assert stored(entity).first_event(Answered) == entity.first_event(Answered)
    assert stored(entity).outbox[0].millis == entity.outbox[0].millis


def test_an_entity_that_announced_nothing_has_no_first_event() -> None:
    with pytest.raises(LookupError, match="has announced nothing"):
        Entity[Known](SUBJECT).first_event(Answered)


@pytest.mark.parametrize("read", [lambda entity: entity, stored], ids=["announced", "stored"])
def test_a_first_event_of_another_type_is_an_error(read: Callable[[Entity[Known]], Entity[Known]]) -> None:
    with pytest.raises(TypeError, match="is Answered, not Asked"):
        read(write(Entity(SUBJECT), 1)).first_event(Asked)


def test_an_event_that_was_read_as_another_type_can_still_be_read() -> None:
    entity = stored(write(Entity(SUBJECT), 1))
    with pytest.raises(TypeError):
        entity.first_event(Asked)
    assert entity.first_event(Answered).data == Answered(text="0")


def test_an_outbox_event_knows_its_head_without_its_data() -> None:
    event = make_event(Asked(), source="desk", number=3)
    head = OutboxEvent(encode(event)).head
    assert (head.id, head.type, head.subject) == (event.id, "Asked", SUBJECT)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (Answered(text=cast(str, 7)), COMMAND),
        (Answered(text="so"), MessageMetadata("two words", TRACEPARENT, NOON)),
        (Answered(text="so"), MessageMetadata(CORRELATION_ID, "00-0-0-00", NOON)),
    ],
)
def test_an_event_that_every_consumer_would_refuse_is_not_announced(data: Answered, cause: MessageMetadata) -> None:
    with pytest.raises(PermanentError) as refusal:
        advance(Entity[Known](SUBJECT), "answers", Known(), [data], cause, NOON)
    assert refusal.value.reason == "breaks-contract"


class Shelved(Contract, frozen=True, kw_only=True):
    producer = "answers"
    subject_pattern = r"[a-z][0-9]+"


@pytest.mark.parametrize("key", ["stock#1", "a", "xa1", "a1/", "a1\n"])
def test_an_event_about_an_entity_whose_key_its_contract_refuses_is_not_announced(key: str) -> None:
    assert advance(Entity[Known]("a1"), "answers", Known(), [Shelved()], COMMAND, NOON).outbox
    with pytest.raises(PermanentError, match="does not have the form") as refusal:
        advance(Entity[Known](key), "answers", Known(), [Shelved()], COMMAND, NOON)
    assert refusal.value.reason == "breaks-contract"


# Inbox and in-progress records


def test_events_of_different_sources_have_different_inbox_keys() -> None:
    assert inbox_key(make_event(Asked(), source="desk", number=12)) == "desk/12"
    assert inbox_key(make_event(Asked(), source="mail", number=12)) == "mail/12"


def test_a_handled_event_is_no_longer_in_progress() -> None:
    one, other = (MessageMetadata.of(make_event(Asked(), number=n)) for n in (1, 2))
    entity = mark_in_progress(write(Entity(SUBJECT), 0), one, InProgress("a", 1))
    done = mark_handled(mark_in_progress(entity, other, InProgress("b", 2)), one)
    assert done.inbox == ("test/1",)
    assert done.in_progress == {"test/2": InProgress("b", 2)}


def test_a_command_is_not_in_the_inbox() -> None:
    entity = write(Entity(SUBJECT), 1)
    assert mark_handled(entity, COMMAND) == entity


def test_a_command_cannot_be_in_progress() -> None:
    with pytest.raises(ValueError, match="only an event can reserve an effect"):
        mark_in_progress(Entity[Known](SUBJECT), COMMAND, InProgress("a", 1))


# Reserved keys


def test_a_reserved_key_begins_with_a_character_that_no_subject_begins_with() -> None:
    assert reserved_key("shelf", "a1") == "#shelf#a1"


class Empty(Struct, frozen=True):
    pass


class Improved(Contract, frozen=True, kw_only=True):
    producer = "answers"
    major = 2


def test_an_announced_event_names_its_contracts_major_version() -> None:
    entity = advance(Entity[Empty](SUBJECT), "answers", Empty(), [Improved()], COMMAND, NOON)
    assert entity.first_event(Improved).dataschema == "urn:tidings:Improved:2"


class Older:
    class Improved(Contract, frozen=True, kw_only=True):
        producer = "answers"

        text: str


class Newer:
    class Improved(Contract, frozen=True, kw_only=True):
        producer = "answers"
        major = 2
        upcaster = Upcaster(Older.Improved, lambda older: Newer.Improved(texts=(older.text,)))

        texts: tuple[str, ...]


def test_an_announced_event_of_an_older_version_is_read_as_the_contracts_version() -> None:
    entity = advance(Entity[Empty](SUBJECT), "answers", Empty(), [Older.Improved(text="so")], COMMAND, NOON)
    codec = EntityCodec(Empty)
    found = codec.decode(codec.encode(entity, announces=True, attributes={}))
    event = found.first_event(Newer.Improved)
    assert (event.data, event.dataschema) == (Newer.Improved(texts=("so",)), "urn:tidings:Improved:2")
    assert found.outbox[0].body == entity.outbox[0].body


class Noted(Struct, frozen=True):
    words: tuple[str, ...] = ()
    note: Annotated[str, since("1.1")] = ""


def test_an_entity_is_stored_with_the_release_that_its_state_needs() -> None:
    codec = EntityCodec(Noted)
    for state, needed in ((Noted(), ""), (Noted(note="new"), "1.1")):
        stored = codec.encode(Entity(SUBJECT, 1, state), announces=False, attributes={})
        assert stored.format == needed
        assert codec.decode(stored).state == state


def test_an_erased_entity_keeps_the_release_that_its_state_needs() -> None:
    stored = EntityCodec(Noted).encode(Entity(SUBJECT, 1, Noted(note="new")), announces=False, attributes={})
    erased = CODEC.erase(stored, SUBJECT, "registry/1")
    assert (erased.state, erased.format) == (stored.state, "1.1")
    with pytest.raises(NewerReleaseError):
        CODEC.decode(erased)
