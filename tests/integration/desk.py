"""An operator's desk: the command `tidings replay`, on the shop of a test."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3

from functions.history.log import Log
from ops.outputs import Outputs
from ops.outputs import Service as Deployed
from ops.replaying import Request, permitted, replay
from ops.stage import LOCAL, Stage
from tests.integration.cloud import REGION, Cloud
from tests.integration.facts import fact, placed
from tidings.clock import millis
from tidings.consumer import any_event
from tidings.contracts import Money, OrderCancelled, PaymentCaptured

CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR"))
CANCELLED = OrderCancelled(reason="customer")
NOON = millis("2026-01-31T12:00:00.000Z")
HOUR = 3_600_000


class Desk:
    """Where the operator sits, and what the tests need to see beside."""

    def __init__(self, cloud: Cloud, directory: Path) -> None:
        self.cloud = cloud
        self.directory = directory
        session = boto3.Session(region_name=REGION)
        cloud.calls.install(session)  # its clients' calls are counted, and can be made to fail, like the functions'
        self.stage = Stage(LOCAL, REGION, session)
        self.outputs = Outputs(
            api="",
            endpoint=None,
            region=REGION,
            topic=cloud.environment("orders", "relay")["TOPIC"],
            user_pool="",
            client="",
            services={
                name: Deployed(
                    queue=cloud.queue(name),
                    dlq=cloud.dlq(name),
                    table=cloud.table(name),
                    function=f"{name}-consumer",
                    undelivered=cloud.queue_named(name, "Undelivered"),
                    relay_dlq=cloud.queue_named(name, "RelayDlq"),
                )
                for name in cloud.services
            },
        )

    def replay(self, consumer: str, **options: Any) -> None:
        request = Request(consumer=consumer, **options)
        replay(self.stage, self.outputs, self.directory, request, permitted(request))

    def record(self, *bodies: str, at: int = NOON) -> None:
        """Has history record these events, each a millisecond after the one before."""
        for n, body in enumerate(bodies):
            log = Log(self.cloud.dynamodb, self.cloud.table("history"), clock=lambda n=n: at + n)  # type: ignore[misc]  # bound early
            log.record(any_event(body), 0)

    def taken(self, service: str) -> list[dict[str, Any]]:
        """Takes everything out of a service's queue."""
        queue, found = self.cloud.queue(service), []
        while records := self.cloud.receive(queue):
            found += records
            for record in records:
                self.cloud.sqs.delete_message(QueueUrl=queue, ReceiptHandle=record["receiptHandle"])
        return found

    def ids(self, service: str) -> list[str]:
        return [json.loads(record["body"])["id"] for record in self.taken(service)]


def ids_of(*bodies: str) -> list[str]:
    return [json.loads(body)["id"] for body in bodies]


def history_of(order: str) -> list[str]:
    """An order that is placed, paid and cancelled."""
    return [
        placed(order, ("mug", 1)),
        fact(order, "payment", CAPTURED),
        fact(order, "orders", CANCELLED, 2),
    ]


def nth(n: int) -> Callable[[str, Mapping[str, Any]], bool]:
    """True at the n-th call alone."""
    made = 0

    def now(_name: str, _request: Mapping[str, Any]) -> bool:
        nonlocal made
        made += 1
        return made == n

    return now


def never(_name: str, _request: Mapping[str, Any]) -> bool:
    return False
