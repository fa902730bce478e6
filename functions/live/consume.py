"""The Lambda function on live's queue, which receives every event."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from functions.live import sockets
from functions.live.broadcast import Broadcast, PushTime
from functions.live.connections import DynamoConnections
from functions.live.owners import DynamoOwners
from functions.live.service import service
from tidings.aws import clients, lambdas

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_table = os.environ["TABLE"]
_time = PushTime()
_broadcast = Broadcast(
    DynamoOwners(clients.dynamodb(), _table),
    DynamoConnections(clients.dynamodb(), _table),
    sockets.connect(),
    ThreadPoolExecutor(clients.WORKERS),
    lambda counts: lambdas.metrics().emit(counts),
    seconds=_time.seconds,
)
_consume = lambdas.consumer(service, receive=_broadcast.receive)


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Handle a batch of messages."""
    _time.begin(context.get_remaining_time_in_millis())
    return _consume(event, context)
