"""The bill of recorded invocations on AWS, from a list of prices and assumptions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from bench.shop import Invocation, Schema
from bench.traffic import GATEWAY, SNS, is_gateway_call, kind_of, own_calls, read_items
from bench.units import read_units, write_units
from infra.stages import STAGES
from tidings.core.service import QueueKind

PRICES = Path(__file__).with_name("prices.json")
GB = 2**30
STAGE = STAGES["prod"]

Bill = Mapping[str, Mapping[str, float]]
"""US dollars, by service of the shop and by service of AWS."""


@dataclass(frozen=True)
class Prices:
    """A list of prices, and assumptions about times and logs.

    Attributes:
        region: The region of the prices.
        as_of: The month of the prices.
        note: A remark for the report.
        usd: The prices in US dollars.
        milliseconds: How long a function waits for each request.
        log_bytes_an_invocation: The size of an invocation's log.
        traced: The part of the invocations that are traced, from 0 to 1.
    """

    region: str
    as_of: str
    note: str
    usd: Mapping[str, float]
    milliseconds: Mapping[str, float]
    log_bytes_an_invocation: float
    traced: float


@cache
def prices() -> Prices:
    """Return the committed list."""
    return msgspec.json.decode(PRICES.read_bytes(), type=Prices)


def bill(invocations: Iterable[Invocation], schemas: Mapping[str, Schema]) -> Bill:
    """Return the cost of invocations, one at a time, without the simulated gateway's own table."""
    services: dict[str, dict[str, float]] = {}
    for invocation in invocations:
        sums = services.setdefault(invocation.service, {})
        for service, dollars in (*_of_function(invocation), *_of_calls(invocation, schemas)):
            sums[service] = sums.get(service, 0) + dollars
    return services


def milliseconds(invocation: Invocation) -> float:
    """Return an invocation's assumed duration: its requests one after another, and the gateway's answer."""
    took = prices().milliseconds
    own = sum(took[call.operation] for call in own_calls(invocation))
    asks_gateway = any(is_gateway_call(call) for call in invocation.calls)
    return took["invocation"] + own + (took[GATEWAY] if asks_gateway else 0)


def _of_function(invocation: Invocation) -> Sequence[tuple[str, float]]:
    """Return the cost of invoking the function and of delivering its event."""
    usd = prices().usd
    seconds = milliseconds(invocation) / 1000
    charges = [
        ("Lambda", usd["lambda_request"] + STAGE.memory_mb / 1024 * seconds * usd["lambda_gb_second_arm64"]),
        ("CloudWatch Logs", prices().log_bytes_an_invocation / GB * usd["logs_gb"]),
        ("X-Ray", prices().traced * usd["xray_trace"]),
    ]
    if invocation.function == "api":
        charges.append(("API Gateway", usd["http_api_request"]))
    if invocation.function == "consumer":
        bodies = [record["body"] for record in invocation.event["Records"]]
        request = usd[f"sqs_{_queue_kind(invocation)}_request"]
        # SNS sends each message by itself. Lambda receives and deletes them in batches.
        charges.append(("SQS", request * (len(bodies) + 2)))
        delivered = sum(len(body.encode()) for body in bodies)
        charges.append((SNS, len(bodies) * usd["sns_fifo_delivery"] + delivered / GB * usd["sns_fifo_delivered_gb"]))
    return charges


def _of_calls(invocation: Invocation, schemas: Mapping[str, Schema]) -> Sequence[tuple[str, float]]:
    """Return the cost of the function's own requests."""
    usd = prices().usd
    charges: list[tuple[str, float]] = []
    for call in own_calls(invocation):
        match kind_of(call):
            case "DynamoDB":
                writes = sum(write_units(write, schemas[write.table]) for write in call.writes)
                reads = 0 if call.writes else read_units(*read_items(call))
                charges.append(("DynamoDB", writes * usd["dynamodb_write_unit"] + reads * usd["dynamodb_read_unit"]))
            case "SNS":
                messages = [entry["Message"] for entry in call.request["PublishBatchRequestEntries"]]
                published = sum(len(message.encode()) for message in messages)
                charges.append((SNS, usd["sns_fifo_publish"] + published / GB * usd["sns_fifo_published_gb"]))
            case "SES":
                charges.append(("SES", usd["ses_email"]))
    return charges


def _queue_kind(invocation: Invocation) -> QueueKind:
    return "fifo" if invocation.environment["QUEUE"].endswith(".fifo") else "standard"
