"""The stages: kinds of deployment, as data."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import RetentionDays

from tidings.core.strategy import Batch
from tidings.handling.retries import RetryPolicy

MINUTE = 60
HOUR = 60 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One kind of deployment.

    Attributes:
        name: The second part of the names of all its resources: `dev`.
        emulated: Whether it runs on an emulator of AWS, with the emulator's limits.
        machine: Lambda's processor.
        python: Lambda's version of Python.
        memory_mb: The memory of every function.
        timeout: The timeout of functions in seconds, except for those that declare another.
        retries: When a failed message is retried, and when it is given up. Its `wait` counts from the first delivery.
        max_receives: Number of deliveries after which a queue itself dead-letters a message. It is a backstop for
            messages that end their function, far beyond the deliveries of a message that waits.
        message_retention_days: Number of days for which queues keep messages.
        batch_size: Maximum number of messages in a batch, if the service declares no batch.
        batch_window: Seconds that a standard queue's consumer waits for a batch to fill. 0 means that it never waits,
            whatever the service declares.
        max_concurrency: Maximum number of each service's consumers at a time.
        relay_batch_size: Maximum number of records that a relay receives at once.
        relay_parallelism: Number of batches of one shard that are relayed at once.
        relay_record_age_hours: The age in hours at which a relay gives up a record.
        log_retention: How long logs are kept.
        removal_policy: What happens to tables, users, keys and logs when their stack is deleted.
            `RETAIN_ON_UPDATE_OR_DELETE` keeps them, except after a failed first deployment. Their names are fixed, so
            anything that it left behind would prevent the next attempt.
        protected: Whether stacks, tables and users are protected from deletion. CloudFormation cannot roll back the
            creation of a protected table, so `-c first=yes` deploys without the protection.
        point_in_time_recovery: Whether tables can be restored to an earlier time.
        table_generations: The generation of each service's table, by the service's name; 1 if it is not named. A
            restore creates the next one.
        self_sign_up: Whether users can create accounts themselves.
        threat_protection: Whether Cognito blocks suspicious sign-ins. It needs the Plus plan, which has a higher price
            for each monthly active user than the Essentials plan, and no free users.
        traffic: How the traffic of an API shifts to a new version: a constant of CodeDeploy's
            `LambdaDeploymentConfig`, such as `CANARY_10_PERCENT_5_MINUTES`. Empty for all at once.
        snap_start: Whether functions that answer requests start from a snapshot, which has a price for each version
            and each start. Lambda has snapshots for Python 3.12 and later.
        throttle_rate: Maximum number of API requests a second.
        throttle_burst: Maximum number of API requests at once.
    """

    name: str
    emulated: bool = False
    machine: str = "arm64"
    python: str = "3.13"
    memory_mb: int = 512
    timeout: int = 20
    retries: RetryPolicy = RetryPolicy(receives=5, age=MINUTE, wait=HOUR, backoff=5)  # noqa: RUF009 - it is frozen
    max_receives: int = 100
    message_retention_days: int = 14
    batch_size: int = 10
    batch_window: int = 1
    max_concurrency: int = 10
    relay_batch_size: int = 100
    relay_parallelism: int = 2
    relay_record_age_hours: int = 12
    log_retention: RetentionDays = RetentionDays.TWO_WEEKS
    removal_policy: RemovalPolicy = RemovalPolicy.DESTROY
    protected: bool = False
    point_in_time_recovery: bool = False
    table_generations: Mapping[str, int] = field(default_factory=dict)
    self_sign_up: bool = True
    threat_protection: bool = False
    traffic: str = "CANARY_10_PERCENT_5_MINUTES"
    snap_start: bool = False
    throttle_rate: int = 50
    throttle_burst: int = 100

    @property
    def has_snap_start(self) -> bool:
        """True if functions that answer requests start from a snapshot (AWS Lambda Developer Guide, "SnapStart")."""
        return self.snap_start and tuple(int(part) for part in self.python.split(".")) >= (3, 12)

    def batch(self, declared: Batch | None) -> Batch:
        """Return the batches that a service's consumer receives here.

        Without a window Lambda delivers ten messages at most (AWS Lambda API Reference, "CreateEventSourceMapping").
        """
        if declared and self.batch_window:
            return declared
        return Batch(size=self.batch_size, seconds=self.batch_window)

    def concurrency(self, declared: int) -> int:
        """Return the maximum number of a service's consumers at a time."""
        return min(declared, self.max_concurrency)

    def visibility_timeout(self, window: int = 0) -> int:
        """Return the number of seconds for which a queue hides a message that it delivered.

        The rule is AWS's (AWS Lambda Developer Guide, "Configuring an SQS queue for Lambda").

        Args:
            window: Number of seconds that the queue's consumer waits for a batch to fill.
        """
        return 6 * self.timeout + max(window, self.batch_window)


STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            name="local",
            emulated=True,
            # The emulator runs functions on this machine, with the interpreter that runs the emulator.
            machine="arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            memory_mb=256,
            timeout=6,
            batch_window=0,
            retries=RetryPolicy(receives=3, age=2, wait=5 * MINUTE, backoff=1),
            # A message that ends its function is hidden for 36 seconds each time.
            max_receives=15,
            max_concurrency=5,
            relay_parallelism=1,
            self_sign_up=False,
            # The emulator has no CodeDeploy.
            traffic="",
            throttle_rate=1000,
            throttle_burst=1000,
        ),
        Stage(name="dev"),
        Stage(
            name="prod",
            memory_mb=1024,
            # A message outlasts a quarter of an hour's outage of a provider, or hours of throttling.
            retries=RetryPolicy(receives=5, age=15 * MINUTE, wait=6 * HOUR, backoff=30),
            max_concurrency=50,
            relay_parallelism=10,
            log_retention=RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            protected=True,
            point_in_time_recovery=True,
            snap_start=True,
            throttle_rate=500,
            throttle_burst=1000,
        ),
    )
}
"""The stages of every application, by name. An application may replace values, or add a stage."""
