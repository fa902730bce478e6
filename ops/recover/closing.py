"""The closing of a service: its API, its jobs and its consumer are stopped, and only its relay goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ops.outputs import Outputs
from ops.replay.options import HISTORY
from ops.stage import DeployedStage
from tidings.aws.recovery import EventSourceMapping, FunctionSwitch, SqsDeadLetterQueue, SqsQueueGauge, mapping_statuses
from tidings.recovery import DeadLetterDetails, DeadLetters, FailureKind

RELAY = "-relay"


@dataclass(frozen=True)
class Closing:
    """The closing of one service.

    Attributes:
        stage: The stage.
        outputs: Its resources.
        service: The service's name.
    """

    stage: DeployedStage
    outputs: Outputs
    service: str

    def close(self) -> None:
        """Stop all that writes to the service's table, and wait until it has ended. The relay publishes the rest."""
        if function := self.outputs.service(self.service).function:
            EventSourceMapping(self.stage.client("lambda"), function).stop()
        self._functions.close()

    def open(self) -> None:
        """Start all that was stopped."""
        self._functions.open()
        if function := self.outputs.service(self.service).function:
            EventSourceMapping(self.stage.client("lambda"), function).start()

    def blockers(self) -> list[str]:
        """Return why the service cannot be recovered now."""
        return [*self._writers(), *self._unpublished(), *self._unrecorded()]

    @property
    def _functions(self) -> FunctionSwitch:
        return FunctionSwitch(self.stage.client("lambda"), f"{self._prefix}-", (RELAY,))

    @property
    def _prefix(self) -> str:
        return f"{self.stage.prefix}{self.service}"

    def _writers(self) -> Iterator[str]:
        """Find what may write to the table."""
        remedy = self.stage.command(f"close {self.service}")
        if names := self._functions.open_names():
            yield f"{', '.join(names)} may write to its table ({remedy} closes the service)"
        for mapping in mapping_statuses(self.stage.client("lambda"), f"{self._prefix}-"):
            if mapping.kind == "queue" and mapping.state != "Disabled":
                yield f"its consumer receives events ({remedy} closes the service)"

    def _unpublished(self) -> Iterator[str]:
        """Find what its relay has not published."""
        for mapping in mapping_statuses(self.stage.client("lambda"), f"{self._prefix}{RELAY}"):
            if mapping.problem:
                yield f"its relay may hold events that the log lacks: {mapping.problem}"
        if (dlq := self.outputs.service(self.service).relay_dlq) and (held := self._depth(dlq)):
            remedy = self.stage.command(f"relay --service {self.service} --since TIME")
            yield f"its relay's dead-letter queue holds {held} ({remedy} publishes their events; then drop them)"

    def _unrecorded(self) -> Iterator[str]:
        """Find its events that history has not recorded, and what may be one of them."""
        history = self.outputs.service(HISTORY)
        kinds: Sequence[tuple[FailureKind, str | None]] = (("dlq", history.dlq), ("undelivered", history.undelivered))
        for kind, url in kinds:
            if url is None or not self._depth(url):
                continue
            found = DeadLetters(SqsDeadLetterQueue(self.stage.client("sqs"), url), kind).find(self._is_own)
            if found.letters or found.unseen.total:
                number = len(found.letters) + found.unseen.total
                yield f"{url.rpartition('/')[2]} holds {number} of its events, or messages that may be; redrive them"

    def _is_own(self, details: DeadLetterDetails) -> bool:
        return details.event is None or details.event.startswith(f"{self.service}/")

    def _depth(self, url: str) -> int:
        return SqsQueueGauge(self.stage.client("sqs"), url).depth().total
