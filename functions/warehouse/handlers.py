"""The shipment of an order: decided by what the warehouse knows of the order, and by what its people do."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.values.address import Address
from contracts.values.goods import Units
from contracts.warehouse.order_dispatched import OrderDispatched
from contracts.warehouse.return_requested import ReturnRequested
from tidings.core.decisions import Decision, Reject, Save, Skip
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.http.pagination import list_entry

Status = Literal["to_pick", "dispatched", "cancelled", "returning"]

TO_PICK = "to_pick"
"""The list of shipments to pick, oldest first."""


class Shipment(Struct, frozen=True, omit_defaults=True):
    """An order's goods. A cancelled shipment without lines is a tombstone of an order that was never confirmed."""

    status: Status
    lines: tuple[Units, ...] = ()
    address: Address | None = None
    confirmed_at: str = ""
    tracking: str = ""


class ToPick(Struct, frozen=True):
    """A shipment in the list of shipments to pick."""

    id: str
    lines: tuple[Units, ...]
    address: Address
    confirmed_at: str


def on_order_confirmed(entity: Entity[Shipment], event: Event[OrderConfirmed]) -> Decision[Shipment]:
    """Have the order picked, unless it was cancelled before."""
    if entity.state is not None:
        return Skip()
    lines = tuple(Units(line.sku, line.quantity) for line in event.data.lines)
    return Save(Shipment("to_pick", lines, event.data.address, event.time))


def on_order_cancelled(entity: Entity[Shipment], _event: Event[OrderCancelled]) -> Decision[Shipment]:
    """Cancel the shipment. Ask for goods back that have left."""
    shipment = entity.state
    if shipment is None:
        return Save(Shipment("cancelled"))
    match shipment.status:
        case "to_pick":
            return Save(replace(shipment, status="cancelled"))
        case "dispatched":
            return Save(replace(shipment, status="returning"), (ReturnRequested(lines=shipment.lines),))
        case _:
            return Skip()


def dispatch(entity: Entity[Shipment], tracking: str) -> Decision[Shipment]:
    """Dispatch the goods. A repeat changes nothing; an unknown or a cancelled shipment is refused."""
    shipment = entity.state
    if shipment is None:
        return Reject(
            "unknown", "No confirmed order has this id; GET /operators/shipments lists the shipments to pick."
        )
    match shipment.status:
        case "to_pick":
            dispatched = replace(shipment, status="dispatched", tracking=tracking)
            return Save(dispatched, announce=(OrderDispatched(tracking=tracking),))
        case "dispatched":
            return Skip()
        case _:
            return Reject("cancelled", "The order is cancelled; leave its goods where they are, or take them back.")


def to_pick(entity: Entity[Shipment]) -> Mapping[str, str]:
    """Return the attributes by which a shipment is in the list of shipments to pick."""
    shipment = entity.state
    if shipment is None or shipment.status != "to_pick" or shipment.address is None:
        return {}
    entry = ToPick(entity.key, shipment.lines, shipment.address, shipment.confirmed_at)
    return list_entry(TO_PICK, f"{shipment.confirmed_at}#{entity.key}", entry)
