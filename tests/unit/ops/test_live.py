"""The stream of notifications: it survives lost connections, and shows what was selected."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from botocore.exceptions import EndpointConnectionError
from msgspec.structs import replace
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from ops.context import CommandContext
from ops.errors import CommandError
from ops.live import LiveStream, Selection
from ops.live.commands import _Access, _line
from ops.live.stream import MAX_PAUSE_SECONDS, Connection, LostConnectionError, Notification, parse_notification
from ops.live.websocket import connector
from ops.local import LocalCloud
from ops.orders import RefusedError
from ops.outputs import Outputs
from tests.unit.ops.api import OUTPUTS, Install

ORDER = "00000000-0000-4000-8000-000000000001"
PLACED: Notification = {
    "id": f"orders/{ORDER}/1",
    "type": "OrderPlaced",
    "source": "orders",
    "subject": ORDER,
    "time": "T1",
}
RESERVED: Notification = {
    "id": f"inventory/{ORDER}/1",
    "type": "StockReserved",
    "source": "inventory",
    "subject": ORDER,
    "time": "T2",
    "causationid": f"orders/{ORDER}/1",
}

Message = str | None | Exception


class Scripted:
    """Connections whose messages a test writes; None is a time without any.

    Attributes:
        connections: The messages of each connection. An error in their place refuses the connection.
        tickets: The tickets with which connections were opened.
        sent: What was sent.
        reports: What the user was notified.
        pauses: The seconds between the attempts.
    """

    def __init__(self, *connections: Iterable[Message] | Exception) -> None:
        self.connections = list(connections)
        self.tickets: list[str] = []
        self.sent: list[str] = []
        self.reports: list[str] = []
        self.pauses: list[float] = []
        self._messages: Iterator[Message] = iter(())

    def stream(self) -> Iterator[Any]:
        return LiveStream(self.ticket, self.connect, self.reports.append, self.pauses.append).notifications()

    def ticket(self) -> str:
        found = self.connections.pop(0)
        if isinstance(found, CommandError):
            raise found
        self.connections.insert(0, found)
        return f"ticket-{len(self.tickets)}"

    @contextmanager
    def connect(self, ticket: str) -> Iterator[Connection]:
        self.tickets.append(ticket)
        messages = self.connections.pop(0)
        if isinstance(messages, Exception):
            raise messages
        self._messages = iter(messages)
        yield self

    def receive(self, seconds: float) -> str | None:
        assert seconds < 600, "API Gateway closes a connection that is idle for ten minutes"
        message = next(self._messages, LostConnectionError("it was closed"))
        if isinstance(message, Exception):
            raise message
        return message

    def send(self, message: str) -> None:
        self.sent.append(message)


def refusal(status: int) -> RefusedError:
    return RefusedError(httpx.Response(status, json={"title": "Refused", "detail": "because"}))


def test_notifications_are_shown_as_they_come() -> None:
    script = Scripted([json.dumps(PLACED), json.dumps(RESERVED)])
    assert list(islice(script.stream(), 2)) == [PLACED, RESERVED]
    assert script.tickets == ["ticket-0"]


def test_a_quiet_connection_is_kept_open_by_pings() -> None:
    script = Scripted([None, "pong", None, "pong", json.dumps(PLACED)])
    assert next(script.stream()) == PLACED
    assert script.sent == ["ping", "ping"]


def test_a_connection_that_does_not_answer_a_ping_is_lost_and_opened_again() -> None:
    script = Scripted([None, None], [json.dumps(PLACED)])
    assert next(script.stream()) == PLACED
    assert (script.sent, script.pauses) == (["ping"], [1])
    assert "it does not answer" in script.reports[1]


@pytest.mark.parametrize(
    "message",
    [
        '{"message": "Internal server error", "connectionId": "a=", "requestId": "b="}',
        "null",
        "[]",
        "Internal server error",
        "pong",
        "{",
        json.dumps(PLACED | {"subject": None}),
        json.dumps(PLACED | {"causationid": 1}),
        "\ud800",
    ],
)
def test_a_message_that_is_no_notification_is_ignored(message: str) -> None:
    assert parse_notification(message) is None
    script = Scripted([message, None, message, json.dumps(PLACED)])
    assert next(script.stream()) == PLACED


def test_a_lost_connection_is_opened_again_with_another_ticket() -> None:
    script = Scripted([json.dumps(PLACED)], [json.dumps(RESERVED)])
    assert list(islice(script.stream(), 2)) == [PLACED, RESERVED]
    assert script.tickets == ["ticket-0", "ticket-1"]
    assert [report.partition(" ")[0] for report in script.reports] == ["Connected.", "The", "Connected."]


def test_the_pauses_between_attempts_grow_to_a_limit_and_start_again() -> None:
    # A cloud that is deployed again answers 404 for a while.
    gone = [LostConnectionError("refused"), CommandError("no answer"), refusal(503), refusal(404)]
    script = Scripted(
        [json.dumps(PLACED)], *gone * 2, LostConnectionError("refused"), [json.dumps(RESERVED)], [json.dumps(PLACED)]
    )
    assert len(list(islice(script.stream(), 3))) == 3
    limit = MAX_PAUSE_SECONDS
    assert script.pauses == [1, 2, 4, 8, 16, *[limit] * 5, 1]


@pytest.mark.parametrize(
    "problem", [LostConnectionError("it is refused with status 403"), CommandError("no answer")], ids=["socket", "api"]
)
def test_without_a_first_connection_the_command_ends(problem: Exception) -> None:
    script = Scripted(problem)
    with pytest.raises(CommandError, match=f"there is no connection to the events: {problem}"):
        next(script.stream())
    assert script.pauses == []


def test_a_token_that_has_expired_ends_the_command() -> None:
    script = Scripted([json.dumps(PLACED)], refusal(401))
    stream = script.stream()
    assert next(stream) == PLACED
    with pytest.raises(RefusedError):
        next(stream)


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        (Selection(), [PLACED, RESERVED]),
        (Selection(types=frozenset({"OrderPlaced", "Other"})), [PLACED]),
        (Selection(sources=frozenset({"inventory"})), [RESERVED]),
        (Selection(order=ORDER), [PLACED, RESERVED]),
        (Selection(order="another"), []),
        (Selection(types=frozenset({"OrderPlaced"}), sources=frozenset({"inventory"})), []),
    ],
)
def test_a_selection_has_the_events_that_match_all_its_parts(selection: Selection, selected: list[Any]) -> None:
    assert [event for event in (PLACED, RESERVED) if event in selection] == selected


def test_a_line_says_what_happened_and_what_caused_it() -> None:
    assert _line(PLACED) == f"T1  {ORDER}  orders         OrderPlaced"
    assert _line(RESERVED) == f"T2  {ORDER}  inventory      StockReserved  after orders/1"


def test_a_line_obeys_no_event() -> None:
    assert "\x1b" not in _line({**PLACED, "type": "\x1b[2J"})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("--type", "orderplaced"),
            "no service announces an event of the type 'orderplaced'; did you mean OrderPlaced",
        ),
        (("--type", "OrderPlaced", "--type", "Nope"), "'Nope'; there are DisputeClosed, "),
        (("--source", "order"), "no service 'order' announces events; did you mean orders?"),
        (("--source", "history"), "no service 'history' announces events; "),
    ],
)
def test_a_type_or_a_service_that_no_event_has_is_refused_with_a_suggestion(
    api: Install, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], text: str
) -> None:
    installed = api({})
    monkeypatch.setattr("ops.context.outputs_of", lambda _stage: replace(OUTPUTS, live="ws://live"))
    answer = installed.run("tail", *arguments)
    assert answer.exit_code == 1
    assert text in answer.output
    assert installed.sent == []


def test_a_local_cloud_that_is_gone_is_asked_again_with_its_new_addresses(
    api: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed = api({"POST /operators/live/tickets": {"ticket": "t"}})
    addresses: list[str | Exception] = ["ws://first", EndpointConnectionError(endpoint_url="http://cloud"), "ws://next"]

    def outputs(_stage: object) -> Outputs:
        found = addresses.pop(0)
        if isinstance(found, Exception):
            raise found
        return replace(OUTPUTS, live=found)

    opened: list[str] = []
    monkeypatch.setattr("ops.context.outputs_of", outputs)
    monkeypatch.setattr("ops.live.commands.connector", lambda url: lambda ticket: opened.append(f"{url}?{ticket}"))
    access = _Access(CommandContext("local", LocalCloud(tmp_path)), None)
    access.connect(access.ticket())
    with pytest.raises(CommandError, match="http://cloud cannot be reached"):
        access.ticket()
    access.connect(access.ticket())
    assert opened == ["ws://first?t", "ws://next?t"]
    assert len(installed.sent) == 2


def test_a_stage_without_a_websocket_api_has_no_events_to_show(api: Install) -> None:
    answer = api({}).run("tail")
    assert answer.exit_code == 1
    assert "the stage local has no WebSocket API" in answer.output


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Run a server for the duration of the context."""
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()


class TestWebSocket:
    @pytest.fixture
    def server(self) -> Iterator[Server]:
        """A server that greets with the path, answers once, and closes the connection."""

        def handle(connection: ServerConnection) -> None:
            assert connection.request
            connection.send(connection.request.path)
            said = connection.recv()
            assert isinstance(said, str)
            connection.send(f"you said {said}")

        with running(serve(handle, "127.0.0.1", 0)) as server:
            yield server

    def url(self, server: Server) -> str:
        return f"ws://127.0.0.1:{server.socket.getsockname()[1]}/local"

    def test_it_presents_its_ticket_receives_and_sends(self, server: Server) -> None:
        with connector(self.url(server))("a+b") as connection:
            assert connection.receive(30) == "/local?ticket=a%2Bb"
            assert connection.receive(0) is None
            connection.send("ping")
            assert connection.receive(30) == "you said ping"
            with pytest.raises(LostConnectionError, match="it was closed"):
                connection.receive(30)

    def test_a_refusal_names_its_status_and_no_ticket(self) -> None:
        def refuse(connection: ServerConnection, _request: Request) -> Response:
            return connection.respond(HTTPStatus.FORBIDDEN, "no")

        with (
            running(serve(lambda _: None, "127.0.0.1", 0, process_request=refuse)) as server,
            pytest.raises(LostConnectionError) as refused,
            connector(self.url(server))("secret"),
        ):
            pass
        assert str(refused.value) == "it is refused with status 403"

    def test_an_address_where_nothing_listens_is_reported(self) -> None:
        with pytest.raises(LostConnectionError, match="ConnectionRefusedError"), connector("ws://127.0.0.1:1/")("t"):
            pass
