"""The watch: finds faults that stop events and cause no error.

Lambda invokes consumers and relays through event source mappings. A disabled mapping, or one on the stream of an older
table, raises no error. So a scheduled function checks the mappings, the streams and the age of the iterators.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from tidings.aws.monitoring import CloudWatchClient, latest_values, relay_lag
from tidings.aws.recovery import MappingStatus, mapping_statuses, reporting
from tidings.core.clock import Clock, now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient

ProblemKind = Literal["mapping", "stream", "iterator"]

METRICS: Mapping[ProblemKind, str] = {
    "mapping": "MappingsStopped",
    "stream": "StreamsChanged",
    "iterator": "IteratorsBehind",
}
"""The metric with the number of a service's problems of each kind. Without a problem it is not reported."""

RUN = "ProblemsFound"
"""The metric with the number of all problems, which each run reports."""

SERVICE = "monitoring"
"""The name under which the watch reports that it ran."""


class WatchedService(Struct, frozen=True, array_like=True):
    """A service, as synthesis describes it in the function's environment, which is small.

    Attributes:
        name: Its name.
        consumers: The roles of its functions that receive a queue's messages: `consumer`.
        relays: The roles of its functions that receive the records of its table's stream: `relay`.
        table: The name of its table.
    """

    name: str
    consumers: tuple[str, ...]
    relays: tuple[str, ...]
    table: str


class Problem(Struct, frozen=True):
    """A problem that stops events.

    Attributes:
        service: The service.
        kind: The kind of the problem.
        function: The name of the function that receives no events, without the beginning that all names share.
        text: The problem, as a sentence.
    """

    service: str
    kind: ProblemKind
    function: str
    text: str


class WatchReport(Struct, frozen=True):
    """The problems that a run found."""

    problems: tuple[Problem, ...]


class Observed(Struct, frozen=True):
    """The observations of a stage.

    Attributes:
        mappings: The status of each event source mapping by the function's name, without the prefix.
        streams: The ARN of each table's stream by the table's name; None if it has none.
        ages: How far each relay is behind its table's stream by the function's name, without the prefix, in seconds.
            A relay that was not invoked lately is left out.
    """

    mappings: Mapping[str, Sequence[MappingStatus]]
    streams: Mapping[str, str | None]
    ages: Mapping[str, float]


def find_problems(services: Iterable[WatchedService], observed: Observed, max_age: float) -> Iterator[Problem]:
    """Iterate over the problems of services.

    Args:
        services: The services.
        observed: The observations of their stage.
        max_age: Maximum number of seconds that a relay may be behind its table's stream.
    """
    for service in services:
        for role in (*service.consumers, *service.relays):
            function = f"{service.name}-{role}"
            for text in _of_mappings(observed.mappings.get(function, ())):
                yield Problem(service.name, "mapping", function, text)
        for role in service.relays:
            function = f"{service.name}-{role}"
            read = [mapping.source for mapping in observed.mappings.get(function, ())]
            if problem := _of_stream(read, observed.streams.get(service.table)):
                yield Problem(service.name, "stream", function, problem)
            age = observed.ages.get(function, 0)
            if age > max_age:
                yield Problem(service.name, "iterator", function, f"It is {age / 3600:.1f} hours behind its table.")


def _of_mappings(mappings: Sequence[MappingStatus]) -> list[str]:
    """Return the problems of a function's mappings."""
    if not mappings:
        return ["It has no event source mapping."]
    return [mapping.problem for mapping in mappings if mapping.problem]


def _of_stream(read: Sequence[str], stream: str | None) -> str | None:
    """Return the problem of a relay's stream; None if it reads its table's.

    Args:
        read: The ARNs of the streams that it reads.
        stream: The ARN of its table's stream; None if it has none.
    """
    if stream is None:
        return "Its table has no stream."
    # Without a mapping it reads no stream, which is a problem of another kind.
    return None if all(each == stream for each in read) else "It reads another stream than its table's."


@dataclass(frozen=True)
class Watch:
    """The watch over a stage.

    Attributes:
        services: The services.
        prefix: The beginning of the names of all functions: `helpdesk-dev-`.
        max_age: Maximum number of seconds that a relay may be behind its table's stream.
        lambdas: Returns Lambda's client.
        dynamodb: Returns DynamoDB's client.
        cloudwatch: Returns CloudWatch's client.
        clock: Returns the current time.
    """

    services: Sequence[WatchedService]
    prefix: str
    max_age: float
    lambdas: "Callable[[], LambdaClient]"
    dynamodb: "Callable[[], DynamoDBClient]"
    cloudwatch: Callable[[], CloudWatchClient]
    clock: Clock = now

    def run(self) -> WatchReport:
        """Return the problems of all services.

        Raises:
            RecoveryError: If AWS refuses a call.
        """
        return WatchReport(tuple(find_problems(self.services, self._observe(), self.max_age)))

    def _observe(self) -> Observed:
        mappings: dict[str, list[MappingStatus]] = {}
        for each in mapping_statuses(self.lambdas(), self.prefix):
            mappings.setdefault(each.function.removeprefix(self.prefix), []).append(each)
        relaying = [service for service in self.services if service.relays]
        metrics = [relay_lag(f"{self.prefix}{each.name}-{role}") for each in relaying for role in each.relays]
        values = latest_values(self.cloudwatch(), metrics, self.clock())
        return Observed(
            mappings,
            {service.table: latest_stream(self.dynamodb(), service.table) for service in relaying},
            {metric.value.removeprefix(self.prefix): millis / 1000 for metric, millis in values.items()},
        )


def latest_stream(client: "DynamoDBClient", table: str) -> str | None:
    """Return the ARN of a table's stream; None if the table does not exist, or its stream is switched off.

    Raises:
        RecoveryError: If AWS refuses the call.
    """
    with reporting(f"{table} cannot be described"):
        try:
            found = client.describe_table(TableName=table)["Table"]
        except client.exceptions.ResourceNotFoundException:
            return None
    # The ARN of a stream that was switched off stays.
    is_enabled = found.get("StreamSpecification", {}).get("StreamEnabled", False)
    return found.get("LatestStreamArn") if is_enabled else None
