"""The recorded calls by AWS service, without those of the simulated payment gateway, and the items that they read."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bench.shop import Attributes, Call, Invocation
from infra.shop import shop
from infra.stages import STAGES

SNS = "SNS"
GATEWAY = "gateway"
GATEWAY_TABLE = shop(STAGES["local"]).resource_name(GATEWAY)
"""The table of the simulated payment gateway, which is a model of another company's system."""

DYNAMODB = ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems")
KINDS = {**dict.fromkeys(DYNAMODB, "DynamoDB"), "PublishBatch": SNS, "SendEmail": "SES", "Invoke": "Lambda"}


def kind_of(call: Call) -> str:
    """Return the AWS service that a call requests.

    Raises:
        KeyError: If no known function makes this call.
    """
    return KINDS[call.operation]


def is_gateway_call(call: Call) -> bool:
    """Return whether a call is the simulated payment gateway's own."""
    return call.request.get("TableName") == GATEWAY_TABLE


def own_calls(invocation: Invocation, *kinds: str) -> Iterator[Call]:
    """Return the function's requests to AWS, of these kinds or of all, without the payment gateway's own."""
    return (call for call in invocation.calls if not is_gateway_call(call) and (not kinds or kind_of(call) in kinds))


def read_items(call: Call) -> tuple[Sequence[Attributes], int]:
    """Return the items that a read found, and the number of items that it asked for, at least one."""
    answer: dict[str, Any] = json.loads(call.answer.body) if call.answer else {}
    if call.operation == "GetItem":
        return ([answer["Item"]] if "Item" in answer else []), 1
    if call.operation == "Query":
        return answer["Items"], max(1, len(answer["Items"]))
    found = [item for items in answer["Responses"].values() for item in items]
    return found, sum(len(asked["Keys"]) for asked in call.request["RequestItems"].values())
