"""The state that an order's events imply for a service: its own handlers, executed on the events in causal order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from contracts.orders.order_placed import OrderPlaced
from contracts.values.recipient import Destination, Recipient
from functions.inventory.handlers import stock_key
from functions.notification.limit import LIMITED
from functions.notification.mail import Rejected, Send, Sent
from functions.payment.gateway import (
    AUTHORIZATION_EXPIRED,
    Authorize,
    Authorized,
    Capture,
    Captured,
    Declined,
    MakeRefund,
    Open,
    Opened,
    Refunded,
    Void,
    Voided,
)
from functions.payment.state import CANCELLATION
from functions.warehouse.handlers import dispatch
from tests.invariants.evidence import Evidence, OrderEvents
from tests.invariants.services import SERVICES
from tidings.core.decisions import ConditionFailed, Decision, Increment, Perform, Reserve, Save
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.service import Service


def implied_state(service: Service[Any], events: OrderEvents, world: "World") -> Any:
    """Return the state of a service that receives each event once, in causal order, without a fault or an erasure."""
    entity: Entity[Any] = Entity(events.order)
    for found in _received(service, events):
        event = world.with_personal(found)
        if event.type == "OrderDispatched" and service.name == "warehouse":
            decision = dispatch(entity, event.data.tracking)
        else:
            decision = service.handler_of(event.type).decide(entity, event)
        entity = _carry_out(entity, decision, world)
    return entity.state


def _received(service: Service[Any], events: OrderEvents) -> Sequence[Event[Any]]:
    received: list[Event[Any]] = [event for event in events.events if event.type in _TYPES[service.name]]
    if service.name == "warehouse":
        # A dispatch is a command. It came after the payment, and before the warehouse knew of a cancellation.
        order = ("OrderConfirmed", "PaymentCaptured", "OrderDispatched", "OrderCancelled")
        received += (event for event in events.events if event.type == "OrderDispatched")
        received.sort(key=lambda event: order.index(event.type))
    return received


_TYPES = {service.name: {handler.contract.__name__ for handler in service.handlers} for service in SERVICES}


def _carry_out(entity: Entity[Any], decision: Decision[Any], world: "World") -> Entity[Any]:
    while True:
        match decision:
            case Save():
                failed = world.failed_condition(decision.increments)
                if not failed or not decision.otherwise:
                    return Entity(entity.key, state=decision.state)
                decision = decision.otherwise(entity, failed)
            case Reserve():
                entity = Entity(entity.key, state=decision.state)
                decision = decision.then(entity, world.perform(decision.effect, entity))
            case Perform():
                decision = decision.then(entity, world.perform(decision.effect, entity))
            case _:
                return entity


class World:
    """The ports as they behaved towards one order, by its events."""

    def __init__(self, events: OrderEvents, evidence: Evidence) -> None:
        self._events = events
        self._evidence = evidence

    def failed_condition(self, increments: Sequence[Increment]) -> ConditionFailed | None:
        """Return the failed conditions, if the order's goods were not in stock."""
        if not self._events.types["StockRejected"]:
            return None
        short = tuple((each, None) for each in increments if each.key.startswith(stock_key("")) and each.at_least)
        return ConditionFailed(short) if short else None

    def with_personal(self, event: Event[Any]) -> Event[Any]:
        """Return an event with the personal data that it was announced with, although it was erased since."""
        recipient, kind = self._evidence.recipients[event.subject], type(event.data).personal
        if kind is None:
            return event
        personal = recipient if kind is Recipient else Destination(recipient.address)
        return replace(event, personal=msgspec.json.encode(personal).decode())

    def perform(self, effect: Any, entity: Entity[Any]) -> Any:
        """Return the result of an effect."""
        if isinstance(effect, Send):
            if effect.kind in self._evidence.limited(effect.order):
                return Rejected(effect.kind, LIMITED, address_bad=False)
            bad = effect.recipient.email in self._evidence.bad_addresses
            return Rejected(effect.kind, "MessageRejected", address_bad=True) if bad else Sent(effect.kind, "mail")
        return self._pay(effect, entity.key)

    def _pay(self, effect: Any, order: str) -> object:
        placed: OrderPlaced = self._evidence.placed[order]
        match effect:
            case Open():
                return Opened("payment")
            case Authorize():
                code = self._evidence.declines(placed)
                return (
                    Declined(code or "declined")
                    if code or not self._events.types["PaymentAuthorized"]
                    else Authorized()
                )
            case Capture():
                return Declined(AUTHORIZATION_EXPIRED) if self._events.types["PaymentFailed"] else Captured()
            case Void():
                return Voided()
            case MakeRefund():
                return Refunded(placed.total)
        raise TypeError(repr(effect))


def _payment(payment: Any) -> object:
    return payment is not None and payment.status == "captured" and payment.refund(CANCELLATION) is None


def _inventory(holding: Any) -> object:
    return holding.hold if holding else "none"


def _notification(mailbox: Any) -> object:
    return {kind: email.status for kind, email in mailbox.emails.items()} if mailbox else {}


def _warehouse(shipment: Any) -> object:
    return shipment.status if shipment else "none"


def _loyalty(earning: Any) -> object:
    return earning.points if earning and earning.status == "awarded" else 0


def _privacy(record: Any) -> object:
    return record.order.since if record and record.order else ""


VIEWS: Mapping[str, Callable[[Any], object]] = {
    "payment": _payment,
    "inventory": _inventory,
    "notification": _notification,
    "warehouse": _warehouse,
    "loyalty": _loyalty,
    "analytics": lambda sale: sale,
    "recommendation": lambda basket: basket,
    "privacy": _privacy,
}
"""The part of a service's state that must be the same whatever the sequence and the number of deliveries."""
