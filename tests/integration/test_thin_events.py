"""A consumer that is told only that something happened, and asks the API how things stand."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from tests.integration.cloud import Cloud
from tests.integration.facts import fact
from tests.integration.shop import Shop
from tidings.consumer import Consumer, DeadLetter, thin
from tidings.contracts import OrderCancelled, OrderConfirmed
from tidings.decisions import Act, Commit, Decision
from tidings.events import Event
from tidings.item import Item
from tidings.reactor import Reactor
from tidings.service import Service
from tidings.table import DynamoTable


class Desk(Struct, frozen=True):
    """How an order stood when the desk last heard of it."""

    status: str
    units: int


@dataclass(frozen=True)
class Look:
    """Ask the API for an order."""

    order: str


def changed(_item: Item[Desk], event: Event[None], order: dict[str, Any] | None) -> Decision[Desk]:
    if order is None:
        return Act(Look(event.subject))
    return Commit(Desk(order["status"], sum(line["quantity"] for line in order["lines"])))


service = Service(name="desk", state=Desk, thin=True, reactions={OrderConfirmed: changed, OrderCancelled: changed})


class NoQueue:
    """Nothing fails in these tests, and so nothing is postponed or buried."""

    def postpone(self, delays: Any) -> None:
        raise AssertionError(delays)

    def bury(self, letter: DeadLetter) -> None:
        raise AssertionError(letter)


def desk(shop: Shop) -> tuple[Consumer, DynamoTable]:
    """The consumer over a table of its own, and the API as an operator asks it."""
    cloud: Cloud = shop.cloud
    key: Any = {"AttributeName": "pk"}
    cloud.dynamodb.create_table(
        TableName="desk",
        KeySchema=[key | {"KeyType": "HASH"}],
        AttributeDefinitions=[key | {"AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table = DynamoTable(cloud.dynamodb, "desk")

    def look(effect: Look) -> Any:
        return shop.call("GET", f"/orders/{effect.order}", operator=True).body

    reactor = Reactor(service, table, look)
    consumer = Consumer(
        queue=NoQueue(),
        kind="standard",
        parse=thin(service.reactions),
        open_order=lambda order: reactor.order(order).react,
        executor=ThreadPoolExecutor(1),
        max_receives=5,
        backoff=1,
    )
    return consumer, table


def deliver(consumer: Consumer, *bodies: str) -> None:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"}
    records = [
        {"messageId": str(n), "receiptHandle": str(n), "body": body, "attributes": attributes}
        for n, body in enumerate(bodies)
    ]
    assert consumer.handle(records, 0) == {"batchItemFailures": []}


def state(table: DynamoTable, order: str) -> Any:
    item = table.get(order)
    assert item is not None
    return json.loads(item["state"]["S"])


def confirmed(shop: Shop, order: str) -> str:
    (event,) = (
        event["S"]
        for event in shop.cloud.item("orders", order)["events"]["L"]
        if json.loads(event["S"])["type"] == "OrderConfirmed"
    )
    return str(event)


def test_a_thin_consumer_sees_the_order_as_it_stands_not_as_it_stood(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 3))
    shop.cloud.settle()
    consumer, table = desk(shop)
    late = confirmed(shop, order)
    shop.cancel(order)
    deliver(consumer, late)
    assert state(table, order) == {"status": "CANCELLED", "units": 3}


def test_a_thin_consumer_is_not_concerned_by_what_a_contract_says(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 3))
    shop.cloud.settle()
    consumer, table = desk(shop)
    event = json.loads(fact(order, "orders", OrderCancelled(reason="customer"), 3))
    deliver(consumer, json.dumps(event | {"dataschema": "urn:tidings:OrderCancelled:9", "data": "another shape"}))
    assert state(table, order) == {"status": "CONFIRMED", "units": 3}
