"""The API of operations over queues, alarms and a table in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from functions.operations.api import Api, DeadLetterSelection
from functions.operations.dead_letters import StageDeadLetters
from functions.operations.deployment import DeployedService, Deployment
from functions.operations.service import service
from tests.unit.functions.dynamodb_client import StubDynamoDBClient
from tests.unit.tidings.recovery.memory import MemoryDeadLetterQueue, MemoryDestination
from tidings.aws.dynamodb import to_attributes
from tidings.aws.monitoring import Alarm, Metric
from tidings.aws.recovery import MappingStatus
from tidings.http.pagination import Pages
from tidings.recovery import DeadLetterQueue, QueueDepth, RecoveryError, Sender
from tidings.recovery.redrive import Send
from tidings.testing import InlineExecutor, given, make_request

DEPLOYMENT = Deployment(
    "shop-dev",
    (
        DeployedService("orders", "takes orders", "standard", relays=True),
        DeployedService("orders-archive", "keeps orders", "standard"),
        DeployedService("payment", "takes payments", "fifo", relays=True),
        DeployedService("viewer", "shows all"),
    ),
)

WORK_SECONDS = 5.0


@dataclass
class MemoryQueues:
    """The queues of the stage.

    Attributes:
        letters: The dead-letter queues by name.
        destinations: The consumers' queues by name.
        depths: The numbers of messages of consumers' queues by name; none in the others.
        refused: The names of the queues whose calls are refused.
        opened: The names of the dead-letter queues that were opened.
        hidden_seconds: How long the messages of each of these stay hidden, in seconds.
    """

    letters: dict[str, MemoryDeadLetterQueue] = field(default_factory=dict)
    destinations: dict[str, MemoryDestination] = field(default_factory=dict)
    depths: dict[str, QueueDepth] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    opened: list[str] = field(default_factory=list)
    hidden_seconds: list[int] = field(default_factory=list)

    def queue(self, name: str) -> MemoryDeadLetterQueue:
        return self.letters.setdefault(name, MemoryDeadLetterQueue())

    def destination(self, name: str) -> MemoryDestination:
        return self.destinations.setdefault(name, MemoryDestination())

    def depth(self, name: str) -> QueueDepth:
        self._check(name)
        return self.letters[name].depth() if name in self.letters else self.depths.get(name, QueueDepth(0, 0))

    def dead_letters(self, name: str, hidden: int) -> DeadLetterQueue:
        self._check(name)
        self.opened.append(name)
        self.hidden_seconds.append(hidden)
        return self.queue(name)

    def sender(self, name: str) -> Send:
        self._check(name)
        sender = Sender(self.destination(name), "run", InlineExecutor(), attempts=2, pause=lambda _seconds: None)
        return sender.send

    def _check(self, name: str) -> None:
        if name in self.refused:
            raise RecoveryError(f"{name} cannot be read: ClientError: AccessDenied of GetQueueUrl")


@dataclass
class MemoryMonitor:
    """The observations of the stage."""

    found_alarms: list[Alarm] = field(default_factory=list)
    found_mappings: list[MappingStatus] = field(default_factory=list)
    values: dict[Metric, float] = field(default_factory=dict)
    refused: bool = False

    def alarms(self) -> Sequence[Alarm]:
        if self.refused:
            raise RecoveryError("the alarms cannot be read: ClientError: AccessDenied of DescribeAlarms")
        return self.found_alarms

    def mappings(self) -> Sequence[MappingStatus]:
        return self.found_mappings

    def latest(self, metrics: Sequence[Metric]) -> Mapping[Metric, float]:
        return {metric: value for metric, value in self.values.items() if metric in metrics}


class OperationsApi:
    """The API of operations.

    Attributes:
        seconds: The time that a request sees. It advances by `step` seconds whenever it is asked for.
        while_waiting: Called whenever a request waits for what another one holds.
    """

    def __init__(self) -> None:
        self.queues = MemoryQueues()
        self.monitor = MemoryMonitor()
        self.scenario = given(service)
        self.client = StubDynamoDBClient()
        self.seconds = 0.0
        self.step = 0.0
        self.while_waiting: Callable[[], None] = lambda: None
        letters = StageDeadLetters(DEPLOYMENT, self.queues, InlineExecutor(), WORK_SECONDS, self._tick, self._pause)
        self.api = Api(
            DEPLOYMENT,
            self.queues,
            self.monitor,
            letters,
            self.scenario.executor,
            Pages(cast("Any", self.client), "operations", "index"),
            InlineExecutor(),
            self._new_id,
        )
        self._actions = 0

    def letter(self, queue: str, body: str, group: str | None = None, **attributes: str) -> str:
        """Put a dead letter into a queue, and return its id."""
        self.queues.queue(queue).add(body, group, **attributes)
        return self.queues.queue(queue).stored[-1].id

    def call(self, method: Callable[..., Any], selection: DeadLetterSelection, name: str = "orders") -> Any:
        """Redrive or drop dead letters of a service."""
        return method(make_request({"service": name}, caller="operator-1"), selection)

    def actions(self, **query: Any) -> Any:
        """Return a page of the list of actions."""
        self.client.items = {
            key: cast("dict[str, Any]", to_attributes(stored)) for key, stored in self.scenario.table.entities.items()
        }
        return self.api.list_actions(make_request(query=query, caller="operator-1"))

    def _pause(self, seconds: float) -> None:
        self.seconds += seconds
        self.while_waiting()

    def _tick(self) -> float:
        self.seconds += self.step
        return self.seconds

    def _new_id(self) -> str:
        self._actions += 1
        return f"00000000-0000-4000-8000-{self._actions:012}"
