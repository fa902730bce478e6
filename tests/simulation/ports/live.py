"""Live's ports in memory. Every customer has a connection, and so has an operator."""

from collections import defaultdict

import msgspec

from functions.live.ports import Connection
from functions.live.viewers import OPERATORS, Viewer


class MemoryLive:
    """The owners of orders, the connections, and the events that were pushed to them.

    Attributes:
        owners: The customer of each order.
        told: The orders of whose events each customer was notified.
        shown: The ids of the events that the operator was notified of.
    """

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        self.told: defaultdict[str, set[str]] = defaultdict(set)
        self.shown: set[str] = set()

    def record(self, order: str, customer: str, time: int) -> None:  # noqa: ARG002 - no owner expires here
        """Store whose order it is. Nothing changes if it is stored."""
        self.owners.setdefault(order, customer)

    def find(self, order: str) -> str | None:
        """Return an order's customer; None if it is unknown."""
        return self.owners.get(order)

    def of(self, partition: str) -> list[Connection]:
        """Return the only connection of a partition. Its id is that of the customer."""
        return [Connection(partition, partition, 0)]

    def add(self, viewer: Viewer, connection: str) -> bool:
        """Refuse it: all connections are open."""
        raise AssertionError(f"{viewer} opens {connection}")

    def remove(self, connection: Connection) -> None:
        """Refuse it: no connection is gone."""
        raise AssertionError(f"{connection} is removed")

    def use(self, connection: Connection) -> bool:
        """Refuse it: nobody sends anything."""
        raise AssertionError(f"{connection} is used")

    def send(self, connection: str, message: bytes) -> bool:
        """Push a notification."""
        event = msgspec.json.decode(message)
        if OPERATORS.endswith(connection):
            self.shown.add(event["id"])
        else:
            self.told[connection].add(event["subject"])
        return True

    def close(self, connection: str) -> None:
        """Refuse it: nobody sends anything."""
        raise AssertionError(f"{connection} is closed")
