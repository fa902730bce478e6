"""The alarms, the event source mappings and the metrics of the stage."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from tidings.aws.monitoring import Alarm, CloudWatchClient, Metric, latest_values, read_alarms
from tidings.aws.recovery import MappingStatus, mapping_statuses
from tidings.core.clock import Clock, now

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class Monitor(Protocol):
    """The observations of the stage by AWS. A method raises `RecoveryError` if its call is refused."""

    def alarms(self) -> Sequence[Alarm]:
        """Return all alarms, those that changed last first."""
        ...

    def mappings(self) -> Sequence[MappingStatus]:
        """Return the status of each event source mapping."""
        ...

    def latest(self, metrics: Sequence[Metric]) -> Mapping[Metric, float]:
        """Return the latest value of each metric that has one."""
        ...


class AwsMonitor:
    """The observations of Amazon CloudWatch and AWS Lambda; see `Monitor`.

    Args:
        cloudwatch: Returns CloudWatch's client.
        lambdas: Returns Lambda's client.
        prefix: The beginning of the names of the stage's resources: `helpdesk-dev`.
        clock: Returns the current time.
    """

    def __init__(
        self,
        cloudwatch: Callable[[], CloudWatchClient],
        lambdas: "Callable[[], LambdaClient]",
        prefix: str,
        clock: Clock = now,
    ) -> None:
        self._cloudwatch = cloudwatch
        self._lambdas = lambdas
        self._prefix = f"{prefix}-"
        self._clock = clock

    def alarms(self) -> Sequence[Alarm]:
        """Return all alarms, those that changed last first."""
        return read_alarms(self._cloudwatch(), self._prefix)

    def mappings(self) -> Sequence[MappingStatus]:
        """Return the status of each event source mapping."""
        return mapping_statuses(self._lambdas(), self._prefix)

    def latest(self, metrics: Sequence[Metric]) -> Mapping[Metric, float]:
        """Return the latest value of each metric that has one."""
        return latest_values(self._cloudwatch(), metrics, self._clock())
