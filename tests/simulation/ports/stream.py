"""A table's stream and Lambda's mapping on it.

An order's writes keep their order. The mapping reads each lane by itself, and resumes from the first record that failed
(AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda").
"""

import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from tidings.item import Attributes

Record = Mapping[str, Any]


class MemoryStream:
    """The writes that pass the mapping's filter (`announces` is true in the new image), in as many lanes as it has.

    One lane is read by one function at a time: `take` what is next, then `checkpoint` with the function's answer.
    """

    def __init__(self, lanes: int = 1) -> None:
        self.lanes: list[deque[Record]] = [deque() for _ in range(lanes)]
        self._written = 0

    def append(self, key: str, old: Attributes | None, new: Attributes) -> None:
        if new.get("announces") != {"BOOL": True}:
            return
        self._written += 1
        images: dict[str, Any] = {"SequenceNumber": f"{self._written:021d}", "NewImage": new}
        if old is not None:
            images["OldImage"] = old
        record = {"eventName": "INSERT" if old is None else "MODIFY", "dynamodb": images}
        lane = zlib.crc32(key.encode()) % len(self.lanes) if len(self.lanes) > 1 else 0
        self.lanes[lane].append(record)

    def take(self, lane: int, most: int) -> list[Record]:
        """The next records of a lane; they stay there until they are checkpointed."""
        records = self.lanes[lane]
        return [records[n] for n in range(min(most, len(records)))]

    def checkpoint(self, lane: int, batch: Sequence[Record], answer: Mapping[str, Any]) -> None:
        """Moves past what was done: up to the first record that failed."""
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in batch:
            if record["dynamodb"]["SequenceNumber"] in failed:
                return
            self.lanes[lane].popleft()
