"""The reading of a table's stream to its end."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.tidings.recovery.memory import event
from tidings.aws.recovery import DynamoTableStream
from tidings.aws.recovery.table_stream import MAX_EMPTY_PAGES
from tidings.recovery import RecoveryError

REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeStream")


class MissingError(Exception):
    """DynamoDB's answer about a table that does not exist."""


Page = Sequence[Mapping[str, Any]]


def record(*outbox: str, before: int = 0) -> Mapping[str, Any]:
    """Return the record of a write that added the events after the first `before` ones."""
    images = {"NewImage": outbox, "OldImage": outbox[:before]}
    return {
        "eventName": "MODIFY",
        "dynamodb": {"SequenceNumber": "1"}
        | {
            name: {"pk": {"S": "a"}, "outbox": {"L": [{"S": body} for body in bodies]}}
            for name, bodies in images.items()
        },
    }


class Streams:
    """A stream's shards: the pages of each, and whether it is closed. Each request for shards returns one."""

    def __init__(self, shards: Mapping[str, tuple[Sequence[Page], bool]], stream: str | None = "arn") -> None:
        self.shards = shards
        self.stream = stream
        self.reads = 0
        self.exceptions = SimpleNamespace(ResourceNotFoundException=MissingError)

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if TableName != "tickets":
            raise MissingError
        return {"Table": {"LatestStreamArn": self.stream} if self.stream else {}}

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803
        assert StreamArn == "arn"
        rest = [name for name in sorted(self.shards) if name > ExclusiveStartShardId]
        last = {"LastEvaluatedShardId": rest[0]} if len(rest) > 1 else {}
        shards = [{"ShardId": name, "SequenceNumberRange": self._range(name)} for name in rest[:1]]
        return {"StreamDescription": {"Shards": shards} | last}

    def _range(self, shard: str) -> dict[str, str]:
        _, is_closed = self.shards[shard]
        return {"StartingSequenceNumber": "1"} | ({"EndingSequenceNumber": "9"} if is_closed else {})

    def get_shard_iterator(self, *, StreamArn: str, ShardId: str, ShardIteratorType: str) -> dict[str, str]:  # noqa: N803
        assert (StreamArn, ShardIteratorType) == ("arn", "TRIM_HORIZON")
        return {"ShardIterator": f"{ShardId}/0"}

    def get_records(self, *, ShardIterator: str) -> dict[str, Any]:  # noqa: N803
        self.reads += 1
        shard, _, number = ShardIterator.partition("/")
        pages, is_closed = self.shards[shard]
        n = int(number)
        following = {} if is_closed and n + 1 >= len(pages) else {"NextShardIterator": f"{shard}/{n + 1}"}
        return {"Records": pages[n] if n < len(pages) else []} | following


def announced(client: Any, table: str = "tickets") -> list[str]:
    pages = DynamoTableStream(client, client, table).announced()
    return [found.body for page in pages for found in page]


def test_the_events_that_writes_added_are_read_from_all_shards() -> None:
    first, second, other = event("a", 1), event("a", 2), event("b", 1)
    shards = {"s1": ([[record(first), record(first, second, before=1)]], True), "s2": ([[record(other)]], True)}
    assert announced(Streams(shards)) == [first, second, other]


def test_an_empty_page_of_an_open_shard_is_not_its_end() -> None:
    body = event("a", 1)
    client = Streams({"s1": ([*[[]] * (MAX_EMPTY_PAGES - 1), [record(body)]], False)})
    assert announced(client) == [body]
    assert client.reads == 2 * MAX_EMPTY_PAGES


def test_a_closed_shard_is_read_to_its_end_however_many_pages_are_empty() -> None:
    body = event("a", 1)
    client = Streams({"s1": ([*[[]] * (2 * MAX_EMPTY_PAGES), [record(body)]], True)})
    assert announced(client) == [body]


@pytest.mark.parametrize(("stream", "table"), [(None, "tickets"), ("arn", "tickets-2")])
def test_a_table_without_a_stream_or_that_does_not_exist_has_announced_nothing(stream: str | None, table: str) -> None:
    assert announced(Streams({}, stream), table) == []


def test_a_refused_call_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Streams({"s1": ([], True)})

    def refuse(**_request: Any) -> Any:
        raise REFUSED

    monkeypatch.setattr(client, "describe_stream", refuse)
    with pytest.raises(RecoveryError, match="the stream of tickets cannot be read: ClientError: AccessDenied"):
        announced(client)
