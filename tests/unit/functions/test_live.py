"""Live: who is notified of which event, whatever fails."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
import msgspec
import pytest
from moto import mock_aws

from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_confirmed import OrderConfirmed
from functions.live import owners as owners_module
from functions.live.api import Api
from functions.live.broadcast import END_SECONDS, FAILED, MIN_PUSH_SECONDS, OPENING_MILLIS, Broadcast, PushTime
from functions.live.connections import CONNECTION_SECONDS, MAX_CONNECTIONS, MESSAGE_SECONDS, DynamoConnections
from functions.live.owners import OWNER_DAYS, DynamoOwners
from functions.live.ports import Connection
from functions.live.service import service
from functions.live.sockets import ApiGatewaySockets
from functions.live.tickets import TICKET_SECONDS, Tickets
from functions.live.viewers import OPERATORS, Viewer, audience, customers_partition, notification
from functions.live.websocket.policy import policy
from functions.live.websocket.session import MAX_MESSAGE, Session
from tests.integration.cloud import one_call_at_a_time
from tests.unit.facts import NOON_MILLIS, ORDER, fact, order_confirmed, order_id, order_placed
from tidings.core.clock import from_rfc3339
from tidings.core.errors import PermanentError
from tidings.core.event import Event, encode
from tidings.http.problems import Problem
from tidings.messaging.assembly import parser_of
from tidings.testing import InlineExecutor, VirtualClock, given, make_request

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "live"
CUSTOMER = Viewer("customer", "customer-1")
OTHER = Viewer("customer", "customer-2")
OPERATOR = Viewer("operator", "operator-1")
PLACED = fact(order_placed(customer=CUSTOMER.user))
RESERVED = fact(StockReserved(lines=()), cause=PLACED.id)
LONG_AGO = NOON_MILLIS - OPENING_MILLIS - 1


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> "Iterator[DynamoDBClient]":
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws(), one_call_at_a_time():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON_MILLIS)


class TestTickets:
    @pytest.fixture
    def tickets(self, client: "DynamoDBClient", clock: VirtualClock) -> Tickets:
        return Tickets(client, TABLE, clock)

    @pytest.mark.parametrize("viewer", [CUSTOMER, OPERATOR], ids=lambda viewer: viewer.role)
    def test_a_ticket_opens_one_connection_of_its_viewer(self, tickets: Tickets, viewer: Viewer) -> None:
        issued = tickets.issue(viewer)
        assert tickets.redeem(issued.ticket) == viewer
        assert tickets.redeem(issued.ticket) is None

    def test_a_ticket_is_valid_for_thirty_seconds(self, tickets: Tickets, clock: VirtualClock) -> None:
        last, late = tickets.issue(CUSTOMER), tickets.issue(CUSTOMER)
        clock.advance(milliseconds=TICKET_SECONDS * 1000)
        assert tickets.redeem(last.ticket) == CUSTOMER
        clock.advance(milliseconds=1)
        assert tickets.redeem(late.ticket) is None

    @pytest.mark.parametrize("ticket", ["", "A" * 22, "\ud800", "#", "x" * 5000])
    def test_an_invented_ticket_is_not_valid(self, tickets: Tickets, ticket: str) -> None:
        tickets.issue(CUSTOMER)
        assert tickets.redeem(ticket) is None

    def test_a_ticket_has_128_random_bits_and_is_stored_as_a_hash_that_expires(
        self, tickets: Tickets, client: "DynamoDBClient"
    ) -> None:
        issued = [tickets.issue(CUSTOMER) for _ in range(3)]
        assert {len(each.ticket) for each in issued} == {22}
        assert len({each.ticket for each in issued}) == 3
        stored = client.scan(TableName=TABLE)["Items"]
        assert not any(each.ticket in str(stored) for each in issued)
        assert {item["expires"]["N"] for item in stored} == {str(NOON_MILLIS // 1000 + TICKET_SECONDS + 1)}

    @pytest.mark.parametrize(
        ("operation", "viewer"),
        [("issue", Viewer("customer", "caller-1")), ("issue_operators", Viewer("operator", "caller-1"))],
    )
    def test_a_route_issues_tickets_of_its_callers_role(self, tickets: Tickets, operation: str, viewer: Viewer) -> None:
        view = getattr(Api(tickets), operation)(make_request(caller="caller-1"))
        assert from_rfc3339(view.expires_at) == NOON_MILLIS + TICKET_SECONDS * 1000
        assert tickets.redeem(view.ticket) == viewer

    def test_nobody_without_a_token_gets_a_ticket(self, tickets: Tickets) -> None:
        for operation in (Api(tickets).issue, Api(tickets).issue_operators):
            with pytest.raises(Problem):
                operation(make_request(caller=None))


class TestConnections:
    @pytest.fixture
    def connections(self, client: "DynamoDBClient", clock: VirtualClock) -> DynamoConnections:
        return DynamoConnections(client, TABLE, clock)

    def test_a_connection_is_found_by_what_its_viewer_may_see(self, connections: DynamoConnections) -> None:
        for viewer, connection in ((CUSTOMER, "c1="), (OTHER, "c2="), (OPERATOR, "o1="), (OPERATOR, "o2=")):
            assert connections.add(viewer, connection)
        assert [each.id for each in connections.of(customers_partition(CUSTOMER.user))] == ["c1="]
        assert [each.id for each in connections.of(customers_partition(OTHER.user))] == ["c2="]
        assert [each.id for each in connections.of(OPERATORS)] == ["o1=", "o2="]

    def test_a_connection_that_ended_is_not_found(self, connections: DynamoConnections) -> None:
        connections.add(CUSTOMER, "c1")
        connections.add(CUSTOMER, "c2")
        connections.remove(Connection.of(CUSTOMER, "c1"))
        connections.remove(Connection.of(CUSTOMER, "c1"))
        (left,) = connections.of(CUSTOMER.partition)
        assert left.id == "c2"
        connections.remove(left)
        assert connections.of(CUSTOMER.partition) == []

    @pytest.mark.parametrize("viewer", [CUSTOMER, OPERATOR], ids=lambda viewer: viewer.role)
    def test_each_viewer_has_ten_connections_at_most(self, connections: DynamoConnections, viewer: Viewer) -> None:
        accepted = [connections.add(viewer, f"c{n}") for n in range(MAX_CONNECTIONS + 2)]
        assert accepted == [True] * MAX_CONNECTIONS + [False] * 2
        assert len(connections.of(viewer.partition)) == MAX_CONNECTIONS
        assert connections.add(Viewer(viewer.role, f"{viewer.user}0"), "another's")
        connections.remove(Connection.of(viewer, "c0"))
        assert connections.add(viewer, "again")

    def test_connections_that_open_at_the_same_time_are_ten_at_most(self, connections: DynamoConnections) -> None:
        with ThreadPoolExecutor(5) as threads:
            accepted = list(threads.map(lambda n: connections.add(CUSTOMER, f"c{n}"), range(3 * MAX_CONNECTIONS)))
        assert accepted.count(True) == len(connections.of(CUSTOMER.partition)) <= MAX_CONNECTIONS

    def test_a_connection_ends_after_two_hours_even_if_it_is_not_deleted_yet(
        self, connections: DynamoConnections, clock: VirtualClock
    ) -> None:
        for n in range(MAX_CONNECTIONS):
            connections.add(CUSTOMER, f"c{n}")
        clock.advance(milliseconds=CONNECTION_SECONDS * 1000)
        assert connections.of(CUSTOMER.partition) == []
        assert connections.add(CUSTOMER, "new")

    def test_a_client_may_send_a_message_a_minute(self, connections: DynamoConnections, clock: VirtualClock) -> None:
        for connection in ("c1", "c2"):
            connections.add(CUSTOMER, connection)
        one, other = (Connection.of(CUSTOMER, connection) for connection in ("c1", "c2"))
        assert connections.use(one)
        assert not connections.use(one)
        assert connections.use(other)
        clock.advance(milliseconds=MESSAGE_SECONDS * 1000 - 1)
        assert not connections.use(one)
        clock.advance(milliseconds=1)
        assert connections.use(one)
        assert [each.id for each in connections.of(CUSTOMER.partition)] == ["c1", "c2"]

    def test_a_connection_that_was_removed_is_not_used(self, connections: DynamoConnections) -> None:
        connections.add(CUSTOMER, "c1")
        connections.remove(Connection.of(CUSTOMER, "c1"))
        assert not connections.use(Connection.of(CUSTOMER, "c1"))
        assert connections.of(CUSTOMER.partition) == []

    def test_nobody_uses_the_connection_of_another(self, connections: DynamoConnections) -> None:
        connections.add(CUSTOMER, "c1")
        assert not connections.use(Connection.of(OTHER, "c1"))


class TestOwners:
    def test_an_orders_owner_is_known_to_another_process(self, client: "DynamoDBClient") -> None:
        DynamoOwners(client, TABLE).record(ORDER, "customer-1", NOON_MILLIS)
        assert DynamoOwners(client, TABLE).find(ORDER) == "customer-1"
        assert DynamoOwners(client, TABLE).find(order_id(2)) is None

    def test_an_orders_owner_never_changes(self, client: "DynamoDBClient") -> None:
        owners = DynamoOwners(client, TABLE)
        owners.record(ORDER, "customer-1", NOON_MILLIS)
        stored = client.scan(TableName=TABLE)["Items"]
        for other in (owners, DynamoOwners(client, TABLE)):
            other.record(ORDER, "customer-2", NOON_MILLIS + 1000)
            assert other.find(ORDER) == "customer-1"
        assert client.scan(TableName=TABLE)["Items"] == stored

    def test_an_owner_that_was_unknown_is_asked_for_again(self, client: "DynamoDBClient") -> None:
        owners = DynamoOwners(client, TABLE)
        assert owners.find(ORDER) is None
        DynamoOwners(client, TABLE).record(ORDER, "customer-1", NOON_MILLIS)
        assert owners.find(ORDER) == "customer-1"

    def test_a_known_owner_is_not_asked_for_again(self, client: "DynamoDBClient") -> None:
        owners = DynamoOwners(client, TABLE)
        owners.record(ORDER, "customer-1", NOON_MILLIS)
        client.delete_table(TableName=TABLE)
        assert owners.find(ORDER) == "customer-1"

    def test_a_process_remembers_a_bounded_number_of_owners(
        self, client: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(owners_module, "MAX_CACHED", 2)
        owners = DynamoOwners(client, TABLE)
        for n in range(5):
            owners.record(order_id(n), f"customer-{n}", NOON_MILLIS)
            assert len(owners._known) <= 2
        assert [owners.find(order_id(n)) for n in range(5)] == [f"customer-{n}" for n in range(5)]

    def test_an_owner_is_ids_that_expire_counted_from_the_placing(self, client: "DynamoDBClient") -> None:
        DynamoOwners(client, TABLE).record(ORDER, "customer-1", NOON_MILLIS)
        (item,) = client.scan(TableName=TABLE)["Items"]
        expires = str(NOON_MILLIS // 1000 + OWNER_DAYS * 24 * 60 * 60)
        assert item == {
            "pk": {"S": ORDER},
            "sk": {"S": "owner"},
            "customer": {"S": "customer-1"},
            "expires": {"N": expires},
        }


class Shown:
    """The ports of a broadcast, in memory. Each viewer has the connections that a test opens.

    Attributes:
        owners: The owners by order.
        open: The registered connections by partition.
        sent: The ids of the pushed events by connection.
        gone: The connections that do not exist.
        failing: The calls that fail: `record`, `find`, `of`, `remove`, or the id of a connection.
        counts: The emitted metrics.
    """

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        self.open: defaultdict[str, list[Connection]] = defaultdict(list)
        self.sent: defaultdict[str, list[str]] = defaultdict(list)
        self.gone: set[str] = set()
        self.failing: set[str] = set()
        self.counts: list[Mapping[str, int]] = []
        self.broadcast = Broadcast(
            self, self, self, InlineExecutor(), self.counts.append, clock=VirtualClock(NOON_MILLIS)
        )

    def connect(self, viewer: Viewer, connection: str, since: int = LONG_AGO) -> None:
        self.open[viewer.partition].append(Connection.of(viewer, connection, since))

    def registered(self) -> list[str]:
        return [each.id for connections in self.open.values() for each in connections]

    def receive(self, *events: Event[Any]) -> None:
        for event in events:
            self.broadcast.receive(parser_of(service)(encode(event)))

    def record(self, order: str, customer: str, time: int) -> None:
        self._may_fail("record")
        assert time == NOON_MILLIS
        self.owners.setdefault(order, customer)

    def find(self, order: str) -> str | None:
        self._may_fail("find")
        return self.owners.get(order)

    def of(self, partition: str) -> list[Connection]:
        self._may_fail("of")
        return list(self.open[partition])

    def add(self, viewer: Viewer, connection: str) -> bool:
        raise AssertionError(f"{viewer} opens {connection}")

    def remove(self, connection: Connection) -> None:
        self._may_fail("remove")
        self.open[connection.partition].remove(connection)

    def use(self, connection: Connection) -> bool:
        raise AssertionError(f"{connection} is used")

    def send(self, connection: str, message: bytes) -> bool:
        self._may_fail(connection)
        if connection in self.gone:
            return False
        self.sent[connection].append(msgspec.json.decode(message)["id"])
        return True

    def close(self, connection: str) -> None:
        raise AssertionError(f"{connection} is closed")

    def _may_fail(self, call: str) -> None:
        if call in self.failing:
            raise TimeoutError(call)


@pytest.fixture
def shown() -> Shown:
    shown = Shown()
    for viewer in (CUSTOMER, OTHER, OPERATOR):
        shown.connect(viewer, viewer.user)
    return shown


class TestBroadcast:
    def test_operators_see_all_events_and_customers_those_of_their_own_orders(self, shown: Shown) -> None:
        others = fact(order_placed(customer=OTHER.user), order=order_id(2))
        shown.receive(PLACED, others, RESERVED)
        assert shown.sent == {
            OPERATOR.user: [PLACED.id, others.id, RESERVED.id],
            CUSTOMER.user: [PLACED.id, RESERVED.id],
            OTHER.user: [others.id],
        }

    def test_while_an_orders_owner_is_unknown_only_operators_see_its_events(self, shown: Shown) -> None:
        shown.receive(RESERVED, PLACED)
        assert shown.sent == {OPERATOR.user: [RESERVED.id, PLACED.id], CUSTOMER.user: [PLACED.id]}

    def test_an_event_that_names_a_customer_but_is_not_the_placing_makes_nobody_an_owner(self, shown: Shown) -> None:
        confirmed: Event[OrderConfirmed] = fact(order_confirmed())
        shown.receive(confirmed)
        assert shown.sent == {OPERATOR.user: [confirmed.id]}

    def test_a_placing_by_another_service_makes_nobody_an_owner(self, shown: Shown) -> None:
        with pytest.raises(PermanentError, match="announced by orders"):
            shown.receive(fact(order_placed(), source="payment"))
        assert (shown.owners, shown.sent) == ({}, {})

    def test_an_event_of_any_contract_is_pushed(self, shown: Shown) -> None:
        unknown = msgspec.structs.replace(RESERVED, type="NeverHeardOf", dataschema="urn:tidings:NeverHeardOf:7")
        shown.receive(unknown)
        assert shown.sent == {OPERATOR.user: [RESERVED.id]}

    def test_a_duplicate_is_pushed_again(self, shown: Shown) -> None:
        shown.receive(PLACED, PLACED)
        assert shown.sent[CUSTOMER.user] == [PLACED.id, PLACED.id]

    def test_all_connections_of_a_viewer_are_notified(self, shown: Shown) -> None:
        for n in range(200):
            shown.connect(OPERATOR, f"o{n}")
        shown.receive(PLACED)
        assert len(shown.sent) == 202
        assert shown.counts == []

    def test_a_gone_connection_is_removed(self, shown: Shown) -> None:
        shown.gone = {CUSTOMER.user}
        shown.receive(PLACED)
        assert sorted(shown.registered()) == [OTHER.user, OPERATOR.user]
        assert shown.counts == []

    def test_a_connection_that_is_just_opening_is_not_removed(self, shown: Shown) -> None:
        shown.connect(OPERATOR, "opening", NOON_MILLIS - OPENING_MILLIS)
        shown.gone = {"opening"}
        shown.receive(PLACED)
        assert "opening" in shown.registered()

    @pytest.mark.parametrize("failing", [OPERATOR.user, "find", "of"])
    def test_a_push_that_fails_is_dropped_and_counted_and_fails_nothing(self, shown: Shown, failing: str) -> None:
        shown.failing = {failing}
        shown.receive(PLACED)
        assert shown.counts == [{FAILED: 1}]
        assert shown.owners == {ORDER: CUSTOMER.user}
        assert OPERATOR.user in shown.registered()
        shown.failing = set()
        shown.receive(RESERVED)
        assert shown.sent[OPERATOR.user] == [RESERVED.id]

    def test_a_push_that_fails_keeps_no_other_viewer_waiting(self, shown: Shown) -> None:
        shown.failing = {OPERATOR.user}
        shown.receive(PLACED)
        assert shown.sent == {CUSTOMER.user: [PLACED.id]}

    def test_a_connection_that_cannot_be_removed_fails_nothing(self, shown: Shown) -> None:
        shown.gone, shown.failing = {CUSTOMER.user}, {"remove"}
        shown.receive(PLACED)
        assert shown.sent == {OPERATOR.user: [PLACED.id]}
        assert shown.counts == [{FAILED: 1}]

    def test_pushes_that_take_too_long_are_dropped_and_counted(self) -> None:
        answered = threading.Event()

        class Slow(Shown):
            def send(self, connection: str, message: bytes) -> bool:
                answered.wait()
                return super().send(connection, message)

        slow = Slow()
        for n in range(3):
            slow.connect(OPERATOR, f"o{n}")
        with ThreadPoolExecutor(1) as threads:
            broadcast = msgspec.structs.replace(slow.broadcast, threads=threads, seconds=lambda: 0)
            broadcast.receive(parser_of(service)(encode(RESERVED)))
            assert slow.counts == [{FAILED: 3}]
            answered.set()
        assert len(slow.sent) <= 1, "at most the one that was begun"

    def test_pushes_have_the_time_that_their_function_has_left(self) -> None:
        now = [100.0]
        left = PushTime(lambda: now[0])
        left.begin(20_000)
        assert left.seconds() == 20 - END_SECONDS
        now[0] += 10
        assert left.seconds() == 10 - END_SECONDS
        left.begin(20_000)
        assert left.seconds() == 20 - END_SECONDS

    @pytest.mark.parametrize("milliseconds", [-1, 0, 500])
    def test_an_event_has_some_time_for_its_pushes_even_if_its_function_has_little(self, milliseconds: int) -> None:
        left = PushTime()
        left.begin(milliseconds)
        assert left.seconds() == MIN_PUSH_SECONDS

    def test_an_owner_that_is_not_stored_fails_the_event(self, shown: Shown) -> None:
        shown.failing = {"record"}
        with pytest.raises(TimeoutError):
            shown.receive(PLACED)
        assert shown.sent == {}

    def test_an_event_whose_owner_is_not_stored_is_retried_and_no_failed_push_is(self, shown: Shown) -> None:
        scenario = given(service, receive=shown.broadcast.receive)
        shown.failing = {"record"}
        scenario.when(PLACED).then(failed=[PLACED.id])
        shown.failing = {OPERATOR.user, CUSTOMER.user}
        scenario.when(PLACED).then()


class TestNotification:
    def test_a_notification_has_no_data(self) -> None:
        assert msgspec.json.decode(notification(RESERVED)) == {
            "id": RESERVED.id,
            "type": "StockReserved",
            "source": "inventory",
            "subject": ORDER,
            "time": RESERVED.time,
            "causationid": PLACED.id,
        }

    def test_an_event_without_a_cause_has_none_in_its_notification(self) -> None:
        assert list(msgspec.json.decode(notification(PLACED))) == ["id", "type", "source", "subject", "time"]

    def test_an_events_audience_is_the_operators_and_its_orders_owner(self) -> None:
        assert audience(None) == (OPERATOR.partition,)
        assert audience(CUSTOMER.user) == (OPERATOR.partition, CUSTOMER.partition)

    def test_a_customer_with_the_id_of_an_operator_is_no_operator(self) -> None:
        for user in (OPERATOR.user, "operators", "#operators"):
            assert Viewer("customer", user).partition not in audience(None)


class Register:
    """A register of connections, and their sockets."""

    def __init__(self, *, full: bool = False, usable: bool = True) -> None:
        self.full = full
        self.usable = usable
        self.calls: list[tuple[Any, ...]] = []

    def add(self, viewer: Viewer, connection: str) -> bool:
        self.calls.append(("add", viewer, connection))
        return not self.full

    def remove(self, connection: Connection) -> None:
        self.calls.append(("remove", connection))

    def use(self, connection: Connection) -> bool:
        self.calls.append(("use", connection))
        return self.usable

    def of(self, partition: str) -> list[Connection]:
        raise AssertionError(f"{partition} is read")

    def send(self, connection: str, message: bytes) -> bool:
        self.calls.append(("send", connection, message))
        return True

    def close(self, connection: str) -> None:
        self.calls.append(("close", connection))


USED = ("use", Connection.of(CUSTOMER, "c1"))


class TestSession:
    def happen(self, register: Register, event: str, body: str = "", viewer: Viewer = CUSTOMER) -> HTTPStatus:
        authorizer = {"role": viewer.role, "user": viewer.user}
        context = {"authorizer": authorizer, "connectionId": "c1", "eventType": event}
        return Session(register, register).handle(context, body)

    @pytest.mark.parametrize("viewer", [CUSTOMER, OPERATOR], ids=lambda viewer: viewer.role)
    def test_a_connection_is_registered_for_its_tickets_viewer_and_removed_at_its_end(self, viewer: Viewer) -> None:
        register = Register()
        assert self.happen(register, "CONNECT", viewer=viewer) == 200
        assert self.happen(register, "DISCONNECT", viewer=viewer) == 200
        assert register.calls == [("add", viewer, "c1"), ("remove", Connection.of(viewer, "c1"))]

    def test_a_connection_too_many_is_refused(self) -> None:
        assert self.happen(Register(full=True), "CONNECT") == 429

    def test_a_ping_is_answered(self) -> None:
        register = Register()
        assert self.happen(register, "MESSAGE", "ping") == 200
        assert register.calls == [USED, ("send", "c1", b"pong")]

    @pytest.mark.parametrize("body", ["", "Ping", "pong", '{"action":"subscribe"}', "x" * MAX_MESSAGE])
    def test_any_other_message_is_ignored(self, body: str) -> None:
        register = Register()
        assert self.happen(register, "MESSAGE", body) == 200
        assert register.calls == [USED]

    @pytest.mark.parametrize("body", ["ping", "anything"])
    def test_a_connection_that_is_not_registered_or_sends_too_often_is_closed(self, body: str) -> None:
        register = Register(usable=False)
        assert self.happen(register, "MESSAGE", body) == 200
        assert register.calls == [USED, ("close", "c1")]

    def test_a_connection_whose_client_sends_too_much_is_closed(self) -> None:
        register = Register()
        self.happen(register, "MESSAGE", "x" * (MAX_MESSAGE + 1))
        assert register.calls == [("close", "c1")]


class TestAuthorizer:
    def test_a_viewer_may_connect_and_is_the_connections_context(self) -> None:
        answer = policy(CUSTOMER, "arn:connect")
        assert answer["context"] == {"role": "customer", "user": "customer-1"}
        assert answer["policyDocument"]["Statement"] == [
            {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": "arn:connect"}
        ]

    def test_nobody_else_may_connect(self) -> None:
        answer = policy(None, "arn:connect")
        (statement,) = answer["policyDocument"]["Statement"]
        assert (statement["Effect"], answer["context"]) == ("Deny", {})


class GoneError(Exception):
    """API Gateway's answer about a connection that does not exist."""


class ManagementClient:
    """The client of a WebSocket API's management endpoint, with one connection, `open`."""

    class exceptions:  # noqa: N801 - boto3's name
        GoneException = GoneError

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:  # noqa: N803 - boto3's names
        self.delete_connection(ConnectionId=ConnectionId)
        self.sent.append(Data)

    def delete_connection(self, *, ConnectionId: str) -> None:  # noqa: N803 - boto3's name
        if ConnectionId != "open":
            raise GoneError


def test_api_gateway_says_which_connections_are_gone() -> None:
    created: list[ManagementClient] = []

    def create() -> ManagementClient:
        created.append(ManagementClient())
        return created[-1]

    sockets = ApiGatewaySockets(create)
    assert created == [], "it is created when it is needed"
    assert sockets.send("open", b"hello")
    assert not sockets.send("gone", b"hello")
    sockets.close("open")
    sockets.close("gone")
    (client,) = created
    assert client.sent == [b"hello"]
