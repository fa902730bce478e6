"""Reindexing: entities are put into the indexes that their service declares."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from msgspec import Struct

from tests.integration.cloud import REGION, create_table, set_credentials
from tests.unit.tidings.example import Known, answers
from tidings.aws.dynamodb import DynamoTable
from tidings.aws.recovery import DynamoIndexedTable
from tidings.core.entity import Entity, StoredEntity
from tidings.core.ports import EntityWrite
from tidings.core.service import Index, Service
from tidings.handling.pace import Pace
from tidings.recovery import ReindexCheckpoint, Reindexer


def first_word(entity: Entity[Known]) -> dict[str, str]:
    assert entity.state is not None
    return {"word": entity.state.words[0], "place": entity.key} if entity.state.words else {}


SERVICE = answers(indexes=(Index(partition="word", sort="place", of=first_word),))


class CrashError(BaseException):
    """The end of the command's process."""


@dataclass
class MemoryTable:
    """A table with pages of two entities."""

    stored: dict[str, StoredEntity]
    overtaken: set[str] = field(default_factory=set)
    crash_at: str = ""
    reads: list[str] = field(default_factory=list)

    def entities(self, after: str) -> Iterator[tuple[Sequence[StoredEntity], str]]:
        keys = sorted(key for key in self.stored if key > after)
        for start in range(0, len(keys), 2):
            page = keys[start : start + 2]
            self.reads += page
            last = start + 2 >= len(keys)
            yield [self.stored[key] for key in page], "" if last else page[-1]

    def rewrite(self, entity: StoredEntity, attributes: Mapping[str, str]) -> bool:
        if entity.key == self.crash_at:
            raise CrashError
        if entity.key in self.overtaken:
            return False
        self.stored[entity.key] = stored(entity.key, entity.state, **attributes)
        return True


def stored(key: str, state: str, **attributes: str) -> StoredEntity:
    return StoredEntity(key, version=3, state=state, attributes=attributes)


def word(key: str, text: str, **attributes: str) -> StoredEntity:
    return stored(key, f'{{"words":["{text}"]}}', **attributes)


def unlimited() -> Pace:
    return Pace(1000, clock=lambda: 0.0, sleep=lambda _seconds: None)


def reindexer(table: Any, **more: Any) -> Reindexer:
    return Reindexer(**{"service": SERVICE, "table": table, "pace": unlimited(), **more})


def test_an_entity_gets_the_attributes_that_its_service_declares_and_loses_all_others() -> None:
    table = MemoryTable(
        {
            "a": word("a", "why"),
            "b": word("b", "how", word="old", former="x"),
            "c": word("c", "who", word="who", place="c"),
            "d": stored("d", '{"words":[]}', word="old"),
            "e": stored("e", "null", word="old"),
        }
    )
    assert reindexer(table).run() == {"rewritten": 4, "right": 1}
    assert {key: dict(each.attributes) for key, each in table.stored.items()} == {
        "a": {"word": "why", "place": "a"},
        "b": {"word": "how", "place": "b"},
        "c": {"word": "who", "place": "c"},
        "d": {},
        "e": {},
    }
    assert reindexer(table).run() == {"right": 5}


def test_an_entity_that_its_service_writes_meanwhile_is_left_to_it() -> None:
    table = MemoryTable({"a": word("a", "why")}, overtaken={"a"})
    assert reindexer(table).run() == {"overtaken": 1}


def test_an_entity_that_cannot_be_decoded_is_reported_and_holds_up_no_other() -> None:
    table = MemoryTable({"a": stored("a", '{"words":5}', word="x"), "b": word("b", "why")})
    run = reindexer(table)
    assert run.run() == {"unreadable": 1, "rewritten": 1}
    assert [key for key, _ in run.unreadable] == ["a"]
    assert table.stored["a"].attributes == {"word": "x"}


def test_an_entity_that_a_newer_release_wrote_is_reported_and_holds_up_no_other() -> None:
    newer = StoredEntity("a", version=3, state='{"words":["why"]}', attributes={"word": "x"}, format="9.0")
    table = MemoryTable({"a": newer, "b": word("b", "why")})
    run = reindexer(table)
    assert run.run() == {"unreadable": 1, "rewritten": 1}
    assert [key for key, _ in run.unreadable] == ["a"]
    assert table.stored["a"] == newer


class Shelf(Struct, frozen=True):
    """The state of another kind of entities in the same table."""

    room: str


def on_shelves(entity: Entity[Shelf]) -> dict[str, str]:
    return {"word": entity.state.room, "place": entity.key} if entity.state else {}


def test_an_entity_of_a_further_kind_gets_the_attributes_that_its_kind_declares() -> None:
    kind = Service(
        name="answers",
        state=Shelf,
        keys="#shelf#.+|shelf:.+",
        indexes=(Index(partition="word", sort="place", of=on_shelves),),
    )
    keys = ("#shelf#7", "shelf:7")
    table = MemoryTable({key: stored(key, '{"room":"attic"}') for key in keys} | {"a": word("a", "why")})
    assert reindexer(table, service=replace(SERVICE, kinds=(kind,))).run() == {"rewritten": 3}
    assert [dict(table.stored[key].attributes) for key in (*keys, "a")] == [
        {"word": "attic", "place": "#shelf#7"},
        {"word": "attic", "place": "shelf:7"},
        {"word": "why", "place": "a"},
    ]


def test_an_item_under_a_reserved_key_that_no_kind_declares_is_no_entity() -> None:
    table = MemoryTable({"#counter": word("#counter", "why")})
    assert reindexer(table).run() == {}
    assert table.stored["#counter"].attributes == {}


def test_a_dry_run_counts_and_writes_nothing() -> None:
    table = MemoryTable({"a": word("a", "why")})
    assert reindexer(table, pace=None).run() == {"rewritten": 1}
    assert table.stored["a"].attributes == {}


def test_writes_keep_the_rate() -> None:
    waited: list[float] = []
    pace = Pace(4, clock=lambda: 0.0, sleep=waited.append)
    reindexer(MemoryTable({key: word(key, "why") for key in "abc"}), pace=pace).run()
    assert waited == [0.25, 0.5, 0.75]


def test_a_run_that_broke_off_continues_after_its_last_page(tmp_path: Path) -> None:
    table = MemoryTable({key: word(key, "why") for key in "abcde"}, crash_at="d")
    checkpoint = ReindexCheckpoint(tmp_path / "position.txt")
    with pytest.raises(CrashError):
        reindexer(table, checkpoint=checkpoint).run()
    assert checkpoint.load() == "b"
    table = replace(table, crash_at="", reads=[])
    assert reindexer(table, checkpoint=checkpoint).run() == {"rewritten": 2, "right": 1}
    assert table.reads == ["c", "d", "e"]
    assert checkpoint.load() == ""


# On DynamoDB


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    set_credentials(monkeypatch)
    with mock_aws():
        made = boto3.client("dynamodb", region_name=REGION)
        create_table(made, "answers")
        yield made


def test_the_tables_items_are_read_that_have_the_form_of_entities(client: Any) -> None:
    table = DynamoTable(client, "answers")
    table.commit([EntityWrite(word("a", "why", word="why", place="a"), expected=0)])
    client.put_item(TableName="answers", Item={"pk": {"S": "#counter"}, "version": {"N": "1"}})
    client.put_item(TableName="answers", Item={"pk": {"S": "cached"}, "text": {"S": "x"}})
    assert list(DynamoIndexedTable(client, "answers").entities("")) == [
        ([word("a", "why", word="why", place="a")], ""),
    ]


def test_reading_continues_after_a_position(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidings.aws.recovery.indexed_table.PAGE_ITEMS", 1)
    table = DynamoTable(client, "answers")
    for key in "abc":
        table.commit([EntityWrite(word(key, "why"), expected=0)])
    pages = [([entity.key for entity in page], at) for page, at in DynamoIndexedTable(client, "answers").entities("")]
    keys = [key for page, _ in pages for key in page]
    assert sorted(keys) == ["a", "b", "c"]
    later = [entity.key for page, _ in DynamoIndexedTable(client, "answers").entities(keys[0]) for entity in page]
    assert later == keys[1:]


def test_a_rewrite_replaces_the_attributes_and_nothing_else(client: Any) -> None:
    entity = replace_attributes(word("a", "why"), {"word": "old", "former": "x"})
    DynamoTable(client, "answers").commit([EntityWrite(entity, expected=0)])
    assert DynamoIndexedTable(client, "answers").rewrite(entity, {"word": "why", "place": "a"})
    assert DynamoTable(client, "answers").read(["a"])["a"] == word("a", "why", word="why", place="a")
    assert DynamoIndexedTable(client, "answers").rewrite(word("a", "why", word="why", place="a"), {})
    assert DynamoTable(client, "answers").read(["a"])["a"] == word("a", "why")


def test_a_rewrite_of_another_version_changes_nothing(client: Any) -> None:
    entity = word("a", "why")
    DynamoTable(client, "answers").commit([EntityWrite(entity, expected=0)])
    found = DynamoIndexedTable(client, "answers").rewrite(replace_version(entity, 2), {"word": "why"})
    assert not found
    assert DynamoTable(client, "answers").read(["a"])["a"] == entity


def replace_attributes(entity: StoredEntity, attributes: Mapping[str, str]) -> StoredEntity:
    return StoredEntity(entity.key, entity.version, entity.state, attributes=attributes)


def replace_version(entity: StoredEntity, version: int) -> StoredEntity:
    return StoredEntity(entity.key, version, entity.state, attributes=entity.attributes)
