"""The ports of live: who owns an order, which connections are open, and how a message reaches one."""

from typing import Protocol

from msgspec import Struct

from functions.live.viewers import Viewer


class Connection(Struct, frozen=True):
    """A registered connection.

    Attributes:
        partition: The partition by which an event's push finds it.
        row: Its viewer, and API Gateway's id of it.
        since: When it was registered, in milliseconds since 1970. It opens a moment later.
    """

    partition: str
    row: str
    since: int

    @classmethod
    def of(cls, viewer: Viewer, connection: str, since: int = 0) -> "Connection":
        """Return a viewer's connection, given API Gateway's id."""
        return cls(viewer.partition, f"{viewer.user}#{connection}", since)

    @property
    def id(self) -> str:
        """API Gateway's id of the connection."""
        return self.row.rpartition("#")[2]


class Owners(Protocol):
    """The owners of orders."""

    def record(self, order: str, customer: str, time: int) -> None:
        """Store whose order it is. Nothing changes if it is stored.

        Args:
            order: The order's id.
            customer: The customer's id.
            time: When the order was placed, in milliseconds since 1970.
        """

    def find(self, order: str) -> str | None:
        """Return the id of an order's customer; None if it is unknown."""


class Connections(Protocol):
    """The registered connections."""

    def add(self, viewer: Viewer, connection: str) -> bool:
        """Register a connection. Return False, and register none, if the viewer has as many as allowed."""

    def remove(self, connection: Connection) -> None:
        """Remove a connection. Nothing happens if it was removed before."""

    def use(self, connection: Connection) -> bool:
        """Record that the client of a connection has sent a message.

        Return False if the connection is not registered, or if its last message was too recent.
        """

    def of(self, partition: str) -> list[Connection]:
        """Return the connections of a partition."""


class Sockets(Protocol):
    """The open connections, by API Gateway's ids."""

    def send(self, connection: str, message: bytes) -> bool:
        """Send a message. Return False if the connection does not exist."""

    def close(self, connection: str) -> None:
        """Close a connection. Nothing happens if it does not exist."""
