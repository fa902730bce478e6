"""What becomes of an order: the arbiter's decisions, where what comes first may decide the outcome."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from tidings.contracts import (
    CancellationReason,
    Money,
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderFlagged,
    OrderPlaced,
    PaymentCaptured,
    PaymentFailed,
    StockRejected,
    StockReserved,
)
from tidings.decisions import Commit, Decision, Ignore
from tidings.errors import PermanentError
from tidings.events import Event, decode, with_data
from tidings.item import Item
from tidings.pages import entry

Status = Literal["PENDING", "CONFIRMED", "DISPATCHED", "CANCELLED"]


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """What orders knows of an order beside what was placed, which is its first event."""

    status: Status = "PENDING"
    paid: bool = False
    reserved: bool = False
    reason: CancellationReason | None = None


class Summary(msgspec.Struct, frozen=True):
    """What a list of orders shows of each."""

    id: str
    status: Status
    total: Money
    created_at: str


def place(item: Item[Order], order: OrderPlaced) -> Decision[Order]:
    """The order is taken, unless it has been before."""
    if item.state is not None:
        return Ignore()
    return Commit(Order(), announce=(order,))


def cancel(item: Item[Order], reason: CancellationReason, detail: str = "") -> Decision[Order]:
    """The order is off, unless it is gone or was off before."""
    order = existing(item)
    if order.status not in ("PENDING", "CONFIRMED"):
        return Ignore()
    return Commit(
        msgspec.structs.replace(order, status="CANCELLED", reason=reason),
        announce=(OrderCancelled(reason=reason, detail=detail),),
    )


def time_out(item: Item[Order]) -> Decision[Order]:
    """What waits no longer stays as it is; what still does is off, and told what it waited for."""
    order = existing(item)
    return cancel(item, "timeout", ", ".join(waiting_for(order))) if order.status == "PENDING" else Ignore()


def payment_captured(item: Item[Order], _event: Event[PaymentCaptured], _: object) -> Decision[Order]:
    """One of the two that a confirmation waits for."""
    return _progress(item, msgspec.structs.replace(existing(item), paid=True))


def stock_reserved(item: Item[Order], _event: Event[StockReserved], _: object) -> Decision[Order]:
    """The other of the two that a confirmation waits for."""
    return _progress(item, msgspec.structs.replace(existing(item), reserved=True))


def payment_failed(item: Item[Order], event: Event[PaymentFailed], _: object) -> Decision[Order]:
    """Unpaid, it is off."""
    return cancel(item, "payment_failed", event.data.code)


def stock_rejected(item: Item[Order], event: Event[StockRejected], _: object) -> Decision[Order]:
    """Out of stock, it is off."""
    return cancel(item, "out_of_stock", ", ".join(short.sku for short in event.data.short)[:256])


def flagged(item: Item[Order], _event: Event[OrderFlagged], _: object) -> Decision[Order]:
    """Suspicious, it is off, unless it is gone. The rules stay with the event: the customer need not learn them."""
    return cancel(item, "fraud")


def dispatched(item: Item[Order], _event: Event[OrderDispatched], _: object) -> Decision[Order]:
    """The goods are gone. If it was off by then, the warehouse hears of that and asks for them back."""
    order = existing(item)
    if order.status not in ("PENDING", "CONFIRMED"):
        return Ignore()
    return Commit(msgspec.structs.replace(order, status="DISPATCHED"))


def existing(item: Item[Order]) -> Order:
    """The order; PermanentError where none was ever placed under this id."""
    if item.state is None:
        raise PermanentError("unknown-order", f"no order {item.order} was ever placed")
    return item.state


def placed(item: Item[Order]) -> Event[OrderPlaced]:
    """What was placed: the order's first event."""
    event = decode(item.events[0])
    return with_data(event, msgspec.json.decode(event.data, type=OrderPlaced))


def waiting_for(order: Order) -> tuple[str, ...]:
    """What a pending order still waits for."""
    if order.status != "PENDING":
        return ()
    parts = (("payment", order.paid), ("stock", order.reserved))
    return tuple(name for name, there in parts if not there)


def listing(item: Item[Order]) -> Mapping[str, str]:
    """The attributes by which a customer's orders are listed, newest first."""
    event = placed(item)
    order = existing(item)
    summary = Summary(id=item.order, status=order.status, total=event.data.total, created_at=event.time)
    return entry(customers_list(event.data.customer), f"{event.time}#{item.order}", summary)


def customers_list(customer: str) -> str:
    """Whose list a customer's orders stand in."""
    return f"customer#{customer}"


def _progress(item: Item[Order], order: Order) -> Decision[Order]:
    if order.status != "PENDING":
        return Ignore()
    if not (order.paid and order.reserved):
        return Commit(order)
    data = placed(item).data
    return Commit(
        msgspec.structs.replace(order, status="CONFIRMED"),
        announce=(
            OrderConfirmed(
                customer=data.customer,
                lines=data.lines,
                total=data.total,
                email=data.email,
                address=data.address,
            ),
        ),
    )
