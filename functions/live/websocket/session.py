"""The course of a connection: it is registered, may send `ping` now and then, and is removed."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from functions.live.ports import Connection, Connections, Sockets
from functions.live.viewers import Viewer

PING, PONG = "ping", b"pong"
"""A client's only message, and its answer. API Gateway closes a connection that was idle for ten minutes."""

MAX_MESSAGE = 128
"""Maximum number of characters of a client's message. A connection with a longer message is closed."""


class Session:
    """The connections, as API Gateway reports them."""

    def __init__(self, connections: Connections, sockets: Sockets) -> None:
        self._connections = connections
        self._sockets = sockets

    def handle(self, context: Mapping[str, Any], body: str) -> HTTPStatus:
        """Handle what has happened to a connection.

        Args:
            context: The request's context. Its authorizer's part is the ticket's viewer.
            body: The client's message, if there is one.

        Returns:
            The answer's status. Another than 200 refuses a connection.
        """
        viewer = Viewer(context["authorizer"]["role"], context["authorizer"]["user"])
        connection = context["connectionId"]
        match context["eventType"]:
            case "CONNECT":
                return HTTPStatus.OK if self._connections.add(viewer, connection) else HTTPStatus.TOO_MANY_REQUESTS
            case "DISCONNECT":
                self._connections.remove(Connection.of(viewer, connection))
            case _:
                self._receive(Connection.of(viewer, connection), body)
        return HTTPStatus.OK

    def _receive(self, connection: Connection, body: str) -> None:
        """Answer a ping. Close a connection that sends too much, so that no client keeps the functions busy.

        A connection that is not registered is closed too: it is notified of nothing, and its client does not know. The
        client connects again.
        """
        if len(body) > MAX_MESSAGE or not self._connections.use(connection):
            self._sockets.close(connection.id)
        elif body == PING:
            self._sockets.send(connection.id, PONG)
