"""The shipment of an order: decided by what the warehouse knows of the order, and by what its people do."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.address import Address
from contracts.values.goods import Units
from contracts.values.recipient import Destination
from contracts.warehouse.order_dispatched import OrderDispatched
from contracts.warehouse.return_requested import ReturnRequested
from tidings.core.decisions import Decision, Reject, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event, read_personal
from tidings.http.pagination import list_entry

Status = Literal["waiting", "to_pick", "dispatched", "cancelled", "returning"]

TO_PICK = "to_pick"
"""The list of shipments to pick, oldest first."""


class Shipment(Struct, frozen=True, omit_defaults=True):
    """An order's goods.

    `waiting` means that either the confirmation or the payment is not known yet. A cancelled shipment without lines is
    a tombstone of an order that was never confirmed.
    """

    status: Status
    paid: bool = False
    lines: tuple[Units, ...] = ()
    personal: Destination | None = None
    confirmed_at: str = ""
    tracking: str = ""


class ToPick(Struct, frozen=True):
    """A shipment in the list of shipments to pick. Its address is null if it was erased."""

    id: str
    lines: tuple[Units, ...]
    address: Address | None
    confirmed_at: str


def on_order_confirmed(entity: Entity[Shipment], event: Event[OrderConfirmed]) -> Decision[Shipment]:
    """Have the order picked once it is paid, unless it was cancelled before. One that costs nothing is paid."""
    shipment = entity.state or Shipment("waiting")
    if shipment.status != "waiting" or shipment.lines:
        return Skip()
    paid = shipment.paid or event.data.total.amount == 0
    lines = tuple(Units(line.sku, line.quantity) for line in event.data.lines)
    destination = read_personal(event, Destination)
    return Save(Shipment("to_pick" if paid else "waiting", paid, lines, destination, event.time))


def on_payment_captured(entity: Entity[Shipment], _event: Event[PaymentCaptured]) -> Decision[Shipment]:
    """Have the order picked once it is confirmed, unless it was cancelled before."""
    shipment = entity.state or Shipment("waiting")
    if shipment.status != "waiting":
        return Skip()
    return Save(replace(shipment, status="to_pick" if shipment.lines else "waiting", paid=True))


def on_order_cancelled(entity: Entity[Shipment], _event: Event[OrderCancelled]) -> Decision[Shipment]:
    """Cancel the shipment. Ask for goods back that have left."""
    shipment = entity.state
    if shipment is None:
        return Save(Shipment("cancelled"))
    match shipment.status:
        case "waiting" | "to_pick":
            return Save(replace(shipment, status="cancelled"))
        case "dispatched":
            return Save(replace(shipment, status="returning"), (ReturnRequested(lines=shipment.lines),))
        case _:
            return Skip()


def dispatch(entity: Entity[Shipment], tracking: str) -> Decision[Shipment]:
    """Dispatch the goods. A repeat changes nothing; an unknown, unpaid or cancelled shipment is refused."""
    shipment = entity.state
    if shipment is None or (shipment.status == "waiting" and not shipment.lines):
        return Reject("unknown", "No confirmed order has this id; GET /operators/shipments lists what to pick.")
    match shipment.status:
        case "to_pick":
            dispatched = replace(shipment, status="dispatched", tracking=tracking)
            return Save(dispatched, announce=(OrderDispatched(tracking=tracking),))
        case "dispatched":
            return Skip()
        case "waiting":
            return Reject("unpaid", "The payment is not captured yet; GET /operators/shipments lists what to pick.")
        case _:
            return Reject("cancelled", "The order is cancelled; leave its goods where they are, or take them back.")


def under_way(shipment: Shipment) -> str:
    """Return `shipment` while goods wait to be paid or picked; "" if none do."""
    return "shipment" if shipment.lines and shipment.status in ("waiting", "to_pick") else ""


def to_pick(entity: Entity[Shipment]) -> Mapping[str, str]:
    """Return the attributes by which a shipment is in the list of shipments to pick."""
    shipment = entity.state
    if shipment is None or shipment.status != "to_pick":
        return {}
    address = shipment.personal.address if shipment.personal else None
    entry = ToPick(entity.key, shipment.lines, address, shipment.confirmed_at)
    return list_entry(TO_PICK, f"{shipment.confirmed_at}#{entity.key}", entry)
