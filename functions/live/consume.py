"""The Lambda function on live's queue, which receives every event."""

import os
from concurrent.futures import ThreadPoolExecutor

from functions.live import sockets
from functions.live.broadcast import Broadcast
from functions.live.connections import DynamoConnections
from functions.live.owners import DynamoOwners
from functions.live.service import service
from tidings.aws import clients, lambdas

_table = os.environ["TABLE"]
_broadcast = Broadcast(
    DynamoOwners(clients.dynamodb(), _table),
    DynamoConnections(clients.dynamodb(), _table),
    sockets.connect(),
    ThreadPoolExecutor(clients.WORKERS),
    lambda counts: lambdas.metrics().emit(counts),
)

handler = lambdas.consumer(service, receive=_broadcast.receive)
