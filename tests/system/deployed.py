"""The shop on a local cloud of the tests, and its users."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from ops.local import LocalCloud, free_port
from ops.orders import order_request
from ops.outputs import Outputs, outputs_of
from ops.stage import ROOT, DeployedStage, local_stage
from ops.users import token_for
from tidings.aws.recovery import EventSourceMapping, SqsQueueGauge
from tidings.recovery import wait_until

SECONDS = 60
"""A timeout that is long enough for a machine on which other tests run too."""

TOKEN_SECONDS = 10 * 60
"""Seconds for which a token is used. It is valid for fifteen minutes."""


def tidings(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command `tidings` on the local cloud of a folder, as a user would."""
    return run([sys.executable, "-m", "ops", "--local", str(directory), *arguments], clean_environment())


def clean_environment() -> dict[str, str]:
    """Return this process's environment without the settings of AWS's tools and of the command."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDINGS_"))}


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path = ROOT,
    answers: str = "",
    seconds: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, in the project's folder or in another. It reads the user's answers."""
    return subprocess.run(  # noqa: S603 - our own commands, with the tests' arguments
        command,
        cwd=folder,
        env=environment,
        input=answers,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def order_id(response: httpx.Response) -> str:
    """Return the id of the order that a request placed."""
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


@dataclass(frozen=True)
class User:
    """A user with a token, and the requests that they send to the API."""

    name: str
    token: str
    http: httpx.Client
    operator: bool = False

    def place(self, lines: Mapping[str, int], key: str | None = None, **changes: Any) -> httpx.Response:
        """Place an order of these SKUs and quantities. `changes` replace members of the request."""
        return self.http.post(
            "/orders",
            json=order_request(lines.items()) | changes,
            headers={"Idempotency-Key": key or str(uuid.uuid4())},
        )

    def cancel(self, order: str) -> httpx.Response:
        """Cancel an order."""
        return self.http.post(f"{self._orders}/{order}/cancellation")

    def order(self, order: str) -> dict[str, Any]:
        """Return an order."""
        return self._get(f"{self._orders}/{order}")

    def outcome(self, order: str) -> dict[str, Any]:
        """Wait until an order is no longer pending, and return it."""

        def ended() -> dict[str, Any] | None:
            found = self.order(order)
            return found if found["status"] != "PENDING" else None

        return wait_until(ended, SECONDS, f"the end of order {order}")

    def timeline(self, order: str, *types: str) -> list[dict[str, Any]]:
        """Wait until an order's timeline contains events of these types, and return its events."""

        def complete() -> list[dict[str, Any]] | None:
            response = self.http.get(f"{self._orders}/{order}/timeline")
            if response.status_code == 404:
                return None
            events: list[dict[str, Any]] = response.raise_for_status().json()["events"]
            return events if {event["type"] for event in events} >= set(types) else None

        return wait_until(complete, SECONDS, f"{', '.join(types)} in the timeline of {order}")

    def stock(self, sku: str) -> dict[str, Any]:
        """Return a product's stock."""
        return self._get(f"/operators/stock/{sku}")

    @property
    def _orders(self) -> str:
        return "/operators/orders" if self.operator else "/orders"

    def _get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get(path).raise_for_status().json()
        return answer


class RenewedToken(httpx.Auth):
    """A user's token, which is asked for again before it expires."""

    def __init__(self, token: str, ask: Callable[[], str]) -> None:
        self._token = token
        self._ask = ask
        self._asked = time.monotonic()
        self._lock = threading.Lock()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request with the token."""
        with self._lock:
            if time.monotonic() - self._asked > TOKEN_SECONDS:
                self._token, self._asked = self._ask(), time.monotonic()
            request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@dataclass(frozen=True)
class DeployedShop:
    """The shop on a local cloud."""

    cloud: LocalCloud
    stage: DeployedStage
    outputs: Outputs

    def user(self, name: str | None = None, *, operator: bool = False) -> User:
        """Return a user with a token; a new user if no name is given."""
        name = name or f"user-{uuid.uuid4().hex[:12]}"
        ask = partial(token_for, self.stage, self.outputs, name, operator=operator)
        token = ask()
        http = self.http({"Authorization": f"Bearer {token}"})
        http.auth = RenewedToken(token, ask)
        return User(name, token, http, operator)

    def http(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """Return a client of the API that sends these headers. Without headers, its requests have no token."""
        return httpx.Client(base_url=self.outputs.api, headers=dict(headers or {}), timeout=30)

    def client(self, service: str) -> Any:
        """Return a boto3 client of an AWS service, with all rights."""
        return self.stage.session.client(service, endpoint_url=self.stage.endpoint)  # type: ignore[call-overload]  # any

    def add_product(self, operator: User, *, stock: int, amount: int = 1000) -> str:
        """Add a product that no other test uses, with its stock, and return its SKU."""
        sku = f"sku-{uuid.uuid4().hex[:12]}"
        product = {"name": "Thing", "price": {"amount": amount, "currency": "EUR"}}
        operator.http.put(f"/operators/products/{sku}", json=product).raise_for_status()
        operator.http.put(f"/operators/stock/{sku}", json={"on_hand": stock}).raise_for_status()
        return sku

    def emails(self, order: str) -> list[str]:
        """Return the subjects of the e-mails about an order that were sent, oldest first."""
        sent = httpx.get(f"{self.stage.endpoint}/_ministack/ses/messages").raise_for_status().json()["messages"]
        return [
            mail["Subject"]
            for mails in sent.values()
            for mail in sorted(mails, key=lambda mail: mail["Timestamp"])
            if order in mail["Subject"]
        ]

    def wait_until_idle(self, *, except_for: str = "") -> None:
        """Wait until the queues of all services are empty, except that of a service that is stopped."""
        client = self.client("sqs")
        gauges = [
            SqsQueueGauge(client, str(service.queue))
            for name, service in self.outputs.consumers.items()
            if name != except_for
        ]
        wait_until(lambda: not any(gauge.depth().total for gauge in gauges), SECONDS, "the end of all events")

    def queue_depth(self, service: str) -> int:
        """Return the number of messages that wait in a service's queue."""
        return SqsQueueGauge(self.client("sqs"), str(self.outputs.services[service].queue)).depth().waiting

    @contextmanager
    def consumer_stopped(self, service: str) -> Iterator[None]:
        """Stop a service's consumer for the duration of the context."""
        mapping = EventSourceMapping(self.client("lambda"), str(self.outputs.services[service].function))
        mapping.stop()
        try:
            yield
        finally:
            mapping.start()

    def keys(self, service: str) -> set[str]:
        """Return the keys of all items in a service's table."""
        scan = self.client("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=self.outputs.services[service].table, ProjectionExpression="pk")
        return {item["pk"]["S"] for page in pages for item in page["Items"]}

    def connections(self, partition: str) -> list[str]:
        """Return the ids of the connections for live events that are registered in a partition."""
        found = self.client("dynamodb").query(
            TableName=self.outputs.table("live"),
            KeyConditionExpression="pk = :partition",
            ExpressionAttributeValues={":partition": {"S": partition}},
        )
        return [item["sk"]["S"].rpartition("#")[2] for item in found["Items"]]

    def disconnect(self, partition: str) -> None:
        """Close the connections for live events of a partition, as API Gateway does after two hours."""
        endpoint = str(self.outputs.live).replace("ws", "http", 1)
        management = self.stage.session.client("apigatewaymanagementapi", endpoint_url=endpoint)
        for connection in self.connections(partition):
            management.delete_connection(ConnectionId=connection)

    def dead_letters(self, service: str) -> list[dict[str, Any]]:
        """Return messages of a service's dead-letter queue, at most ten."""
        return list(
            self.client("sqs")
            .receive_message(
                QueueUrl=self.outputs.services[service].dlq,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                VisibilityTimeout=0,
            )
            .get("Messages", [])
        )


@contextmanager
def deploy_shop(cloud: LocalCloud) -> Iterator[DeployedShop]:
    """Deploy the shop on a local cloud, and stop the cloud at the end of the context."""
    try:
        up = tidings(cloud.directory, "up", "--port", str(free_port()))
        assert up.returncode == 0, up.stderr
        running = cloud.running()
        assert running is not None
        stage = local_stage(running.endpoint)
        yield DeployedShop(cloud, stage, outputs_of(stage))
    finally:
        cloud.stop()


def types_of(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the types of events, in their sequence."""
    return [event["type"] for event in events]


def problem_of(response: httpx.Response) -> dict[str, Any]:
    """Return the problem that the API answered with."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem: dict[str, Any] = json.loads(response.text)
    assert problem["status"] == response.status_code
    assert problem["title"]
    assert problem["detail"]
    return problem
