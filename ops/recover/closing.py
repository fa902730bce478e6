"""The closing of a service: nothing writes to its table any more, and its relay has published all that was written."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from functions.history.client import HistoryClient
from functions.history.log import CONFLICTING
from ops.counts import counted
from ops.errors import CommandError
from ops.functions import ServiceFunctions
from ops.outputs import Outputs
from ops.replay.options import HISTORY, subscribed_types
from ops.services import service_named
from ops.stage import WORKERS, DeployedStage
from ops.unpublished import heads_of, lacking, names_of, wait_until_recorded
from tidings.aws.names import table_generation, table_name
from tidings.aws.recovery import (
    DynamoTableStream,
    EventSourceMapping,
    SqsDeadLetterQueue,
    SqsQueueGauge,
    mapping_statuses,
)
from tidings.aws.recovery.event_source import MappingKind
from tidings.messaging.relay import refusal_of
from tidings.recovery import DeadLetterDetails, DeadLetters, FailureKind
from tidings.recovery.republish import TimedHead

RELAY = "-relay"


@dataclass(frozen=True)
class Closing:
    """The closing of one service.

    Attributes:
        stage: The stage.
        outputs: Its resources.
        service: The service's name.
        pause: Waits for a number of seconds.
    """

    stage: DeployedStage
    outputs: Outputs
    service: str
    pause: Callable[[float], None] = time.sleep

    def close(self) -> None:
        """Stop all that writes to the service's table, wait until the rest is published, and stop the relay.

        Raises:
            CommandError: If the log still lacks an event when the time to wait has ended. The relay goes on.
            RecoveryError: If AWS refuses a call.
        """
        self._switch("queue", enabled=False)
        self._functions.close()
        self._wait_until_published()
        self._switch("stream", enabled=False)

    def open(self) -> None:
        """Start all that was stopped.

        Raises:
            RecoveryError: If AWS refuses a call.
        """
        self._switch("stream", enabled=True)
        self._functions.open()
        self._switch("queue", enabled=True)

    def blockers(self) -> list[str]:
        """Return why the service cannot be recovered now."""
        return [*self.writers(), *self._unpublished(), *self._unrecorded()]

    def writers(self) -> Iterator[str]:
        """Find what may write to the table."""
        remedy = self.stage.command(f"close {self.service}")
        if names := self._functions.open_names():
            yield f"{', '.join(names)} may write to its table ({remedy} closes the service)"
        for mapping in mapping_statuses(self.stage.client("lambda"), f"{self._prefix}-"):
            if mapping.kind == "queue" and mapping.state != "Disabled":
                yield f"its consumer receives events ({remedy} closes the service)"

    @property
    def _functions(self) -> ServiceFunctions:
        return ServiceFunctions(self.stage, self.service, (RELAY,), self.pause)

    @property
    def _prefix(self) -> str:
        return f"{self.stage.prefix}{self.service}"

    def _switch(self, kind: MappingKind, *, enabled: bool) -> None:
        """Start or stop the functions that receive the messages of queues, or the records of the table's stream."""
        client = self.stage.client("lambda")
        for mapping in mapping_statuses(client, f"{self._prefix}-"):
            if mapping.kind == kind:
                source = EventSourceMapping(client, mapping.function)
                source.start() if enabled else source.stop()

    def _wait_until_published(self) -> None:
        with ThreadPoolExecutor(WORKERS) as threads:
            if left := wait_until_recorded(self._announced(), self._log(threads)):
                remedy = self.stage.command(f"close {self.service}")
                raise CommandError(f"{self._describe(left)}. {remedy} waits again")

    def _unpublished(self) -> Iterator[str]:
        """Find what its relay was to publish and the log lacks."""
        with ThreadPoolExecutor(WORKERS) as threads:
            if left := lacking(self._announced(), self._log(threads)):
                yield self._describe(left)
        if (dlq := self.outputs.service(self.service).relay_dlq) and (held := self._depth(dlq)):
            remedy = self.stage.command(f"relay --service {self.service} --since TIME")
            yield f"its relay's dead-letter queue holds {held} ({remedy} publishes their events; then drop them)"

    def _announced(self) -> Iterator[TimedHead]:
        """Iterate over the events of the last day in the stream of its table, and in those of earlier generations."""
        last = table_generation(self._prefix, self.outputs.table(self.service))
        client, streams = self.stage.client("dynamodb"), self.stage.client("dynamodbstreams")
        for generation in range(1, last + 1):
            for page in DynamoTableStream(client, streams, table_name(self._prefix, generation)).announced():
                # Its dead-letter queue has what no relay publishes.
                yield from heads_of([event for event in page if not refusal_of(event, self.service)])

    def _describe(self, left: Sequence[TimedHead]) -> str:
        """Describe the events that the log lacks, and their relay."""
        statuses = mapping_statuses(self.stage.client("lambda"), f"{self._prefix}{RELAY}")
        problem = "".join(f" The relay: {each.problem}" for each in statuses if each.problem)
        since = min(head.time for head in left)
        remedy = self.stage.command(f"relay --service {self.service} --since {since}")
        return (
            f"the log lacks {counted(len(left), 'event')} in its table's stream "
            f"({names_of(left)}).{problem} {remedy} publishes them too"
        )

    def _unrecorded(self) -> Iterator[str]:
        """Find the events that concern the service and that history has not recorded, and what may be one of them."""
        history = self.outputs.service(HISTORY)
        kinds: Sequence[tuple[FailureKind, str | None]] = (("dlq", history.dlq), ("undelivered", history.undelivered))
        for kind, url in kinds:
            if url is None or not self._depth(url):
                continue
            found = DeadLetters(SqsDeadLetterQueue(self.stage.client("sqs"), url), kind).find(self._concerns)
            if found.letters or found.unseen.total:
                number = len(found.letters) + found.unseen.total
                name, remedy = url.rpartition("/")[2], self.stage.command("dlq list")
                yield f"{name} holds {counted(number, 'message')} that may concern it ({remedy} says what to do)"

    def _concerns(self, details: DeadLetterDetails) -> bool:
        """Return whether a dead letter may be an event that the service announced, or one that it subscribes to."""
        if details.reason == CONFLICTING:
            # The log has an event under its id.
            return False
        types = subscribed_types(service_named(self.service))
        is_own = details.event is None or details.event.startswith(f"{self.service}/")
        return is_own or details.type is None or types is None or details.type in types

    def _depth(self, url: str) -> int:
        return SqsQueueGauge(self.stage.client("sqs"), url).depth().total

    def _log(self, threads: ThreadPoolExecutor) -> HistoryClient:
        return HistoryClient.connect(self.stage.client("dynamodb"), self.outputs.table(HISTORY), threads)
