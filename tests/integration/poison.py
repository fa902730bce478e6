"""Poison messages, which a service can never handle, and events that it can handle."""

import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.money import Money
from infra.published_language.schemas import event_schema
from infra.shop import shop_services
from tests.contracts.random_events import valid
from tests.integration.batches import confirmed
from tests.integration.facts import fact, new_order, placed
from tidings.core.contract import Contract
from tidings.core.service import Service

SERVICES = {folder.name: folder.service for folder in shop_services() if folder.service.consumes}
CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR"))

GOOD = {
    OrderPlaced: lambda order: placed(order, ("mug", 2)),
    OrderConfirmed: lambda order: confirmed(order, ("mug", 2), ("tea", 1)),
    PaymentCaptured: lambda order: fact(order, "payment", CAPTURED),
}
"""Builders of events that services can handle. For any other contract, random data of its schema will do."""

FLAG_ALL = json.dumps([{"type": "Limit", "name": "large-total", "limits": {"EUR": 1}}])
"""Rules by which fraud flags every order. An order that it does not flag leaves no item."""


def good(service: Service[Any], order: str) -> str:
    """Return an event that the service handles."""
    first = next((contract for contract in GOOD if service.subscribes_to_all or contract in service.contracts), None)
    return GOOD[first](order) if first else anything(service.contracts[0], order)


def anything(contract: type[Contract], order: str) -> str:
    """Return an event with random data that its contract's schema allows."""
    schema = event_schema(contract)
    data = valid(random.Random(order), schema["properties"]["data"], schema)  # noqa: S311 - not for secrecy
    return fact(order, "payment", msgspec.convert(data, contract))


def changed(body: str, **members: Any) -> str:
    """Return the event with other members."""
    return json.dumps(json.loads(body) | members)


def poison(service: Service[Any]) -> Iterator[tuple[str, str]]:
    """Yield messages that the service can never handle, each with the reason that its dead letter must have."""

    def another() -> str:
        return good(service, new_order())

    yield "{", "undecodable"
    yield '{"a":' * 5000, "undecodable"
    yield "{}", "not-an-event"
    yield changed(another(), id="payment/another/1"), "not-an-event"
    yield changed(another(), time="yesterday"), "not-an-event"
    yield changed(another(), data={"x": "x" * 70_000}), "oversized"
    if service.subscribes_to_all:
        return
    yield changed(another(), type="OrderForgotten", dataschema="urn:tidings:OrderForgotten:1"), "unknown-type"
    yield changed(body := another(), dataschema=f"urn:tidings:{json.loads(body)['type']}:2"), "unknown-version"
    yield changed(another(), data=["not", "a", "struct"]), "breaks-contract"
    if service.name == "orders":
        yield from ((anything(contract, new_order()), "unknown-order") for contract in service.contracts)
    if service.name == "notification":
        yield json.dumps({"source": "aws.ses", "detail": {"eventType": "Bounce", "mail": {}}}), "breaks-contract"
