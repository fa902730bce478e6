"""The connections of the library websockets."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ops.live.stream import Connection, LostConnectionError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from websockets.sync.client import ClientConnection

OPEN_SECONDS = 30
CLOSE_SECONDS = 2


class WebSocket:
    """An open WebSocket connection."""

    def __init__(self, connection: "ClientConnection") -> None:
        self._connection = connection

    def receive(self, seconds: float) -> str | None:
        """Wait for a message. Return None after a number of seconds without one."""
        with _reporting():
            try:
                return str(self._connection.recv(seconds))
            except TimeoutError:
                return None

    def send(self, message: str) -> None:
        """Send a message."""
        with _reporting():
            self._connection.send(message)


def connector(url: str) -> "Callable[[str], AbstractContextManager[Connection]]":
    """Return a function that opens a connection to an address with a ticket."""

    @contextmanager
    def connect(ticket: str) -> Iterator[Connection]:
        # Imported here, because no other command needs it.
        from websockets.sync.client import connect as open_connection

        address = f"{url}?{urlencode({'ticket': ticket})}"
        with ExitStack() as stack:
            with _reporting():
                connection = stack.enter_context(
                    open_connection(
                        address,
                        open_timeout=OPEN_SECONDS,
                        # A dead connection answers no closing either.
                        close_timeout=CLOSE_SECONDS,
                        # AWS does not document that API Gateway answers the protocol's own pings. The stream sends
                        # messages instead.
                        ping_interval=None,
                    )
                )
            yield WebSocket(connection)

    return connect


@contextmanager
def _reporting() -> Iterator[None]:
    from websockets.exceptions import WebSocketException

    try:
        yield
    except (WebSocketException, OSError) as error:
        # The text of some errors contains the address, and so the ticket.
        raise LostConnectionError(_reason(error)) from error


def _reason(error: Exception) -> str:
    from websockets.exceptions import ConnectionClosed, InvalidStatus

    match error:
        case InvalidStatus():
            return f"it is refused with status {error.response.status_code}"
        case ConnectionClosed():
            return "it was closed"
        case _:
            return type(error).__name__
