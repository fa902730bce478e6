"""The routes of the warehouse."""

from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.goods import Units
from contracts.values.order import OrderId
from functions.warehouse import handlers
from functions.warehouse.handlers import TO_PICK, Shipment, Status, ToPick
from tidings.core.decisions import Reject
from tidings.core.entity import Entity
from tidings.handling.executor import HandlerExecutor
from tidings.http.pagination import PAGE_QUERY, PAGE_RULES, Pages
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Request
from tidings.http.routes import route

NO_SUCH_SHIPMENT = Rule(404, "No such shipment", "No confirmed order has this id.")
UNPAID = Rule(409, "Not paid", "The order's payment is not captured yet.")
CANCELLED = Rule(409, "Cancelled", "The order is cancelled.")

Tracking = Annotated[
    str,
    Meta(
        max_length=64,
        pattern=r"^[\x20-\x7e]*\Z",
        description="A tracking code has letters without accents, digits, spaces and signs, on one line",
    ),
]


class DispatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The carrier's tracking code, if there is one."""

    tracking: Tracking = ""


class ShipmentView(Struct, frozen=True):
    """An order's shipment."""

    id: str
    status: Status
    lines: tuple[Units, ...]
    tracking: str


class ShipmentPage(Struct, frozen=True):
    """A page of the shipments to pick, oldest first."""

    items: tuple[ToPick, ...]
    next: str | None


class Api:
    """The routes of the warehouse."""

    def __init__(self, shipments: HandlerExecutor[Shipment], pages: Pages) -> None:
        self._shipments = shipments
        self._pages = pages

    @route("GET", "/operators/shipments", ShipmentPage, query=PAGE_QUERY, rules=PAGE_RULES)
    def list_to_pick(self, request: Request) -> ShipmentPage:
        """List the shipments to pick, oldest first."""
        return ShipmentPage(*self._pages.read(TO_PICK, ToPick, request))

    @route(
        "POST",
        "/operators/shipments/{id}/dispatch",
        ShipmentView,
        status=202,
        path={"id": OrderId},
        body=DispatchRequest,
        rules=(NO_SUCH_SHIPMENT, UNPAID, CANCELLED),
    )
    def dispatch(self, request: Request, body: DispatchRequest) -> ShipmentView:
        """Record that an order's goods have left. A repeat changes nothing."""
        execution = self._shipments.entity(request.path["id"]).execute(
            lambda entity: handlers.dispatch(entity, body.tracking), request.metadata(self._shipments.clock())
        )
        match execution.rejection:
            case Reject("unknown", detail):
                raise Problem(NO_SUCH_SHIPMENT, detail)
            case Reject("unpaid", detail):
                raise Problem(UNPAID, detail)
            case Reject(_, detail):
                raise Problem(CANCELLED, detail)
        return _view(execution.entity)


def _view(entity: Entity[Shipment]) -> ShipmentView:
    shipment = entity.state
    if shipment is None:
        raise LookupError(f"{entity.key} has no shipment")
    return ShipmentView(entity.key, shipment.status, shipment.lines, shipment.tracking)
