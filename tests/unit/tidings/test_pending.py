"""The index of pending entities, and its reader."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.unit.tidings.example import Known
from tidings.aws.pending import PendingEntities, PendingEntity
from tidings.core.clock import to_rfc3339
from tidings.core.entity import Entity
from tidings.core.pending import SHARDS, pending_index

NOON = 1_767_268_800_000

INDEX = pending_index(lambda entity: to_rfc3339(NOON) if entity.state else "")


def entity(key: str) -> Entity[Known]:
    return Entity(key, version=1, state=Known())


def test_an_entity_with_a_time_is_in_the_index_and_one_without_is_not() -> None:
    assert INDEX.of(entity("a")) == {"pending": "3", "since": "2026-01-01T12:00:00.000Z"}
    assert INDEX.of(Entity("a")) == {}


def test_the_index_has_the_name_that_the_service_gives_it() -> None:
    assert (INDEX.name, INDEX.variable) == ("pending", "PENDING_INDEX")
    unpaid = pending_index(lambda _: to_rfc3339(NOON), "unpaid")
    assert unpaid.variable == "UNPAID_INDEX"
    assert unpaid.of(entity("a")) == {"unpaid": "3", "since": "2026-01-01T12:00:00.000Z"}


def test_entities_are_spread_over_the_indexs_shards() -> None:
    shards = [INDEX.of(entity(str(n)))[INDEX.partition] for n in range(400)]
    assert {*shards} == {str(shard) for shard in range(SHARDS)}
    assert min(shards.count(shard) for shard in {*shards}) > 50


def test_an_entry_of_the_index_is_far_smaller_than_a_write_unit() -> None:
    added = sum(len(name) + len(value) for name, value in INDEX.of(entity("a")).items())
    assert added < 40
    # An item's size is that of its names and values; an index adds up to 100 bytes for each of its entries
    # (Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats").
    assert len("pk") + 64 + added + 100 < 1024


class StubClient:
    """The part of DynamoDB's client that the reader calls: each shard's pages of times."""

    def __init__(self, *shards: list[list[str]]) -> None:
        self.shards = shards
        self.read: list[str] = []

    def get_paginator(self, _name: str) -> "StubClient":
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        assert (request["TableName"], request["IndexName"]) == ("desk", "pending")
        assert request["ExpressionAttributeNames"] == {
            "#shard": "pending",
        }
        shard = request["ExpressionAttributeValues"][":shard"]["S"]
        for number, page in enumerate(self.shards[int(shard)]):
            self.read.append(f"{shard}.{number}")
            keys = [f"{shard}.{number}.{n}" for n in range(len(page))]
            yield {
                "Items": [{"pk": {"S": key}, "since": {"S": time}} for key, time in zip(keys, page, strict=True)],
            }


def pending(client: StubClient) -> Iterator[PendingEntity]:
    return PendingEntities(cast("Any", client), "desk", "pending").oldest_first()


def times(*seconds: int) -> list[str]:
    return [to_rfc3339(NOON + second * 1000) for second in seconds]


def test_the_entities_of_all_shards_are_read_oldest_first() -> None:
    found = pending(StubClient([times(1, 5), times(9)], [times(2, 3)], [], [times(0, 7)]))
    assert [(each.key, (each.since - NOON) // 1000) for each in found] == [
        *(("3.0.0", 0), ("0.0.0", 1), ("1.0.0", 2), ("1.0.1", 3), ("0.0.1", 5), ("3.0.1", 7), ("0.1.0", 9)),
    ]


def test_pages_are_read_on_demand() -> None:
    client = StubClient([times(1), times(2)], [times(5), times(6)], [times(5)], [times(5)])
    found = pending(client)
    assert client.read == []
    assert next(found).key == "0.0.0"
    assert client.read == ["0.0", "1.0", "2.0", "3.0"]
    assert next(found).key == "0.1.0"
    assert client.read[4:] == ["0.1"]


def test_an_entry_without_a_readable_time_is_logged_and_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    client = StubClient([["!", *times(4)]], [times(2)], [times(1)], [["yesterday"]])
    assert [each.key for each in pending(client)] == ["2.0.0", "1.0.0", "0.0.1"]
    logged = [(record.message, vars(record)["key"]) for record in caplog.records]
    assert logged == [("a pending entity has no readable time", key) for key in ("0.0.0", "3.0.0")]
