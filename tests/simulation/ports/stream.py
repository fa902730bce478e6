"""A table's stream, and Lambda's mapping on it.

The writes of one entity keep their order. The mapping reads each lane by itself, and resumes from the first record that
failed (AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda").
"""

import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from tidings.core.entity import StoredEntity
from tidings.core.ports import StreamRecord


class MemoryStream:
    """The writes that pass the mapping's filter (those that add to an outbox), in lanes.

    One function at a time reads a lane: `take` the next records, then `checkpoint` with the function's answer.
    """

    def __init__(self, lanes: int = 1) -> None:
        self.lanes: list[deque[StreamRecord]] = [deque() for _ in range(lanes)]
        self._written = 0

    def append(self, old: StoredEntity | None, new: StoredEntity) -> None:
        if not new.announces:
            return
        self._written += 1
        lane = zlib.crc32(new.key.encode()) % len(self.lanes) if len(self.lanes) > 1 else 0
        before = old.outbox if old else ()
        self.lanes[lane].append(StreamRecord.of(f"{self._written:021d}", before, new.outbox, new.key))

    def take(self, lane: int, most: int) -> list[StreamRecord]:
        """Return the next records of a lane. They stay there until they are checkpointed."""
        return list(islice(self.lanes[lane], most))

    def checkpoint(self, lane: int, batch: Sequence[StreamRecord], answer: Mapping[str, Any]) -> None:
        """Move past the records that were handled, up to the first that failed."""
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in batch:
            if record.position in failed:
                return
            self.lanes[lane].popleft()
