"""What the recorded calls are: to which service of AWS, about which table, and what they read."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bench.shop import Attributes, Call, Invocation
from infra.stages import STAGES

SNS = "SNS"
GATEWAY = "gateway"
GATEWAY_TABLE = STAGES["local"].named(GATEWAY)
"""Of the simulated payment gateway, which stands for somebody else's system."""

DYNAMODB = ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "TransactWriteItems")
KINDS = {**dict.fromkeys(DYNAMODB, "DynamoDB"), "PublishBatch": SNS, "SendEmail": "SES"}


def kind_of(call: Call) -> str:
    """The service of AWS that is asked; KeyError where the shop was not known to ask for this."""
    return KINDS[call.operation]


def outside(call: Call) -> bool:
    """Whether it is a request to the simulated payment gateway."""
    return call.request.get("TableName") == GATEWAY_TABLE


def own_calls(invocation: Invocation, *kinds: str) -> Iterator[Call]:
    """The function's requests to AWS, of these kinds where any is named, without those to the payment gateway."""
    return (call for call in invocation.calls if not outside(call) and (not kinds or kind_of(call) in kinds))


def reading(call: Call) -> tuple[Sequence[Attributes], int]:
    """The items that a reading found, and how many keys it asked for."""
    answer: dict[str, Any] = json.loads(call.answer.body) if call.answer else {}
    if call.operation == "GetItem":
        return ([answer["Item"]] if "Item" in answer else []), 1
    found = [item for items in answer["Responses"].values() for item in items]
    return found, sum(len(asked["Keys"]) for asked in call.request["RequestItems"].values())
