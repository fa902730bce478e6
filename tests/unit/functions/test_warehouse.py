import pytest

from contracts.orders.order_cancelled import OrderCancelled
from contracts.values.goods import Units
from contracts.warehouse.order_dispatched import OrderDispatched
from contracts.warehouse.return_requested import ReturnRequested
from functions.warehouse import handlers
from functions.warehouse.handlers import Shipment
from functions.warehouse.service import service
from tests.unit.facts import HOME, ORDER, fact, line, order_confirmed
from tidings.core.entity import Entity
from tidings.testing import Execute, given

CONFIRMED = fact(order_confirmed(line("tea", 2), line("cup", 1)), n=2)
CANCELLED = fact(OrderCancelled(reason="customer"), n=3)
CANCELLED_AGAIN = fact(OrderCancelled(reason="customer"), n=4)
LINES = (Units("tea", 2), Units("cup", 1))
TO_PICK = Shipment("to_pick", LINES, HOME, CONFIRMED.time)


def dispatch(tracking: str = "T1") -> Execute[Shipment]:
    return Execute(ORDER, lambda entity: handlers.dispatch(entity, tracking))


def test_a_confirmed_order_is_to_be_picked() -> None:
    given(service).when(CONFIRMED).then(state=TO_PICK)


def test_an_order_that_was_cancelled_before_it_was_confirmed_is_not_picked() -> None:
    scenario = given(service, CANCELLED).when(CONFIRMED).then(writes=0)
    assert handlers.to_pick(scenario.entity(ORDER)) == {}
    scenario.when(dispatch()).then_rejected("cancelled")


def test_a_dispatch_is_announced_once_with_its_tracking() -> None:
    scenario = given(service, CONFIRMED).when(dispatch("T1")).then(announced=[OrderDispatched(tracking="T1")])
    scenario.when(dispatch("T2")).then(writes=0)


def test_an_unknown_shipment_cannot_be_dispatched() -> None:
    given(service).when(dispatch()).then_rejected("unknown")


def test_goods_that_have_left_must_come_back_if_the_order_is_cancelled() -> None:
    scenario = given(service, CONFIRMED, dispatch()).when(CANCELLED).then(announced=[ReturnRequested(lines=LINES)])
    scenario.when(CANCELLED_AGAIN).then(writes=0)
    scenario.when(dispatch()).then_rejected("cancelled")


def test_goods_that_have_not_left_stay_if_the_order_is_cancelled() -> None:
    outcome = given(service, CONFIRMED).when(CANCELLED)
    outcome.then(announced=[], state=Shipment("cancelled", LINES, HOME, CONFIRMED.time))


@pytest.mark.parametrize("status", ["dispatched", "cancelled", "returning"])
def test_only_shipments_to_pick_are_listed(status: handlers.Status) -> None:
    assert handlers.to_pick(Entity(ORDER, state=TO_PICK))["owner"] == handlers.TO_PICK
    assert handlers.to_pick(Entity(ORDER, state=Shipment(status, LINES, HOME, CONFIRMED.time))) == {}
