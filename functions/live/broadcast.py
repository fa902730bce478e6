"""The broadcast of each event to those who may see it.

Only the owner of an order is stored. A push that fails is dropped: clients read the state when they connect, and again
from time to time, so they lose nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, wait
from typing import Any, cast

from msgspec import Struct

from contracts.orders.order_placed import OrderPlaced
from functions.live.ports import Connection, Connections, Owners, Sockets
from functions.live.viewers import audience, notification
from tidings.core.clock import Clock, now
from tidings.core.contract import ContractRegistry
from tidings.core.errors import described
from tidings.core.event import Event
from tidings.observability.log import logger

FAILED = "PushesFailed"
"""The metric of the pushes that failed."""

END_SECONDS = 1
"""Number of seconds that a function keeps for its end, after its last push."""

MIN_PUSH_SECONDS = 2
"""Minimum number of seconds for an event's pushes. The consumer begins no event in the second half of its time, which
is three seconds on the local cloud and ten on AWS."""

OPENING_MILLIS = 10_000
"""Milliseconds within which a registered connection opens. Until then API Gateway says that it does not exist."""


class PushTime:
    """The time for pushes: what the function has left, except for its end. The threads of a function share it.

    Pushes that are not made by then are dropped. The consumer is not held up longer than for any other event, and its
    messages do not become visible again meanwhile.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = 0.0

    def begin(self, milliseconds: int) -> None:
        """Begin an invocation of the function, which has a number of milliseconds left."""
        self._end = self._clock() + milliseconds / 1000 - END_SECONDS

    def seconds(self) -> float:
        """Return the number of seconds in which pushes that begin now are to be made."""
        return max(MIN_PUSH_SECONDS, self._end - self._clock())


_orders = ContractRegistry([OrderPlaced])


class Broadcast(Struct, frozen=True):
    """The receiver of every event.

    Attributes:
        owners: The owners of orders.
        connections: The registered connections.
        sockets: Sends to connections.
        threads: Sends to several connections at once.
        count: Receives the number of failed pushes, as `PushesFailed`.
        clock: The current time.
        seconds: Returns the number of seconds in which an event's pushes are made.
    """

    owners: Owners
    connections: Connections
    sockets: Sockets
    threads: Executor
    count: Callable[[Mapping[str, int]], None]
    clock: Clock = now
    seconds: Callable[[], float] = lambda: MIN_PUSH_SECONDS

    def receive(self, event: Event[Any]) -> None:
        """Keep the owner of a new order, and push the event to those who may see it.

        Raises:
            Exception: If the owner cannot be stored. The event is delivered again then. No push raises anything.
        """
        if event.type == OrderPlaced.__name__:
            placed = cast("OrderPlaced", _orders.decode(event).data)
            self.owners.record(event.subject, placed.customer, event.millis)
        try:
            self._push(event)
        except Exception:
            logger.exception("the event is pushed to nobody", extra={"event_id": event.id})
            self.count({FAILED: 1})

    def _push(self, event: Event[Any]) -> None:
        partitions = audience(self.owners.find(event.subject))
        found = [connection for partition in partitions for connection in self.connections.of(partition)]
        if errors := self._send_all(found, notification(event)):
            fields = {"event_id": event.id, "pushes": len(found), "failed": len(errors), "error": errors[0]}
            logger.warning("pushes failed", extra=fields)
            self.count({FAILED: len(errors)})

    def _send_all(self, connections: Sequence[Connection], message: bytes) -> list[str]:
        """Send a message to connections. Return the description of each failure."""
        sent = [self.threads.submit(self._send, connection, message) for connection in connections]
        done, late = wait(sent, timeout=self.seconds())
        for each in late:
            each.cancel()
        errors = [error for each in done if (error := each.result())]
        return [*errors, *(["not made in time"] * len(late))]

    def _send(self, connection: Connection, message: bytes) -> str:
        """Send a message to a connection; remove the connection if it is gone. Return why it failed; "" if not."""
        try:
            if not self.sockets.send(connection.id, message) and self._has_opened(connection):
                self.connections.remove(connection)
        except Exception as error:  # noqa: BLE001 - no push affects another, nor its event
            return described(error)
        return ""

    def _has_opened(self, connection: Connection) -> bool:
        return self.clock() - connection.since > OPENING_MILLIS
