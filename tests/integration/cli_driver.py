"""A driver of the operators' commands on a test's cloud."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.money import Money
from functions.history.log import Log
from ops.outputs import Outputs, Pool, ServiceOutputs
from ops.replay.options import ReplayOptions
from ops.replay.run import run_replay
from ops.stage import LOCAL, DeployedStage
from tests.integration.cloud import REGION, Cloud, session_of
from tests.integration.facts import fact, placed
from tidings.core.clock import from_rfc3339
from tidings.messaging.consumer import parse_any

CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR"))
CANCELLED = OrderCancelled(reason="customer")
NOON = from_rfc3339("2026-01-31T12:00:00.000Z")
HOUR = 3_600_000


class CliDriver:
    """A driver that runs commands against a cloud, and reads its queues.

    Attributes:
        cloud: The cloud.
        directory: The directory where commands keep their checkpoints.
        stage: The stage that the commands are given.
        outputs: The outputs of its stacks.
    """

    def __init__(self, cloud: Cloud, directory: Path) -> None:
        self.cloud = cloud
        self.directory = directory
        self.stage = DeployedStage(LOCAL, REGION, session_of("commands"))
        self.outputs = Outputs(
            api="",
            endpoint=None,
            region=REGION,
            topic=cloud.environment("orders", "relay")["TOPIC"],
            users=Pool("", ""),
            operators=Pool("", ""),
            services={
                name: ServiceOutputs(
                    queue=cloud.queue_named(name, "Queue"),
                    dlq=cloud.queue_named(name, "Dlq"),
                    table=cloud.table(name),
                    function=f"{name}-consumer" if name in cloud.consumers else None,
                    undelivered=cloud.queue_named(name, "Undelivered"),
                    relay_dlq=cloud.queue_named(name, "RelayDlq"),
                )
                for name in cloud.services
            },
        )

    def replay(self, consumer: str, **options: Any) -> None:
        """Run `tidings replay`."""
        chosen = ReplayOptions(consumer=consumer, **options)
        run_replay(self.stage, self.outputs, self.directory, chosen, chosen.checked_service())

    def record(self, *bodies: str, at: int = NOON) -> None:
        """Record events in history, each a millisecond after the one before."""
        for n, body in enumerate(bodies):
            log = Log(self.cloud.dynamodb, self.cloud.table("history"), clock=lambda n=n: at + n)  # type: ignore[misc]  # bound early
            log.record(parse_any(body))

    def take_all(self, service: str) -> list[dict[str, Any]]:
        """Receive and delete all messages of a service's queue."""
        queue, taken = self.cloud.queue(service), []
        while records := self.cloud.receive(queue):
            taken += records
            for record in records:
                self.cloud.sqs.delete_message(QueueUrl=queue, ReceiptHandle=record["receiptHandle"])
        return taken

    def ids(self, service: str) -> list[str]:
        """Take all messages of a service's queue, and return the ids of their events."""
        return ids_of(*(record["body"] for record in self.take_all(service)))


def ids_of(*bodies: str) -> list[str]:
    """Return the ids of events."""
    return [json.loads(body)["id"] for body in bodies]


def history_of(order: str) -> list[str]:
    """Return the events of an order that is placed, paid and cancelled."""
    return [
        placed(order, ("mug", 1)),
        fact(order, CAPTURED),
        fact(order, CANCELLED, 2),
    ]


def nth(n: int) -> Callable[[str, Mapping[str, Any]], bool]:
    """Return a condition that holds at the n-th call alone."""
    made = 0

    def now(_name: str, _request: Mapping[str, Any]) -> bool:
        nonlocal made
        made += 1
        return made == n

    return now


def never(_name: str, _request: Mapping[str, Any]) -> bool:
    """Return False at every call."""
    return False
