"""Poison messages, which a service can never handle, and events that it can handle."""

import json
from collections.abc import Iterator
from typing import Any

from contracts.fraud.order_flagged import OrderFlagged
from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.values.goods import Shortage
from contracts.values.money import Money
from contracts.warehouse.order_dispatched import OrderDispatched
from infra.shop import shop_services
from tests.integration.facts import confirmed, fact, new_order, placed, report
from tidings.core.service import Service

SERVICES = {folder.name: folder.service for folder in shop_services() if folder.service.consumes}
TOTAL = Money(2000, "EUR")
AUTHORIZED = PaymentAuthorized(payment="pay_1", amount=TOTAL)

GOOD = {
    OrderPlaced: lambda order: placed(order, ("mug", 2)),
    OrderConfirmed: lambda order: confirmed(order, ("mug", 2), ("tea", 1)),
    PaymentAuthorized: lambda order: fact(order, AUTHORIZED),
    OrderDispatched: lambda order: fact(order, OrderDispatched()),
}
"""Builders of events that services can handle."""

ABOUT_ORDERS = (
    PaymentActionRequired(payment="pay_1", amount=TOTAL),
    AUTHORIZED,
    PaymentDisputed(payment="pay_1", dispute="dp_1", amount=TOTAL, reason="fraudulent"),
    DisputeClosed(payment="pay_1", dispute="dp_1", amount=TOTAL, outcome="won"),
    PaymentNotNeeded(amount=Money(0, "EUR")),
    PaymentFailed(payment="pay_1", amount=TOTAL, code="card_declined"),
    StockReserved(lines=()),
    StockRejected(short=(Shortage("mug", 2, 1),)),
    OrderFlagged(rules=("many_orders",)),
    OrderDispatched(),
)
"""The data of every event that orders handles."""


def good(service: Service[Any], order: str) -> str:
    """Return an event that the service handles."""
    first = next(contract for contract in GOOD if service.subscribes_to_all or contract in service.contracts)
    return GOOD[first](order)


def changed(body: str, **members: Any) -> str:
    """Return the event with other members."""
    return json.dumps(json.loads(body) | members)


def about(body: str, subject: str) -> str:
    """Return the event with another subject, and the id that agrees with it."""
    return changed(body, subject=subject, id=f"{json.loads(body)['source']}/{subject}/1")


def poison(service: Service[Any]) -> Iterator[tuple[str, str]]:
    """Yield messages that the service can never handle, each with the reason that its dead letter must have."""

    def another() -> str:
        return good(service, new_order())

    yield "{", "undecodable"
    yield '{"a":' * 5000, "undecodable"
    yield "{}", "not-an-event"
    yield changed(another(), id="payment/another/1"), "not-an-event"
    yield changed(another(), time="yesterday"), "not-an-event"
    yield changed(another(), time="2026-01-31T14:00:00.000+02:00"), "not-an-event"
    yield changed(another(), time="9999-12-31T23:59:59.998Z"), "from-the-future"
    yield another().replace("{", '{"subject":"stock#mug",', 1), "undecodable"
    yield about(another(), "#stock#mug"), "not-an-event"
    yield changed(another(), data={"x": "x" * 70_000}), "oversized"
    if service.subscribes_to_all:
        return
    yield changed(another(), type="OrderForgotten", dataschema="urn:tidings:OrderForgotten:1"), "unknown-type"
    yield changed(body := another(), dataschema=f"urn:tidings:{json.loads(body)['type']}:0"), "unknown-version"
    yield changed(another(), data=["not", "a", "struct"]), "breaks-contract"
    yield changed(body := another(), source="mail", id=f"mail/{json.loads(body)['subject']}/1"), "wrong-source"
    yield about(another(), "stock#mug"), "breaks-contract"
    if service.name == "orders":
        yield from ((fact(new_order(), data), "unknown-order") for data in ABOUT_ORDERS)
    if service.name == "payment":
        yield confirmed(new_order(), ("mug", 2)), "unknown-payment"
        yield report(new_order()), "unknown-payment"
        yield report(""), "breaks-contract"
    if service.name == "notification":
        yield json.dumps({"source": "aws.ses", "detail": {"eventType": "Bounce", "mail": {}}}), "breaks-contract"
        yield changed(another(), personal="{}"), "breaks-contract"
