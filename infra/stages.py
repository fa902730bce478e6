"""The stages: what a deployment of the shop is like, as data."""

import platform
import sys
from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import RetentionDays


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One kind of deployment; times are in seconds, where their name says nothing else.

    `emulated` says that it runs on an emulator of AWS, with its limits. `machine` and `python` are what Lambda
    runs on. `max_concurrency` caps each queue's consumer; `batch_window` is how long a standard queue's consumer
    waits for a batch to fill. `backoff` is the first delay of a message that failed. `relay_parallelism` is the
    number of batches of one shard relayed at once; what cannot be relayed is tried again until it is
    `relay_record_age_hours` old. `protected` guards what cannot be had again from being deleted. `throttle_rate` is
    the API's requests a second. `product_cache` is how long a price may be remembered, `pending_limit` how long an
    order may be pending before it is cancelled. `sender` is the address that e-mails come from, `gateway` the payment
    gateway: `simulated` moves no money, `stripe` does. `alarm_addresses` are told of alarms by e-mail, once each has
    confirmed that it wants to.
    """

    name: str
    emulated: bool = False
    machine: str = "arm64"
    python: str = "3.13"
    memory_mb: int = 512
    timeout: int = 20
    max_receives: int = 5
    message_retention_days: int = 14
    batch_size: int = 10
    batch_window: int = 1
    max_concurrency: int = 10
    backoff: int = 5
    relay_batch_size: int = 100
    relay_parallelism: int = 2
    relay_record_age_hours: int = 12
    log_retention: RetentionDays = RetentionDays.TWO_WEEKS
    removal_policy: RemovalPolicy = RemovalPolicy.DESTROY
    protected: bool = False
    point_in_time_recovery: bool = False
    self_sign_up: bool = True
    threat_protection: bool = False
    throttle_rate: int = 50
    throttle_burst: int = 100
    product_cache: int = 60
    pending_limit: int = 15 * 60
    sender: str
    gateway: str = "simulated"
    alarm_addresses: tuple[str, ...] = ()

    @property
    def visibility(self) -> int:
        """The queues' visibility timeout (AWS Lambda Developer Guide, "Configuring an SQS queue for Lambda")."""
        return 6 * self.timeout + self.batch_window

    def named(self, *parts: str) -> str:
        """The name of something in this stage: `tidings-dev-orders`."""
        return "-".join(("tidings", self.name, *parts))


STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            name="local",
            emulated=True,
            # The emulator runs handlers under its own interpreter, on this very machine.
            machine="arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            memory_mb=256,
            timeout=6,
            batch_window=0,
            max_concurrency=5,
            backoff=1,
            relay_parallelism=1,
            self_sign_up=False,
            throttle_rate=1000,
            throttle_burst=1000,
            product_cache=1,
            pending_limit=10 * 60,
            sender="orders@tidings.example",
        ),
        Stage(
            name="dev",
            sender="orders@dev.tidings.example",
            alarm_addresses=("developers@tidings.example",),
        ),
        Stage(
            name="prod",
            memory_mb=1024,
            max_concurrency=50,
            # Five attempts then outlast a gateway or a neighbour that is down for some minutes.
            backoff=30,
            relay_parallelism=10,
            log_retention=RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.RETAIN,
            protected=True,
            point_in_time_recovery=True,
            threat_protection=True,
            throttle_rate=500,
            throttle_burst=1000,
            # Longer than an operator takes to mend what is down, and to redrive what it failed.
            pending_limit=60 * 60,
            sender="orders@tidings.example",
            gateway="stripe",
            alarm_addresses=("operators@tidings.example",),
        ),
    )
}
