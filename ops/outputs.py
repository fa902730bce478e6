"""What a deployed stage is made of, by the names and addresses that its stacks give out."""

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from ops.failure import Failure
from ops.stage import Stage

SHARED = ("bus", "api")
"""The stacks that are no service's."""


class Service(Struct, frozen=True):
    """A service's own resources: the addresses of its queues, the names of its table and function.

    `undelivered` keeps what the topic could not deliver to its queue, `relay_dlq` tells what its relay gave up.
    """

    queue: str | None
    dlq: str | None
    table: str | None
    function: str | None
    undelivered: str | None = None
    relay_dlq: str | None = None


class Outputs(Struct, frozen=True):
    """Where everything of a stage is; `endpoint` is the local cloud's address, None on AWS."""

    api: str
    endpoint: str | None
    region: str
    topic: str
    user_pool: str
    client: str
    services: Mapping[str, Service]


def outputs_of(stage: Stage) -> Outputs:
    """Reads the outputs of the stage's stacks; Failure where it is not deployed."""
    stacks = _stacks(stage)
    missing = [name for name in SHARED if name not in stacks]
    if missing:
        raise Failure(f"the stage {stage.name} is not deployed: {stage.region} has no stack {stage.prefix}{missing[0]}")
    bus, api = (stacks[name] for name in SHARED)
    return Outputs(
        api=_base_url(stage, api),
        endpoint=stage.endpoint,
        region=stage.region,
        topic=bus["Topic"],
        user_pool=api["UserPool"],
        client=api["Client"],
        services={
            name: Service(
                queue=found.get("Queue"),
                dlq=found.get("Dlq"),
                table=found.get("Table"),
                function=found.get("Function"),
                undelivered=found.get("Undelivered"),
                relay_dlq=found.get("RelayDlq"),
            )
            for name, found in sorted(stacks.items())
            if "Table" in found and name not in SHARED
        },
    )


def _base_url(stage: Stage, api: Mapping[str, str]) -> str:
    if stage.endpoint is None:
        return api["ApiUrl"].rstrip("/")
    # Not every machine resolves the name under `localhost` that the local cloud gives its APIs.
    return f"{stage.endpoint}/_aws/execute-api/{api['ApiId']}"


def _stacks(stage: Stage) -> dict[str, dict[str, str]]:
    client = stage.session.client("cloudformation", endpoint_url=stage.endpoint)
    try:
        pages = list(client.get_paginator("describe_stacks").paginate())
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"the stacks of stage {stage.name} cannot be read: {error}") from error
    return {
        stack["StackName"].removeprefix(stage.prefix): {
            output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
        }
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"].startswith(stage.prefix)
    }
