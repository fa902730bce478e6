"""What becomes of a shipment: decided on what the warehouse knows of the order, and on what its people do."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tidings.contracts import Address, OrderCancelled, OrderConfirmed, OrderDispatched, ReturnRequested, Units
from tidings.decisions import Commit, Decision, Ignore
from tidings.events import Event
from tidings.item import Item
from tidings.pages import entry

Status = Literal["to_pick", "dispatched", "cancelled", "returning"]

TO_PICK = "to_pick"
"""The list of what is to be picked, oldest first."""


class Shipment(Struct, frozen=True, omit_defaults=True):
    """An order's goods. A cancelled one without lines is a tombstone: the order was off before it was confirmed."""

    status: Status
    lines: tuple[Units, ...] = ()
    address: Address | None = None
    confirmed_at: str = ""
    tracking: str = ""


class ToPick(Struct, frozen=True):
    """What the list of shipments shows of each."""

    id: str
    lines: tuple[Units, ...]
    address: Address
    confirmed_at: str


def confirmed(item: Item[Shipment], event: Event[OrderConfirmed], _: object) -> Decision[Shipment]:
    """There is something to pick, unless the order was off before."""
    if item.state is not None:
        return Ignore()
    lines = tuple(Units(line.sku, line.quantity) for line in event.data.lines)
    return Commit(Shipment("to_pick", lines, event.data.address, event.time))


def cancelled(item: Item[Shipment], _event: Event[OrderCancelled], _: object) -> Decision[Shipment]:
    """Nothing is to be picked any more; what has left must come back."""
    shipment = item.state
    if shipment is None:
        return Commit(Shipment("cancelled"))
    match shipment.status:
        case "to_pick":
            return Commit(replace(shipment, status="cancelled"))
        case "dispatched":
            return Commit(replace(shipment, status="returning"), (ReturnRequested(lines=shipment.lines),))
        case _:
            return Ignore()


def dispatch(item: Item[Shipment], tracking: str) -> Decision[Shipment]:
    """The goods leave, where there are any to pick."""
    if item.state is None or item.state.status != "to_pick":
        return Ignore()
    return Commit(
        replace(item.state, status="dispatched", tracking=tracking), announce=(OrderDispatched(tracking=tracking),)
    )


def to_pick(item: Item[Shipment]) -> Mapping[str, str]:
    """The attributes by which a shipment is listed, for as long as it is to be picked."""
    shipment = item.state
    if shipment is None or shipment.status != "to_pick" or shipment.address is None:
        return {}
    shown = ToPick(item.order, shipment.lines, shipment.address, shipment.confirmed_at)
    return entry(TO_PICK, f"{shipment.confirmed_at}#{item.order}", shown)
