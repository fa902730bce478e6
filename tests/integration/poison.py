"""What a service can handle, and what it never can."""

import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from infra.contracts.schemas import event_schema
from infra.services import discover
from tests.contracts.at_random import described
from tests.integration.batches import confirmed
from tests.integration.facts import fact, new_order, placed
from tidings.contracts import Money, OrderConfirmed, OrderPlaced, PaymentCaptured
from tidings.events import Contract
from tidings.service import Service

SERVICES = {found.name: found.service for found in discover() if found.service.consumes}
CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR"))

GOOD = {
    OrderPlaced: lambda order: placed(order, ("mug", 2)),
    OrderConfirmed: lambda order: confirmed(order, ("mug", 2), ("tea", 1)),
    PaymentCaptured: lambda order: fact(order, "payment", CAPTURED),
}
"""What a service can handle, by what it reacts to; of any other contract, what its schema describes will do."""

FLAG_ALL = json.dumps([{"type": "Limit", "name": "large-total", "limits": {"EUR": 1}}])
"""Rules by which fraud finds something in every order: what it handled and found nothing in leaves no trace."""


def good(service: Service[Any], order: str) -> str:
    """An event that the service reacts to."""
    first = next((contract for contract in GOOD if service.subscribes_to_all or contract in service.reactions), None)
    return GOOD[first](order) if first else anything(next(iter(service.reactions)), order)


def anything(contract: type[Contract], order: str) -> str:
    """An event with such data as its contract's schema describes."""
    schema = event_schema(contract)
    data = described(random.Random(order), schema["properties"]["data"], schema)  # noqa: S311 - not for secrecy
    return fact(order, "payment", msgspec.convert(data, contract))


def changed(body: str, **members: Any) -> str:
    return json.dumps(json.loads(body) | members)


def poison(service: Service[Any]) -> Iterator[tuple[str, str]]:
    """What the service can never handle, and the reason that it must give for each."""

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
    if service.thin:
        return
    yield changed(body := another(), dataschema=f"urn:tidings:{json.loads(body)['type']}:2"), "unknown-version"
    yield changed(another(), data=["not", "a", "struct"]), "breaks-contract"
    if service.name == "orders":
        yield from ((anything(contract, new_order()), "unknown-order") for contract in service.reactions)
    if service.name == "notification":
        yield json.dumps({"source": "aws.ses", "detail": {"eventType": "Bounce", "mail": {}}}), "breaks-contract"
