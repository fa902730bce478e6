"""Live on a local cloud: who is notified of which events, over real WebSocket connections."""

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from contracts.inventory.stock_reserved import StockReserved
from functions.live.connections import MAX_CONNECTIONS
from functions.live.ports import Connection
from functions.live.viewers import Viewer, customers_partition
from functions.live.websocket.session import MAX_MESSAGE
from ops.stage import ROOT
from tests.soak.kills import WORKER
from tests.system.deployed import SECONDS, DeployedShop, User, clean_environment
from tests.unit.facts import fact, order_placed
from tidings.core.clock import now
from tidings.core.event import Event, encode
from tidings.recovery import wait_until
from tidings.testing import make_event

CONNECTIONS = 200


def ticket_of(user: User) -> str:
    answer = user.http.post("/operators/live/tickets" if user.operator else "/live/tickets")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket"])


def address(shop: DeployedShop, ticket: str) -> str:
    return f"{shop.outputs.live}?{httpx.QueryParams(ticket=ticket)}"


@contextmanager
def opened(shop: DeployedShop, user: User) -> Iterator[ClientConnection]:
    """Open a connection of a user for the duration of the context."""
    with connect(address(shop, ticket_of(user)), open_timeout=SECONDS) as connection:
        yield connection


def refused(url: str) -> int:
    """Return the status with which a connection is refused."""
    with pytest.raises(InvalidStatus) as refusal, connect(url, open_timeout=SECONDS):
        pass
    return refusal.value.response.status_code


def ended(connection: ClientConnection) -> None:
    """Wait until the other end closes a connection."""
    with pytest.raises(ConnectionClosed):
        connection.recv(SECONDS)


def next_event(connection: ClientConnection) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(connection.recv(SECONDS))
    return event


def until(connection: ClientConnection, *types: str, subject: str) -> list[dict[str, Any]]:
    """Receive until there were events of these types of a subject. Return all that came."""
    missing, events = set(types), []
    while missing:
        events.append(next_event(connection))
        if events[-1]["subject"] == subject:
            missing.discard(events[-1]["type"])
    return events


def hand(shop: DeployedShop, *events: Event[Any]) -> None:
    """Send events to live's queue only."""
    for event in events:
        shop.client("sqs").send_message(QueueUrl=shop.outputs.queue("live"), MessageBody=encode(event))


def id_of(shop: DeployedShop, user: User) -> str:
    """Return a customer's id in the user pool."""
    found = shop.client("cognito-idp").admin_get_user(
        UserPoolId=shop.outputs.users.pool, Username=f"{user.name}@example.com"
    )
    return str(next(each["Value"] for each in found["UserAttributes"] if each["Name"] == "sub"))


def table_item(key: str, row: str) -> dict[str, Any]:
    return {"pk": {"S": key}, "sk": {"S": row}}


@pytest.fixture
def own(shop: DeployedShop) -> Iterator[tuple[User, ClientConnection]]:
    """A customer with a connection."""
    user = shop.user()
    with opened(shop, user) as connection:
        yield user, connection


@pytest.fixture
def watching(shop: DeployedShop, operator: User) -> Iterator[ClientConnection]:
    """A connection of an operator."""
    with opened(shop, operator) as connection:
        yield connection


def test_a_customer_and_an_operator_are_notified_of_an_order_as_it_progresses(
    own: tuple[User, ClientConnection], watching: ClientConnection, sku: str
) -> None:
    customer, connection = own
    order = customer.place({sku: 1}).json()["id"]
    pushed = until(connection, "OrderPlaced", "PaymentAuthorized", "StockReserved", "OrderConfirmed", subject=order)
    seen = until(watching, "OrderPlaced", "PaymentAuthorized", "StockReserved", "OrderConfirmed", subject=order)
    assert {event["subject"] for event in pushed} == {order}
    recorded = {event["id"]: event for event in customer.timeline(order, "OrderConfirmed")}
    for event in (*pushed, *(each for each in seen if each["subject"] == order)):
        assert set(event) <= {"id", "type", "source", "subject", "time", "causationid"}
        known = recorded[event["id"]]
        assert {name: event[name] for name in ("type", "source", "time")} == {
            name: known[name] for name in ("type", "source", "time")
        }
        assert event.get("causationid") == known["causationid"]


def test_a_customer_is_notified_of_no_event_of_another(
    shop: DeployedShop, own: tuple[User, ClientConnection], watching: ClientConnection, sku: str
) -> None:
    customer, connection = own
    other = shop.user()
    others = other.place({sku: 1}).json()["id"]
    # A client cannot subscribe.
    connection.send(json.dumps({"action": "subscribe", "order": others}))
    until(watching, "OrderConfirmed", subject=others)
    mine = customer.place({sku: 1}).json()["id"]
    assert {event["subject"] for event in until(connection, "OrderConfirmed", subject=mine)} == {mine}


def test_a_ticket_opens_one_connection(shop: DeployedShop, operator: User) -> None:
    ticket = ticket_of(operator)
    with connect(address(shop, ticket), open_timeout=SECONDS):
        assert refused(address(shop, ticket)) == 403
    assert refused(address(shop, ticket)) == 403


def test_an_expired_ticket_opens_nothing(shop: DeployedShop, customer: User) -> None:
    ticket = ticket_of(customer)
    dynamodb, table = shop.client("dynamodb"), shop.outputs.table("live")
    stored = [item for page in dynamodb.get_paginator("scan").paginate(TableName=table) for item in page["Items"]]
    tickets = [item for item in stored if item["sk"]["S"] == "ticket"]
    assert tickets
    for item in tickets:
        earlier = int(item["valid_until"]["N"]) - 31_000
        dynamodb.put_item(TableName=table, Item=item | {"valid_until": {"N": str(earlier)}})
    assert refused(address(shop, ticket)) == 403


def test_only_a_ticket_opens_a_connection(shop: DeployedShop, customer: User, operator: User) -> None:
    for invented in ("A" * 22, customer.token, operator.token, "*"):
        assert refused(address(shop, invented)) == 403
    assert refused(str(shop.outputs.live)) == 401


def test_a_ticket_is_for_those_who_signed_in_for_it(shop: DeployedShop, customer: User, operator: User) -> None:
    assert shop.http().post("/live/tickets").status_code == 401
    assert customer.http.post("/operators/live/tickets").status_code == 401
    assert operator.http.post("/live/tickets").status_code == 401


def test_a_ping_is_answered_and_a_client_that_sends_too_much_is_disconnected(shop: DeployedShop) -> None:
    user = shop.user()
    with opened(shop, user) as connection:
        connection.send("ping")
        assert connection.recv(SECONDS) == "pong"
        connection.send("ping")
        ended(connection)
    with opened(shop, user) as connection:
        connection.send("x" * (MAX_MESSAGE + 1))
        ended(connection)


def test_a_connection_that_is_not_registered_ends_with_its_next_message(shop: DeployedShop) -> None:
    user = shop.user()
    viewer = Viewer("customer", id_of(shop, user))
    with opened(shop, user) as connection:
        (registered,) = shop.connections(viewer.partition)
        key = table_item(viewer.partition, Connection.of(viewer, registered).row)
        shop.client("dynamodb").delete_item(TableName=shop.outputs.table("live"), Key=key)
        connection.send("ping")
        ended(connection)


def test_a_closed_connection_is_no_longer_registered(shop: DeployedShop) -> None:
    user = shop.user()
    partition = customers_partition(id_of(shop, user))
    with opened(shop, user):
        assert len(shop.connections(partition)) == 1
    wait_until(lambda: not shop.connections(partition), SECONDS, "the end of the connection")


def test_an_eleventh_connection_is_refused_until_another_is_closed(shop: DeployedShop) -> None:
    user = shop.user()
    partition = customers_partition(id_of(shop, user))
    with ExitStack() as stack:
        first, *_ = [stack.enter_context(opened(shop, user)) for _ in range(MAX_CONNECTIONS)]
        with pytest.raises(InvalidStatus), opened(shop, user):
            pass
        first.close()
        wait_until(lambda: len(shop.connections(partition)) < MAX_CONNECTIONS, SECONDS, "the end of the connection")
        stack.enter_context(opened(shop, user))


def test_a_gone_connection_is_removed_and_keeps_nobody_waiting(
    shop: DeployedShop, own: tuple[User, ClientConnection], sku: str
) -> None:
    customer, connection = own
    partition = customers_partition(id_of(shop, customer))
    row = f"{partition.rpartition('#')[2]}#gone"
    gone = table_item(partition, row) | {"since": {"N": "0"}, "expires": {"N": "99999999999"}}
    shop.client("dynamodb").put_item(TableName=shop.outputs.table("live"), Item=gone)
    order = customer.place({sku: 1}).json()["id"]
    until(connection, "OrderConfirmed", subject=order)
    wait_until(lambda: "gone" not in shop.connections(partition), SECONDS, "the removal of the connection")
    assert len(shop.connections(partition)) == 1


def test_until_the_placing_is_handled_only_operators_are_notified_of_an_orders_events(
    shop: DeployedShop, own: tuple[User, ClientConnection], watching: ClientConnection
) -> None:
    customer, connection = own
    order = str(uuid.uuid4())
    early, late = (fact(StockReserved(lines=()), n=n, order=order) for n in (1, 2))
    hand(shop, early)
    assert until(watching, "StockReserved", subject=order)[-1]["id"] == early.id
    placed = fact(order_placed(customer=id_of(shop, customer)), order=order, time=now())
    hand(shop, placed)
    until(watching, "OrderPlaced", subject=order)
    hand(shop, late)
    assert [next_event(connection)["id"] for _ in range(2)] == [placed.id, late.id]


def test_a_restarted_consumer_knows_the_owners_and_the_connections(
    shop: DeployedShop, own: tuple[User, ClientConnection]
) -> None:
    customer, connection = own
    order = str(uuid.uuid4())
    placed = fact(order_placed(customer=id_of(shop, customer)), order=order, time=now())
    hand(shop, placed)
    assert next_event(connection)["id"] == placed.id
    before = consumers(shop)
    assert before
    for process in before:
        psutil.Process(process).kill()
    wait_until(lambda: not before & consumers(shop), SECONDS, "the end of the processes")
    later = fact(StockReserved(lines=()), order=order)
    hand(shop, later)
    assert next_event(connection)["id"] == later.id


def consumers(shop: DeployedShop) -> set[int]:
    """Return the ids of the processes of live's consumer."""
    running = shop.cloud.running()
    assert running is not None
    found = set()
    for child in psutil.Process(running.pid).children(recursive=True):
        with suppress(psutil.Error):
            worker = WORKER.search(" ".join(child.cmdline()))
            if worker and worker["function"] == "live-consumer":
                found.add(child.pid)
    return found


def test_two_hundred_connections_are_notified_of_an_event(shop: DeployedShop) -> None:
    users = [shop.user(operator=True) for _ in range(CONNECTIONS // MAX_CONNECTIONS)]
    event = make_event(StockReserved(lines=()), subject=str(uuid.uuid4()))
    with ThreadPoolExecutor(8) as threads, ExitStack() as stack:
        found: Sequence[ClientConnection] = list(
            threads.map(lambda user: stack.enter_context(opened(shop, user)), users * MAX_CONNECTIONS)
        )
        hand(shop, event)
        arrived = list(threads.map(lambda each: until(each, "StockReserved", subject=event.subject)[-1]["id"], found))
        # They close at once, not one after another.
        list(threads.map(lambda each: each.close(), found))
    assert arrived == [event.id] * CONNECTIONS


def test_the_command_tail_shows_the_selected_events_until_it_is_interrupted(
    shop: DeployedShop, customer: User, sku: str
) -> None:
    command = [sys.executable, "-m", "ops", "--local", str(shop.cloud.directory), "tail", "--type", "OrderConfirmed"]
    command += ["--type", "OrderPlaced", "--source", "orders", "--json"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Connected")
        order = customer.place({sku: 1}).json()["id"]
        shown = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert [(event["subject"], event["type"]) for event in shown] == [(order, "OrderPlaced"), (order, "OrderConfirmed")]
