"""The outputs of a deployed stage: the names and addresses of its resources."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ops.errors import CommandError
from ops.stage import DeployedStage
from tidings.aws.recovery import reporting

SHARED = ("bus", "api", "users")
"""The stacks that belong to no service and that every stage has."""


class ServiceOutputs(Struct, frozen=True):
    """The resources of one service.

    Attributes:
        queue: The URL of its queue.
        dlq: The URL of its dead-letter queue.
        table: The name of its table.
        function: The name of its consumer's function.
        undelivered: The URL of the queue with the messages that the topic could not deliver to its queue.
        relay_dlq: The URL of the queue with the batches that its relay gave up.
    """

    queue: str | None
    dlq: str | None
    table: str | None
    function: str | None
    undelivered: str | None = None
    relay_dlq: str | None = None


class Pool(Struct, frozen=True):
    """A user pool.

    Attributes:
        pool: Its id.
        client: The id of its client.
        domain: The address of the page on which its users sign in; None if the application has no pages.
    """

    pool: str
    client: str
    domain: str | None = None


class PagesOutputs(Struct, frozen=True):
    """The pages of a stage.

    Attributes:
        url: Their address, without a final `/`.
        bucket: The bucket with their files.
        distribution: The id of their distribution.
        settings: Their static settings.
    """

    url: str
    bucket: str
    distribution: str
    settings: Mapping[str, Any]

    @property
    def console(self) -> str:
        """The address of the operators' page."""
        return f"{self.url}/console/"


class Outputs(Struct, frozen=True):
    """The resources of a stage.

    Attributes:
        api: The API's address.
        endpoint: The local cloud's address; None on AWS.
        region: The region.
        topic: The ARN of the topic of all events.
        users: The user pool of the users.
        operators: The user pool of the operators.
        services: The resources of each service, by name.
        live: The address of the WebSocket API; None if the application has no pages.
        pages: The pages; None if the application has none.
    """

    api: str
    endpoint: str | None
    region: str
    topic: str
    users: Pool
    operators: Pool
    services: Mapping[str, ServiceOutputs]
    live: str | None = None
    pages: PagesOutputs | None = None

    @property
    def consumers(self) -> Mapping[str, ServiceOutputs]:
        """The resources of the services that have a queue."""
        return {name: service for name, service in self.services.items() if service.queue}

    def service(self, name: str) -> ServiceOutputs:
        """Return the resources of a service.

        Raises:
            CommandError: If the service is not deployed.
        """
        if name not in self.services:
            names = ", ".join(self.services)
            raise CommandError(f"the service {name!r} is not deployed on this stage; these services are: {names}")
        return self.services[name]

    def queue(self, name: str) -> str:
        """Return the URL of a service's queue.

        Raises:
            CommandError: If the service is not deployed, or has no queue.
        """
        if not (queue := self.service(name).queue):
            raise CommandError(f"{name} has no queue")
        return queue

    def table(self, name: str) -> str:
        """Return the name of a service's table.

        Raises:
            CommandError: If the service is not deployed, or has no table.
        """
        if not (table := self.service(name).table):
            raise CommandError(f"{name} has no table")
        return table


def outputs_of(stage: DeployedStage) -> Outputs:
    """Read the outputs of the stage's stacks.

    Raises:
        CommandError: If the stage is not deployed.
        RecoveryError: If AWS refuses the call.
    """
    stacks = _stacks(stage)
    missing = [name for name in SHARED if name not in stacks]
    if missing:
        remedy = (
            f"make deploy STAGE={stage.name} deploys it; if it is elsewhere, set AWS_DEFAULT_REGION or AWS_PROFILE"
            if stage.endpoint is None
            else "make run deploys it"
        )
        raise CommandError(
            f"the stage {stage.name} is not deployed: {stage.region} has no stack {stage.prefix}{missing[0]}; {remedy}"
        )
    bus, api, users = (stacks[name] for name in SHARED)
    return Outputs(
        api=_base_url(stage, api),
        endpoint=stage.endpoint,
        region=stage.region,
        topic=bus["Topic"],
        users=Pool(users["UserPool"], users["Client"], _sign_in_page(stage, users, "UserDomain")),
        operators=Pool(users["OperatorPool"], users["OperatorClient"], _sign_in_page(stage, users, "OperatorDomain")),
        services={
            name: ServiceOutputs(
                queue=outputs.get("Queue"),
                dlq=outputs.get("Dlq"),
                table=outputs.get("Table"),
                function=outputs.get("Function"),
                undelivered=outputs.get("Undelivered"),
                relay_dlq=outputs.get("RelayDlq"),
            )
            for name, outputs in sorted(stacks.items())
            if "Table" in outputs and name not in SHARED
        },
        live=_websocket_url(stage, api),
        pages=_pages(stacks["web"]) if "web" in stacks else None,
    )


def _pages(web: Mapping[str, str]) -> PagesOutputs:
    return PagesOutputs(web["PageUrl"], web["Bucket"], web["Distribution"], msgspec.json.decode(web["Page"]))


def _sign_in_page(stage: DeployedStage, users: Mapping[str, str], output: str) -> str | None:
    # The local cloud serves the pages of all pools at its own address.
    return (stage.endpoint or users[output]) if output in users else None


def _websocket_url(stage: DeployedStage, api: Mapping[str, str]) -> str | None:
    if "WebSocketApiId" not in api:
        return None
    if stage.endpoint is None:
        return api["WebSocketUrl"]
    address = stage.endpoint.replace("http://", "ws://", 1)
    return f"{address}/_aws/execute-api/{api['WebSocketApiId']}/{stage.name}"


def _base_url(stage: DeployedStage, api: Mapping[str, str]) -> str:
    if stage.endpoint is None:
        return api["ApiUrl"].rstrip("/")
    # Not every machine resolves the name under `localhost` that the local cloud gives its APIs.
    return f"{stage.endpoint}/_aws/execute-api/{api['ApiId']}"


def _stacks(stage: DeployedStage) -> dict[str, dict[str, str]]:
    with reporting(f"the stacks of the stage {stage.name} cannot be read"):
        pages = list(stage.client("cloudformation").get_paginator("describe_stacks").paginate())
    return {
        stack["StackName"].removeprefix(stage.prefix): {
            output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
        }
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"].startswith(stage.prefix)
    }
