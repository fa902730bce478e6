"""The Lambda function that decides who may open a connection: whoever presents a valid ticket."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from functions.live.tickets import Tickets
from functions.live.viewers import Viewer
from tidings.aws import clients, lambdas

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_tickets = Tickets(clients.dynamodb(), os.environ["TABLE"])


@lambdas.without_texts
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
    """Consume the ticket in the address. Its viewer is the context of all that the connection sends."""
    return policy(_tickets.redeem(event["queryStringParameters"]["ticket"]), event["methodArn"])


def policy(viewer: Viewer | None, arn: str) -> dict[str, Any]:
    """Return the authorizer's answer: it lets a viewer connect, and refuses a request without one.

    Its form is API Gateway's (Amazon API Gateway Developer Guide, "Output from an API Gateway Lambda authorizer").
    """
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if viewer else "Deny", "Resource": arn}
    return {
        "principalId": viewer.user if viewer else "unknown",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": asdict(viewer) if viewer else {},
    }
