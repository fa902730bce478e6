"""The process manager of an order: the first of several competing facts may decide the outcome."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from contracts.fraud.order_flagged import OrderFlagged
from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import CancellationReason, OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.values.money import Money
from contracts.values.recipient import Destination, Recipient
from contracts.warehouse.order_dispatched import OrderDispatched
from tidings.core.contract import Announcement
from tidings.core.decisions import Decision, Reject, Save, Skip
from tidings.core.entity import Entity
from tidings.core.errors import PermanentError
from tidings.core.event import Event, read_personal
from tidings.http.pagination import list_entry

Status = Literal["PENDING", "CONFIRMED", "DISPATCHED", "CANCELLED"]
DisputeStatus = Literal["open", "won", "lost"]


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of an order. Its first event, `OrderPlaced`, contains its lines.

    Attributes:
        status: Its status.
        paid: Whether its payment is authorized, or it needs none.
        reserved: Whether its goods are reserved.
        reason: Why it was cancelled.
        approval: Whether its customer was asked to approve the payment.
        disputes: The disputes of its payment, by the gateway's id.
    """

    status: Status = "PENDING"
    paid: bool = False
    reserved: bool = False
    reason: CancellationReason | None = None
    approval: bool = False
    disputes: Mapping[str, DisputeStatus] = {}


class Summary(msgspec.Struct, frozen=True):
    """An order in a list."""

    id: str
    status: Status
    total: Money
    created_at: str


# Commands


def place(entity: Entity[Order], order: Announcement) -> Decision[Order]:
    """Place the order, unless it was placed before."""
    if entity.state is not None:
        return Skip()
    return Save(Order(), announce=(order,))


def cancel(entity: Entity[Order], reason: CancellationReason, detail: str = "") -> Decision[Order]:
    """Cancel the order, unless it is dispatched or cancelled."""
    order = existing(entity)
    if order.status not in ("PENDING", "CONFIRMED"):
        return Skip()
    return Save(
        msgspec.structs.replace(order, status="CANCELLED", reason=reason),
        announce=(OrderCancelled(reason=reason, detail=detail),),
    )


def cancel_on_demand(entity: Entity[Order], reason: CancellationReason) -> Decision[Order]:
    """Cancel the order because a person asked, its customer or an operator; refuse if it is dispatched."""
    if existing(entity).status == "DISPATCHED":
        return Reject("dispatched", "The goods have left; ask for a return instead.")
    return cancel(entity, reason)


def expire(entity: Entity[Order]) -> Decision[Order]:
    """Cancel the order if it is still pending, recording what it was waiting for."""
    order = existing(entity)
    return cancel(entity, "timeout", ", ".join(waiting_for(order))) if order.status == "PENDING" else Skip()


# Event handlers


def on_payment_authorized(entity: Entity[Order], _event: Event[PaymentAuthorized]) -> Decision[Order]:
    """Record the authorization, and confirm the order if its goods are reserved."""
    return _progress(entity, msgspec.structs.replace(existing(entity), paid=True))


def on_payment_action_required(entity: Entity[Order], _event: Event[PaymentActionRequired]) -> Decision[Order]:
    """Record that the customer must approve the payment. The event may come after the authorization."""
    order = existing(entity)
    return Save(msgspec.structs.replace(order, approval=True)) if order.status == "PENDING" else Skip()


def on_payment_not_needed(entity: Entity[Order], _event: Event[PaymentNotNeeded]) -> Decision[Order]:
    """Record that nothing is to be paid, and confirm the order if its goods are reserved."""
    return _progress(entity, msgspec.structs.replace(existing(entity), paid=True))


def on_stock_reserved(entity: Entity[Order], _event: Event[StockReserved]) -> Decision[Order]:
    """Record the reservation, and confirm the order if its payment is authorized."""
    return _progress(entity, msgspec.structs.replace(existing(entity), reserved=True))


def on_payment_failed(entity: Entity[Order], event: Event[PaymentFailed]) -> Decision[Order]:
    """Cancel the order."""
    return cancel(entity, "payment_failed", event.data.code)


def on_stock_rejected(entity: Entity[Order], event: Event[StockRejected]) -> Decision[Order]:
    """Cancel the order."""
    return cancel(entity, "out_of_stock", ", ".join(short.sku for short in event.data.short)[:256])


def on_order_flagged(entity: Entity[Order], _event: Event[OrderFlagged]) -> Decision[Order]:
    """Cancel the order. The broken rules stay in the event: customers need not learn them."""
    return cancel(entity, "fraud")


def on_order_dispatched(entity: Entity[Order], _event: Event[OrderDispatched]) -> Decision[Order]:
    """Record the dispatch. If the order is cancelled, the warehouse learns that and asks for the goods back."""
    order = existing(entity)
    if order.status not in ("PENDING", "CONFIRMED"):
        return Skip()
    return Save(msgspec.structs.replace(order, status="DISPATCHED"))


def on_payment_disputed(entity: Entity[Order], event: Event[PaymentDisputed]) -> Decision[Order]:
    """Record an open dispute, unless its end is known already."""
    order = existing(entity)
    return _with_dispute(order, event.data.dispute, order.disputes.get(event.data.dispute, "open"))


def on_dispute_closed(entity: Entity[Order], event: Event[DisputeClosed]) -> Decision[Order]:
    """Record how a dispute has ended."""
    return _with_dispute(existing(entity), event.data.dispute, event.data.outcome)


def _with_dispute(order: Order, dispute: str, status: DisputeStatus) -> Decision[Order]:
    return Save(msgspec.structs.replace(order, disputes={**order.disputes, dispute: status}))


# Readings


def existing(entity: Entity[Order]) -> Order:
    """Return the order's state.

    Raises:
        PermanentError: If no order was placed under this id.
    """
    if entity.state is None:
        raise PermanentError("unknown-order", f"no order {entity.key} was ever placed")
    return entity.state


def placed(entity: Entity[Order]) -> Event[OrderPlaced]:
    """Return the order's first event, which says what was ordered."""
    return entity.first_event(OrderPlaced)


def waiting_for(order: Order) -> tuple[str, ...]:
    """Return what a pending order still waits for."""
    if order.status != "PENDING":
        return ()
    parts = (("approval" if order.approval else "payment", order.paid), ("stock", order.reserved))
    return tuple(name for name, done in parts if not done)


def under_way(order: Order) -> str:
    """Return `order` while the order has not come to an end; "" afterwards."""
    return "order" if order.status in ("PENDING", "CONFIRMED") else ""


def dispute_of(order: Order) -> DisputeStatus | None:
    """Return the status of an order's disputes together: open while one is open, else lost if one is lost."""
    found = set(order.disputes.values())
    return next((status for status in ("open", "lost", "won") if status in found), None)


def listing(entity: Entity[Order]) -> Mapping[str, str]:
    """Return the attributes by which an order is in its customer's list."""
    event = placed(entity)
    order = existing(entity)
    summary = Summary(id=entity.key, status=order.status, total=event.data.total, created_at=event.time)
    return list_entry(customers_list(event.data.customer), f"{event.time}#{entity.key}", summary)


def customers_list(customer: str) -> str:
    """Return the name of a customer's list of orders."""
    return f"customer#{customer}"


def _progress(entity: Entity[Order], order: Order) -> Decision[Order]:
    if order.status != "PENDING":
        return Skip()
    if not (order.paid and order.reserved):
        return Save(order)
    event = placed(entity)
    data, recipient = event.data, read_personal(event, Recipient)
    confirmed = OrderConfirmed(customer=data.customer, lines=data.lines, total=data.total)
    return Save(
        msgspec.structs.replace(order, status="CONFIRMED"),
        announce=(Announcement(confirmed, Destination(recipient.address)) if recipient else confirmed,),
    )
