"""The Lambda function that is notified of connections that open and close, and of messages of clients."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from functions.live import sockets
from functions.live.connections import DynamoConnections
from functions.live.websocket.session import Session
from tidings.aws import clients, lambdas

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_session = Session(DynamoConnections(clients.dynamodb(), os.environ["TABLE"]), sockets.connect())


@lambdas.without_texts
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
    """Answer API Gateway."""
    return {"statusCode": _session.handle(event["requestContext"], event.get("body") or "")}
