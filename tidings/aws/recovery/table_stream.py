"""The stream of a table on Amazon DynamoDB: the events that its relay was to publish during the last day."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tidings.aws.dynamodb import stream_record
from tidings.aws.recovery.refusals import reporting
from tidings.core.entity import OutboxEvent

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_dynamodbstreams.type_defs import ShardTypeDef

MAX_EMPTY_PAGES = 10
"""Number of empty pages in a row after which an open shard has no more records. One empty page does not say so (Amazon
DynamoDB Streams API Reference, "GetRecords")."""


class DynamoTableStream:
    """A table's stream.

    Args:
        client: DynamoDB's client.
        streams: The client of its streams.
        table: The table's name.
    """

    def __init__(self, client: "DynamoDBClient", streams: "DynamoDBStreamsClient", table: str) -> None:
        self._client = client
        self._streams = streams
        self._table = table

    def announced(self) -> Iterator[Sequence[OutboxEvent]]:
        """Iterate over the events that writes of the last day added to outboxes. Nothing may be written meanwhile.

        The result is empty if the table does not exist or has no stream.

        Raises:
            RecoveryError: If AWS refuses a call.
        """
        with reporting(f"the stream of {self._table} cannot be read"):
            if stream := self._stream():
                for shard in self._shards(stream):
                    is_closed = "EndingSequenceNumber" in shard.get("SequenceNumberRange", {})
                    yield from self._pages(stream, shard["ShardId"], is_closed)

    def _stream(self) -> str | None:
        """Return the ARN of the table's stream, also of one that was switched off."""
        try:
            return self._client.describe_table(TableName=self._table)["Table"].get("LatestStreamArn")
        except self._client.exceptions.ResourceNotFoundException:
            return None

    def _shards(self, stream: str) -> "Iterator[ShardTypeDef]":
        after: dict[str, str] = {}
        while True:
            found = self._streams.describe_stream(StreamArn=stream, **after)["StreamDescription"]  # type: ignore[arg-type]
            yield from found.get("Shards", [])
            if not (last := found.get("LastEvaluatedShardId")):
                return
            after = {"ExclusiveStartShardId": last}

    def _pages(self, stream: str, shard: str, is_closed: bool) -> Iterator[Sequence[OutboxEvent]]:
        """Iterate over the pages of a shard. Only a closed one has a last page."""
        position: str | None = self._streams.get_shard_iterator(
            StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        empty = 0
        while position and (is_closed or empty < MAX_EMPTY_PAGES):
            page = self._streams.get_records(ShardIterator=position)
            yield [event for record in page["Records"] for event in stream_record(record).announced]
            empty = 0 if page["Records"] else empty + 1
            position = page.get("NextShardIterator")
