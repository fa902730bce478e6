"""What an order's events imply for each service: its own decisions, taken afresh on them in their causal order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from functions.inventory.reactions import stock_key
from functions.notification.mail import Rejected, Send, Sent
from functions.payment.gateway import Cancel, Captured, Confirm, Declined, Open, Opened, Outcome, Refunded, Voided
from functions.payment.reactions import Payment
from functions.warehouse.reactions import dispatch
from tests.simulation.ports.gateway import DECLINED, LEAST
from tests.simulation.ports.mail import BAD_ADDRESS
from tidings.contracts import OrderPlaced
from tidings.decisions import Act, Adjust, Claim, Decision, Ignore, Refused
from tidings.events import Event
from tidings.item import Item
from tidings.service import Service

Events = Sequence[Event[Any]]
Decide = Callable[[Item[Any], Any], Decision[Any]]


def implied(service: Service[Any], events: Events) -> Any:
    """The state that a service ends in which hears of each event once, in their order, while nothing goes wrong."""
    perform = _performer(service.name, events)
    item: Item[Any] = Item(events[0].subject)
    for event in _heard(service, events):
        if event.source == "warehouse" and service.name == "warehouse":
            item = _settle(item, lambda item, _: dispatch(item, ""), perform)
        else:
            decide = service.decisions[event.type]
            item = _settle(item, lambda item, result: decide(item, event, result), perform)  # noqa: B023 - used at once
    return item.state


def _heard(service: Service[Any], events: Events) -> list[Event[Any]]:
    heard = [event for event in events if event.type in service.decisions]
    if service.name == "warehouse":
        # Its people act as soon as they can: what they did is known, and not what they knew of the order then.
        acts = [event for event in events if event.type == "OrderDispatched"]
        heard = [
            *(event for event in heard if event.type == "OrderConfirmed"),
            *acts,
            *(event for event in heard if event.type != "OrderConfirmed"),
        ]
    return heard


def _settle(item: Item[Any], decide: Decide, perform: Callable[[Any, Item[Any]], Any]) -> Item[Any]:
    result: Any = None
    while True:
        decision = decide(item, result)
        if isinstance(decision, Ignore):
            return item
        if isinstance(decision, Act):
            result = perform(decision.effect, item)
            continue
        if not isinstance(decision, Claim) and (refused := perform(decision.adjust, item)) and result is None:
            result = refused
            continue
        item = Item(item.order, state=decision.state)
        if not isinstance(decision, Claim):
            return item
        result = perform(decision.effect, item)


def _performer(service: str, events: Events) -> Callable[[Any, Item[Any]], Any]:
    types = {event.type for event in events}

    def perform(effect: Any, item: Item[Any]) -> Any:
        if isinstance(effect, tuple):
            return _refused(effect) if service == "inventory" and "StockRejected" in types else None
        if isinstance(effect, Send):
            bad = effect.placed.email == BAD_ADDRESS
            return Rejected(effect.kind, "no such address") if bad else Sent(effect.kind, "mail")
        return _paid(effect, item, events)

    return perform


def _refused(adjusts: tuple[Adjust, ...]) -> Refused | None:
    short = tuple((adjust, None) for adjust in adjusts if adjust.key.startswith(stock_key("")) and adjust.at_least)
    return Refused(short) if short else None


def _paid(effect: Any, item: Item[Payment], events: Events) -> Outcome:
    placed: OrderPlaced = next(event.data for event in events if event.type == "OrderPlaced")
    declined = placed.payment_method == DECLINED
    match effect:
        case Open():
            return Declined("amount_too_small") if effect.amount.amount < LEAST else Opened("payment")
        case Confirm():
            return Declined("card_declined") if declined else Captured()
        case Cancel():
            return Refunded() if item.state and item.state.status == "captured" else Voided()
    raise TypeError(repr(effect))


def _payment(payment: Any) -> object:
    return payment is not None and payment.status == "captured"


def _inventory(holding: Any) -> object:
    return holding.hold if holding else "none"


def _notification(mailbox: Any) -> object:
    return {kind: email.status for kind, email in mailbox.emails.items()} if mailbox else {}


def _warehouse(shipment: Any) -> object:
    return shipment.status if shipment else "none"


def _loyalty(earning: Any) -> object:
    return earning.points if earning and earning.status == "awarded" else 0


VIEWS: Mapping[str, Callable[[Any], object]] = {
    "payment": _payment,
    "inventory": _inventory,
    "notification": _notification,
    "warehouse": _warehouse,
    "loyalty": _loyalty,
    "analytics": lambda sale: sale,
    "recommendation": lambda basket: basket,
}
"""What of a state must be the same, whatever the order and the number of the deliveries."""
