"""What the warehouse's people see and do."""

from typing import Annotated

from msgspec import Meta, Struct

from functions.warehouse import reactions
from functions.warehouse.reactions import TO_PICK, Shipment, Status, ToPick
from tidings.contracts import Units
from tidings.item import Cause, Item
from tidings.pages import PAGE_QUERY, Pages
from tidings.reactor import Reactor
from tidings.routes import Problem, Request, is_order_id, route

Tracking = Annotated[str, Meta(max_length=64, pattern=r"^[\x20-\x7e]*\Z")]


class DispatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How the goods can be followed on their way, where the carrier says."""

    tracking: Tracking = ""


class ShipmentView(Struct, frozen=True):
    """An order's shipment."""

    id: str
    status: Status
    lines: tuple[Units, ...]
    tracking: str


class ShipmentPage(Struct, frozen=True):
    """A page of what is to be picked, oldest first."""

    items: tuple[ToPick, ...]
    next: str | None


class Api:
    """The routes of the warehouse."""

    def __init__(self, shipments: Reactor[Shipment], pages: Pages) -> None:
        self._shipments = shipments
        self._pages = pages

    @route("GET", "/shipments", ShipmentPage, operators=True, query=PAGE_QUERY, problems=(400,))
    def list_to_pick(self, request: Request) -> ShipmentPage:
        """Lists what is to be picked, oldest first."""
        return ShipmentPage(*self._pages.read(TO_PICK, ToPick, request))

    @route(
        "POST",
        "/shipments/{id}/dispatch",
        ShipmentView,
        status=202,
        body=DispatchRequest,
        operators=True,
        problems=(404, 409, 422),
    )
    def dispatch(self, request: Request, body: DispatchRequest) -> ShipmentView:
        """Says that an order's goods have left; saying it twice is saying it once."""
        if not is_order_id(request.path["id"]):
            raise _unknown()
        cause = Cause(request.correlation, request.traceparent, self._shipments.clock())
        shipment = self._shipments.order(request.path["id"])
        item = shipment.settle(lambda item, _: reactions.dispatch(item, body.tracking), cause)
        return _view(item)


def _view(item: Item[Shipment]) -> ShipmentView:
    shipment = item.state
    if shipment is None:
        raise _unknown()
    if shipment.status in ("cancelled", "returning"):
        raise Problem(409, "Cancelled", "The order is off; leave its goods where they are, or take them back.")
    return ShipmentView(item.order, shipment.status, shipment.lines, shipment.tracking)


def _unknown() -> Problem:
    return Problem(
        404, "No such shipment", "No confirmed order has this id; GET /shipments lists what is to be picked."
    )
