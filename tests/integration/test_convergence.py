"""The same events end in an equivalent state in every order and with every number of deliveries."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, combinations, permutations

import pytest

from contracts.fraud.order_flagged import OrderFlagged
from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_failed import PaymentFailed
from contracts.values.goods import Shortage, Units
from contracts.values.money import Money
from contracts.warehouse.order_dispatched import OrderDispatched
from tests.integration.cloud import Cloud
from tests.integration.facts import confirmed, fact, new_order, placed
from tests.integration.shop import Shop

CANCELLED = OrderCancelled(reason="customer")
TOTAL = Money(2000, "EUR")
RESERVED = StockReserved(lines=(Units("mug", 2),))

Fact = Callable[[str], str]
FACTS: dict[str, Fact] = {
    "OrderPlaced": lambda order: placed(order, ("mug", 2), ("pen", 1)),
    "OrderCancelled": lambda order: fact(order, CANCELLED, 3),
    "OrderDispatched": lambda order: fact(order, OrderDispatched(tracking="T1")),
    "OrderConfirmed": lambda order: confirmed(order, ("mug", 2), ("pen", 1)),
    "PaymentAuthorized": lambda order: fact(order, PaymentAuthorized(payment="pay_1", amount=TOTAL)),
    "PaymentCaptured": lambda order: fact(order, PaymentCaptured(payment="pay_1", amount=TOTAL), 2),
    "PaymentFailed": lambda order: fact(order, PaymentFailed(amount=TOTAL, code="card_declined"), 2),
    "StockReserved": lambda order: fact(order, RESERVED),
    "StockRejected": lambda order: fact(order, StockRejected(short=(Shortage("mug", 2, 1),)), 2),
    "OrderFlagged": lambda order: fact(order, OrderFlagged(rules=("velocity",))),
}


def deliveries(order: str, types: Sequence[str]) -> list[str]:
    """Return each event twice in a row, and all of them again at the end."""
    bodies = [FACTS[name](order) for name in types]
    return [body for body in bodies for _ in range(2)] + bodies


def subsets(*types: str) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(types, size) for size in range(1, len(types) + 1)))


def orders_in(cloud: Cloud, service: str, types: Iterable[str]) -> Iterator[str]:
    """Deliver every permutation of the events to the service, each for a new order. Yield the orders."""
    for permutation in permutations(types):
        order = new_order()
        assert cloud.hand(service, *deliveries(order, permutation)) == [], permutation
        yield order


@pytest.mark.parametrize("types", subsets("OrderPlaced", "OrderConfirmed", "OrderCancelled"))
def test_payment_moves_the_same_money_in_every_order_of_events(cloud: Cloud, types: tuple[str, ...]) -> None:
    due = 1 if types == ("OrderPlaced", "OrderConfirmed") else 0
    for order in orders_in(cloud, "payment", types):
        payments = [payment for payment in cloud.payments() if payment["order"]["S"] == order]
        moved = cloud.moved(order)
        assert sum(captured - refunded for captured, refunded in moved) == due
        assert all(captured <= 1 for captured, _ in moved)
        assert ("authorized" in [each["status"]["S"] for each in payments]) == (types == ("OrderPlaced",))


@pytest.mark.parametrize("types", subsets("OrderPlaced", "OrderCancelled", "OrderDispatched"))
def test_inventory_ends_with_the_same_stock_in_every_order_of_events(shop: Shop, types: tuple[str, ...]) -> None:
    on_hand, reserved = {
        ("OrderPlaced",): (10, 2),
        ("OrderPlaced", "OrderDispatched"): (8, 0),
    }.get(types, (10, 0))
    for n, permutation in enumerate(permutations(types)):
        # Each permutation has its own products, so that the stock shows one order only.
        mug, pen, order = f"mug{n}", f"pen{n}", new_order()
        shop.stock(mug, 10)
        shop.stock(pen, 10)
        bodies = [
            body.replace('"mug"', f'"{mug}"').replace('"pen"', f'"{pen}"') for body in deliveries(order, permutation)
        ]
        assert shop.cloud.hand("inventory", *bodies) == []
        assert shop.level(mug) == {
            "sku": mug,
            "on_hand": on_hand,
            "reserved": reserved,
            "available": on_hand - reserved,
        }


def test_inventory_rejects_a_shortage_in_every_order_of_events(shop: Shop) -> None:
    shop.stock("mug", 1)
    shop.stock("pen", 10)
    for order in orders_in(shop.cloud, "inventory", ("OrderPlaced", "OrderCancelled")):
        assert shop.cloud.item("inventory", order)["state"].get("hold", "none") == "none"
    assert [shop.level(sku)["available"] for sku in ("mug", "pen")] == [1, 10]


@pytest.mark.parametrize("types", subsets("OrderPlaced", "PaymentCaptured", "OrderCancelled", "OrderDispatched"))
def test_notification_sends_the_same_mails_in_every_order_of_events(cloud: Cloud, types: tuple[str, ...]) -> None:
    kinds = {"PaymentCaptured": "receipt", "OrderCancelled": "is cancelled", "OrderDispatched": "on its way"}
    expected = [kind for name, kind in kinds.items() if name in types] if "OrderPlaced" in types else []
    for order in orders_in(cloud, "notification", types):
        subjects = [mail.subject for mail in cloud.mails() if order in mail.subject]
        assert len(subjects) == len(expected)
        assert all(any(kind in subject for subject in subjects) for kind in expected)


def test_history_records_each_event_once_in_every_order_of_events(cloud: Cloud) -> None:
    types = ("OrderPlaced", "PaymentCaptured", "StockReserved", "OrderCancelled")
    for order in orders_in(cloud, "history", types):
        answer = cloud.dynamodb.query(
            TableName=cloud.table("history"),
            KeyConditionExpression="pk = :order",
            ExpressionAttributeValues={":order": {"S": order}},
        )
        events = [json.loads(item["event"]["S"]) for item in answer["Items"] if "event" in item]
        assert sorted(event["type"] for event in events) == sorted(types)


@pytest.mark.parametrize(
    "types",
    [
        ("PaymentAuthorized", "StockReserved", "OrderDispatched"),
        ("PaymentAuthorized", "StockReserved", "OrderFlagged", "OrderDispatched"),
        ("PaymentFailed", "StockReserved", "OrderFlagged"),
        ("PaymentAuthorized", "StockRejected", "OrderFlagged"),
        ("PaymentFailed", "StockRejected"),
    ],
)
def test_orders_keeps_its_invariants_in_every_order_of_events(shop: Shop, types: tuple[str, ...]) -> None:
    shop.stock("mug", 1_000)
    for permutation in permutations(types):
        order = shop.place(("mug", 2))
        assert shop.cloud.hand("orders", *deliveries(order, permutation)) == [], permutation
        item = shop.cloud.item("orders", order)
        status = item["state"].get("status", "PENDING")
        log = [json.loads(event["S"]) for event in item["outbox"]["L"]]
        announced = Counter(event["type"] for event in log)
        assert [int(event["id"].rpartition("/")[2]) for event in log] == list(range(1, len(log) + 1))
        assert [event["time"] for event in log] == sorted({event["time"] for event in log})
        assert announced["OrderPlaced"] == 1
        assert announced["OrderConfirmed"] <= int({"PaymentAuthorized", "StockReserved"} <= set(types))
        assert announced["OrderCancelled"] == int(status == "CANCELLED")
        assert status != "PENDING"
        if {"PaymentFailed", "StockRejected"} & set(types):
            assert status == "CANCELLED"
            assert announced["OrderConfirmed"] == 0
