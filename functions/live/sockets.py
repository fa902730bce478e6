"""The connections as API Gateway has them: it sends messages to them and closes them."""

import os
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any
from urllib.parse import urljoin

import boto3
from botocore.config import Config

from tidings.aws import clients

ONCE = clients.CONFIG.merge(Config(read_timeout=1, retries={"total_max_attempts": 1}))
"""A push is not repeated: the client reads the state again in any case, and the next person waits."""


class ApiGatewaySockets:
    """The connections of a WebSocket API.

    Args:
        create: Creates the client of the API's management endpoint (`apigatewaymanagementapi`). It is created for the
            first connection: most cold starts are for an event that nobody watches.
    """

    def __init__(self, create: Callable[[], Any]) -> None:
        self._create = create
        self._creating = Lock()
        self._created: Any = None

    def send(self, connection: str, message: bytes) -> bool:
        """Send a message. Return False if the connection does not exist."""
        client = self._client()
        try:
            client.post_to_connection(ConnectionId=connection, Data=message)
        except client.exceptions.GoneException:
            return False
        return True

    def close(self, connection: str) -> None:
        """Close a connection. Nothing happens if it does not exist."""
        client = self._client()
        with suppress(client.exceptions.GoneException):
            client.delete_connection(ConnectionId=connection)

    def _client(self) -> Any:
        with self._creating:
            if self._created is None:
                self._created = self._create()
            return self._created


def connect() -> ApiGatewaySockets:
    """Return the sockets of the API whose management endpoint `MANAGEMENT_ENDPOINT` is.

    An emulator serves it at a path below its own address.
    """
    endpoint = urljoin(os.environ.get("AWS_ENDPOINT_URL", ""), os.environ["MANAGEMENT_ENDPOINT"])
    return ApiGatewaySockets(lambda: boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, config=ONCE))
