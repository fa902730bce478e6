"""The answers of a service about its entities of a person."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from tests.unit.tidings.example import Asked, Known, answer, answers
from tidings.aws import personal_answers
from tidings.core.entity import Entity, MessageMetadata, StoredEntity, advance
from tidings.core.service import Index, Service, on
from tidings.http.pagination import OWNER, RANK

METADATA = MessageMetadata("request", f"00-{'a' * 32}-{'b' * 16}-01", 0)


class Table:
    """A table of entities that notes what it is asked for."""

    def __init__(self, *stored: StoredEntity) -> None:
        self.stored = {entity.key: entity for entity in stored}
        self.reads: list[list[str]] = []

    def read(self, keys: Sequence[str]) -> Mapping[str, StoredEntity]:
        self.reads.append(list(keys))
        return {key: self.stored[key] for key in keys if key in self.stored}


class Lists:
    """One list of two pages."""

    def keys(self, owner: str, cursor: str | None = None) -> tuple[tuple[str, ...], str | None]:
        assert owner == "asker#ann"
        return (("b",), None) if cursor == "2" else (("a",), "2")


def under_way(known: Known) -> str:
    return "asking" if "why?" in known.words else ""


SERVICE = Service(
    name="answers",
    state=Known,
    handlers=(on(Asked, answer),),
    under_way=under_way,
    list_of=lambda person: f"asker#{person}",
)


def stored(key: str, *words: str, erased: bool = False) -> StoredEntity:
    return StoredEntity(key, 1, msgspec.json.encode(Known(words)).decode(), erased=erased)


def read(*entities: StoredEntity, service: Service[Any] = SERVICE) -> Any:
    question = {"read": [entity.key for entity in entities]}
    return personal_answers.answer(service, Table(*entities), None, question)


def test_the_keys_of_a_persons_entities_come_a_page_at_a_time() -> None:
    first = personal_answers.answer(SERVICE, Table(), Lists(), {"list": "ann", "after": None})
    assert first == {"keys": ["a"], "next": "2"}
    second = personal_answers.answer(SERVICE, Table(), Lists(), {"list": "ann", "after": "2"})
    assert second == {"keys": ["b"], "next": None}


def test_an_entity_is_told_as_it_is_stored_with_what_goes_on() -> None:
    entity = advance(Entity("a"), "answers", Known(("why?",)), (), METADATA, 0)
    event = {"id": "answers/a/1", "new": "member"}
    text = StoredEntity("a", 1, '{"words":["why?"],"newer":{"x":1}}', outbox=(msgspec.json.encode(event).decode(),))
    assert entity.key == text.key
    assert read(text)["entities"] == [
        {
            "key": "a",
            "state": {"words": ["why?"], "newer": {"x": 1}},
            "events": [event],
            "under_way": "asking",
            "erased": False,
        }
    ]


def test_an_entity_with_nothing_under_way_says_so() -> None:
    (told,) = read(stored("a", "done"))["entities"]
    assert told["under_way"] == ""


def test_a_mark_of_an_erasure_without_a_state_is_told() -> None:
    (told,) = read(StoredEntity("a", 1, "null", erased=True))["entities"]
    assert (told["state"], told["under_way"], told["erased"]) == (None, "", True)


def test_unknown_entities_are_left_out_and_each_is_read_once() -> None:
    table = Table(stored("a"))
    told = personal_answers.answer(SERVICE, table, None, {"read": ["a", "b", "a"]})
    assert [entity["key"] for entity in told["entities"]] == ["a"]
    assert table.reads == [["a", "b"]]


def test_no_entity_is_read_for_no_key() -> None:
    assert read() == {"entities": [], "unread": []}


def test_an_entity_that_cannot_be_decoded_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    told = read(StoredEntity("a", 1, '{"words": "Zaphod Q. Beeblebrox"}'), stored("b", "why?"))["entities"]
    assert [(each["key"], each["under_way"]) for each in told] == [("a", "unreadable"), ("b", "asking")]
    assert "Zaphod" not in caplog.text


def test_an_entity_that_a_newer_release_wrote_is_told_as_it_is_and_is_not_erased_yet() -> None:
    (told,) = read(StoredEntity("a", 1, '{"words":[],"newer":1}', format="1.1"))["entities"]
    assert (told["state"], told["under_way"]) == ({"words": [], "newer": 1}, "unreadable")


def test_a_service_that_names_nothing_under_way_decodes_no_state() -> None:
    (told,) = read(StoredEntity("a", 1, '{"words": 7}'), service=answers())["entities"]
    assert (told["state"], told["under_way"]) == ({"words": 7}, "")


def test_entities_that_an_answer_has_no_room_for_are_unread() -> None:
    large = [stored(key, "x" * (personal_answers.MAX_ANSWER // 2)) for key in "abc"]
    told = read(*large)
    assert ([entity["key"] for entity in told["entities"]], told["unread"]) == (["a"], ["b", "c"])


def test_an_entity_larger_than_an_answer_is_told_alone() -> None:
    told = read(stored("a", "x" * personal_answers.MAX_ANSWER), stored("b"))
    assert ([entity["key"] for entity in told["entities"]], told["unread"]) == (["a"], ["b"])


@pytest.mark.parametrize(
    ("service", "question", "message"),
    [
        (SERVICE, {}, "a question is"),
        (SERVICE, {"read": [str(n) for n in range(21)]}, "21 entities are asked for; 20 are allowed"),
        (answers(), {"list": "ann"}, "answers declares no list"),
    ],
)
def test_an_unknown_question_is_refused(service: Service[Any], question: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        personal_answers.answer(service, Table(), Lists(), question)


def test_the_index_of_lists_is_that_with_their_partition_key() -> None:
    others = Index(name="others", partition="pk", sort="n")
    lists = Index(name="lists", partition=OWNER, sort=RANK)
    assert personal_answers.lists_index(answers(indexes=(others, lists))) == "lists"
    with pytest.raises(ValueError, match="no index of lists"):
        personal_answers.lists_index(answers(indexes=(others,)))
