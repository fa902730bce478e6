"""The Lambda function that decides who may open a connection: whoever presents a valid ticket."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from functions.live.tickets import Tickets
from functions.live.websocket.policy import policy
from tidings.aws import clients, lambdas

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_tickets = Tickets(clients.dynamodb(), os.environ["TABLE"])


@lambdas.without_texts
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
    """Consume the ticket in the address. Its viewer is the context of all that the connection sends."""
    return policy(_tickets.redeem(event["queryStringParameters"]["ticket"]), event["methodArn"])
