"""The stream of notifications over a WebSocket connection, which is opened again when it is lost."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import NotRequired, Protocol, TypedDict

import msgspec

from ops.errors import CommandError
from ops.orders.client import RefusedError

PING_SECONDS = 75
"""Seconds without a message after which the stream sends `ping`. API Gateway closes a connection that is idle for ten
minutes, and the service one whose client sends more than a message a minute."""

ANSWER_SECONDS = 10
"""Seconds within which the answer to a `ping` comes. A network that is gone closes no connection."""

MAX_PAUSE_SECONDS = 30
"""Maximum number of seconds between two attempts to connect."""

SIGNED_OUT = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
"""The statuses that no other attempt changes. A cloud that is deployed again answers others for a while."""


class Notification(TypedDict):
    """A notification of an event. The cause is absent if a request caused the event."""

    id: str
    type: str
    source: str
    subject: str
    time: str
    causationid: NotRequired[str]


class LostConnectionError(Exception):
    """The connection was refused or ended. Its text says why."""


class Connection(Protocol):
    """An open connection. Its methods raise `LostConnectionError` if it ends."""

    def receive(self, seconds: float) -> str | None:
        """Wait for a message. Return None after a number of seconds without one."""

    def send(self, message: str) -> None:
        """Send a message."""


Connect = Callable[[str], AbstractContextManager[Connection]]
"""Opens a connection with a ticket; raises `LostConnectionError` if it is refused."""


@dataclass(frozen=True)
class Selection:
    """The notifications to show. An empty part selects all."""

    types: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    order: str | None = None

    def __contains__(self, notification: Notification) -> bool:
        return (
            (not self.types or notification["type"] in self.types)
            and (not self.sources or notification["source"] in self.sources)
            and self.order in (None, notification["subject"])
        )


class LiveStream:
    """The notifications of events as they happen.

    Events that happen while there is no connection are not among them.
    """

    def __init__(
        self,
        ticket: Callable[[], str],
        connect: Connect,
        report: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Create a stream.

        Args:
            ticket: Asks the API for a ticket.
            connect: Opens a connection with a ticket.
            report: Receives a sentence when a connection is open, and when it is lost.
            sleep: Waits for a number of seconds.
        """
        self._ticket = ticket
        self._connect = connect
        self._report = report
        self._sleep = sleep

    def notifications(self) -> Iterator[Notification]:
        """Iterate over the notifications, without an end.

        Raises:
            CommandError: If there is no first connection, or the user's token is no longer valid.
        """
        opened, lost = False, 0
        while True:
            try:
                with self._connect(self._ticket()) as connection:
                    self._report("Connected. Events are shown as they happen.")
                    opened, lost = True, 0
                    yield from _receive(connection)
            except RefusedError as refusal:
                if not opened or refusal.status in SIGNED_OUT:
                    raise
                reason = str(refusal)
            except (LostConnectionError, CommandError) as error:
                if not opened:
                    raise CommandError(f"there is no connection to the events: {error}") from error
                reason = str(error)
            pause = min(2**lost, MAX_PAUSE_SECONDS)
            lost += 1
            self._report(f"The connection is lost ({reason}). The next attempt is in {pause} s.")
            self._sleep(pause)


def _receive(connection: Connection) -> Iterator[Notification]:
    while True:
        message = connection.receive(PING_SECONDS)
        if message is None:
            connection.send("ping")
            message = connection.receive(ANSWER_SECONDS)
            if message is None:
                raise LostConnectionError("it does not answer")
        if (notification := parse_notification(message)) is not None:
            yield notification


def parse_notification(message: str) -> Notification | None:
    """Return the notification in a message; None if the message is something else.

    That is the answer to a `ping`, or a message of API Gateway itself, such as
    `{"message": "Internal server error", "connectionId": …, "requestId": …}`.
    """
    try:
        return msgspec.json.decode(message, type=Notification)
    except (msgspec.DecodeError, UnicodeError):
        return None
