"""Rebuilds a projection: forgets all that it knows, and lets it learn it again from the log.

Live events wait in its queue meanwhile and are handled when it goes on; what the replay brings as well is a duplicate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ops.checkpoint import Checkpoint, Progress
from ops.failure import Failure
from ops.quiet import Quiet
from ops.waiting import wait_until
from tidings.rebuilding import MARKER

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_dynamodb.type_defs import ScanInputTableScanTypeDef
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

SWITCH_SECONDS = 300


class Switch(Protocol):
    """What carries a queue's messages to their consumer."""

    def off(self) -> None:
        """Stops it, and waits until it has."""

    def on(self) -> None:
        """Starts it, and waits until it has."""


class Mapping:
    """The mapping from a queue to its function."""

    def __init__(self, client: "LambdaClient", function: str) -> None:
        self._client = client
        self._function = function

    def off(self) -> None:
        """UpdateEventSourceMapping, until it is disabled."""
        self._turn("Disabled")

    def on(self) -> None:
        """UpdateEventSourceMapping, until it is enabled."""
        self._turn("Enabled")

    def _turn(self, state: str) -> None:
        # A mapping that is just being changed refuses another change.
        at_rest = wait_until(
            lambda: mapping if (mapping := self._found())["State"] in ("Enabled", "Disabled") else None,
            SWITCH_SECONDS,
            f"{self._function}'s mapping at rest",
        )
        if at_rest["State"] != state:
            self._client.update_event_source_mapping(UUID=at_rest["UUID"], Enabled=state == "Enabled")
            wait_until(lambda: self._found()["State"] == state, SWITCH_SECONDS, f"{self._function}'s mapping {state}")

    def _found(self) -> "EventSourceMappingConfigurationTypeDef":
        found = self._client.list_event_source_mappings(FunctionName=self._function)["EventSourceMappings"]
        if len(found) != 1:
            raise Failure(f"{self._function} has {len(found)} mappings where one was to be found; deploy it first")
        return found[0]


@dataclass(frozen=True)
class Rebuild:
    """The rebuilding of one projection, by its queue, its table and what connects its function.

    `replay` sends everything recorded before an end, and leaves the checkpoint at the phase `handle`. `says` tells what
    is going on.
    """

    queue: str
    history_queue: str
    table: "Table"
    switch: Switch
    quiet: Quiet
    checkpoint: Checkpoint
    replay: Callable[[str], Progress]
    says: Callable[[str], None]

    def run(self) -> Progress:
        """Rebuilds it; run again after a break, it goes on, or begins anew where it had not forgotten everything yet.

        The marker stands in the table from the first step to the last. While the consumer is stopped nothing is lost:
        its queue keeps what is sent to it.
        """
        self.table.put_item(Item=dict.fromkeys(self._key(), MARKER))
        progress = self.checkpoint.load()
        if progress is None:
            self.says("stopping the consumer")
            self.switch.off()
            self.says("waiting for what it has in its hands")
            self.quiet.until_unhandled(self.queue)
        if progress is None or progress.phase == "send":
            self.says("waiting until history has recorded everything")
            end = self.quiet.until_recorded(self.history_queue)
            if progress is None:
                self.says("clearing the table")
                self._clear()
                self.checkpoint.save(Progress())
            self.says("replaying")
            progress = self.replay(end)
        self.says("starting the consumer")
        self.switch.on()
        self.quiet.until_handled(self.queue, lambda left: self.says(f"the consumer is at work: {left}"))
        self.table.delete_item(Key=dict.fromkeys(self._key(), MARKER))
        self.checkpoint.remove()
        return progress

    def _key(self) -> list[str]:
        return [part["AttributeName"] for part in self.table.key_schema]

    def _clear(self) -> None:
        """Deletes every item but the marker."""
        names = {f"#{n}": name for n, name in enumerate(self._key())}
        request: ScanInputTableScanTypeDef = {
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
            "ConsistentRead": True,
        }
        with self.table.batch_writer() as batch:
            while True:
                page = self.table.scan(**request)
                for key in page["Items"]:
                    if key["pk"] != MARKER:
                        batch.delete_item(Key=key)
                if "LastEvaluatedKey" not in page:
                    return
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
