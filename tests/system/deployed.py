"""A shop that is really deployed, as its users and its operators see it from outside."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ops.api import order_of
from ops.local import LocalCloud, free_port
from ops.outputs import Outputs, outputs_of
from ops.stage import ROOT, Stage, local_stage
from ops.users import token_for
from ops.waiting import wait_until

# Longer than anything should take, on a machine that is busy with other tests too.
SECONDS = 60


def tidings(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the `tidings` command as a user would, on the local cloud of this directory."""
    return run([sys.executable, "-m", "ops", "--local", str(directory), *arguments], own_environment())


def own_environment() -> dict[str, str]:
    """This process's own, without what is said there to AWS's tools and to the command."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDINGS_"))}


def run(command: Sequence[str], settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a program in the project's folder, to its end."""
    return subprocess.run(  # noqa: S603 - our own commands, with the tests' arguments
        command,
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def order_id(response: httpx.Response) -> str:
    """The id of the order that a request has placed."""
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


@dataclass(frozen=True)
class User:
    """Somebody with a token, and what they do at the API."""

    name: str
    token: str
    http: httpx.Client

    def place(self, lines: Mapping[str, int], key: str | None = None, **changes: Any) -> httpx.Response:
        """Places an order for these SKUs and quantities."""
        return self.http.post(
            "/orders",
            json=order_of(lines.items()) | changes,
            headers={"Idempotency-Key": key or str(uuid.uuid4())},
        )

    def ended(self, order: str) -> dict[str, Any]:
        """The order, once it is no longer pending."""

        def found() -> dict[str, Any] | None:
            answer: dict[str, Any] = self.http.get(f"/orders/{order}").raise_for_status().json()
            return answer if answer["status"] != "PENDING" else None

        return wait_until(found, SECONDS, f"the end of order {order}")

    def cancel(self, order: str) -> httpx.Response:
        """Asks for the order to be cancelled."""
        return self.http.post(f"/orders/{order}/cancellation")

    def timeline(self, order: str, *types: str) -> list[dict[str, Any]]:
        """The order's events, once those of these types are among them."""

        def found() -> list[dict[str, Any]] | None:
            response = self.http.get(f"/orders/{order}/timeline")
            if response.status_code == 404:
                return None
            events: list[dict[str, Any]] = response.raise_for_status().json()["events"]
            return events if {event["type"] for event in events} >= set(types) else None

        return wait_until(found, SECONDS, f"{', '.join(types)} in the timeline of {order}")


@dataclass(frozen=True)
class Deployed:
    """The shop on a local cloud of the tests' own."""

    cloud: LocalCloud
    stage: Stage
    outputs: Outputs

    def user(self, name: str | None = None, *, operator: bool = False) -> User:
        """A user, signed in; without a name, one whom nobody has seen before."""
        name = name or f"user-{uuid.uuid4().hex[:12]}"
        token = token_for(self.stage, self.outputs, name, operator=operator)
        return User(name, token, self.visitor({"Authorization": f"Bearer {token}"}))

    def visitor(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """The API as somebody sees it who sends these headers."""
        return httpx.Client(base_url=self.outputs.api, headers=dict(headers or {}), timeout=30)

    def client(self, service: str) -> Any:
        """A boto3 client of an AWS service, with the rights of the account's root."""
        return self.stage.session.client(service, endpoint_url=self.stage.endpoint)  # type: ignore[call-overload]  # any

    def product(self, operator: User, *, stock: int, amount: int = 1000) -> str:
        """A product that no other test knows, and so many of it; gives its SKU."""
        sku = f"sku-{uuid.uuid4().hex[:12]}"
        terms = {"name": "Thing", "price": {"amount": amount, "currency": "EUR"}}
        operator.http.put(f"/products/{sku}", json=terms).raise_for_status()
        operator.http.put(f"/stock/{sku}", json={"on_hand": stock}).raise_for_status()
        return sku

    def letters(self, order: str) -> list[str]:
        """The subjects of the e-mails about the order that were sent, oldest first."""
        sent = httpx.get(f"{self.stage.endpoint}/_ministack/ses/messages").raise_for_status().json()["messages"]
        return [
            mail["Subject"]
            for mails in sent.values()
            for mail in sorted(mails, key=lambda mail: mail["Timestamp"])
            if order in mail["Subject"]
        ]

    def at_rest(self, *, but: str = "") -> None:
        """Waits until no service has anything left to react to; `but` names one that is down."""
        sqs = self.client("sqs")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def empty() -> bool:
            return not any(
                int(count)
                for name, service in self.outputs.services.items()
                if name != but
                for count in sqs.get_queue_attributes(QueueUrl=service.queue, AttributeNames=names)[
                    "Attributes"
                ].values()
            )

        wait_until(empty, SECONDS, "the queues' emptiness")

    def items(self, *services: str) -> int:
        """How many items the services' tables hold."""
        pages = self.client("dynamodb").get_paginator("scan")
        return sum(
            page["Count"]
            for service in services
            for page in pages.paginate(TableName=self.outputs.services[service].table, Select="COUNT")
        )

    def dead_letters(self, service: str) -> list[dict[str, Any]]:
        """What is in the service's dead-letter queue and not seen by an earlier look."""
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
def deployed(cloud: LocalCloud) -> Iterator[Deployed]:
    """The shop on a local cloud that is there for this alone, and ends afterwards, whatever happens."""
    try:
        up = tidings(cloud.directory, "up", "--port", str(free_port()))
        assert up.returncode == 0, up.stderr
        running = cloud.running()
        assert running is not None
        stage = local_stage(running.endpoint)
        yield Deployed(cloud, stage, outputs_of(stage))
    finally:
        cloud.stop()


def types_of(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """The events' types, in their order."""
    return [event["type"] for event in events]


def problem_of(response: httpx.Response) -> dict[str, Any]:
    """The problem that the API answered with."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem: dict[str, Any] = json.loads(response.text)
    assert problem["status"] == response.status_code
    assert problem["title"]
    assert problem["detail"]
    return problem
