from itertools import permutations
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.payment_captured import PaymentCaptured
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.goods import Units
from contracts.values.money import Money
from contracts.values.recipient import Destination
from contracts.warehouse.order_dispatched import OrderDispatched
from contracts.warehouse.return_requested import ReturnRequested
from functions.warehouse import handlers
from functions.warehouse.handlers import Shipment, ToPick
from functions.warehouse.service import service
from tests.unit.facts import HOME, ORDER, fact, line, order_confirmed
from tidings.core.entity import Entity, StoredEntity
from tidings.core.event import Event
from tidings.testing import Execute, Scenario, given

CONFIRMED = fact(order_confirmed(line("tea", 2), line("cup", 1)), n=2)
CAPTURED = fact(PaymentCaptured(payment="pay_1", amount=Money(3000, "EUR")))
CANCELLED = fact(OrderCancelled(reason="customer"), n=3)
ERASED = fact(PersonalDataErased(reason="customer"))
CANCELLED_AGAIN = fact(OrderCancelled(reason="customer"), n=4)
DESTINATION = Destination(HOME)
LINES = (Units("tea", 2), Units("cup", 1))
WAITING = Shipment("waiting", lines=LINES, personal=DESTINATION, confirmed_at=CONFIRMED.time)
TO_PICK = replace(WAITING, status="to_pick", paid=True)


def dispatch(tracking: str = "T1") -> Execute[Shipment]:
    return Execute(ORDER, lambda entity: handlers.dispatch(entity, tracking))


def test_a_confirmed_order_is_picked_once_its_payment_is_captured() -> None:
    scenario = given(service).when(CONFIRMED).then(state=WAITING)
    scenario.when(dispatch()).then_rejected("unpaid")
    scenario.when(CAPTURED).then(state=TO_PICK)


def test_a_paid_order_is_picked_once_its_confirmation_is_known() -> None:
    scenario = given(service).when(CAPTURED).then(state=Shipment("waiting", paid=True))
    assert handlers.to_pick(scenario.entity(ORDER)) == {}
    scenario.when(dispatch()).then_rejected("unknown")
    scenario.when(CONFIRMED).then(state=TO_PICK)


def test_an_order_that_costs_nothing_is_picked_when_it_is_confirmed() -> None:
    free = fact(order_confirmed(line("tea", 2, amount=0)), n=2)
    given(service).when(free).then(state=Shipment("to_pick", True, (Units("tea", 2),), DESTINATION, free.time))


@pytest.mark.parametrize("events", list(permutations([CONFIRMED, CAPTURED, CANCELLED])))
def test_in_any_sequence_of_events_a_cancelled_order_is_not_picked(events: tuple[Event[Any], ...]) -> None:
    scenario = given(service, *events)
    assert handlers.to_pick(scenario.entity(ORDER)) == {}
    scenario.when(dispatch()).then_rejected("cancelled")


def test_an_order_that_was_cancelled_before_it_was_confirmed_is_not_picked() -> None:
    scenario = given(service, CANCELLED).when(CONFIRMED).then(writes=0)
    assert handlers.to_pick(scenario.entity(ORDER)) == {}
    scenario.when(dispatch()).then_rejected("cancelled")


def test_a_dispatch_is_announced_once_with_its_tracking() -> None:
    scenario = given(service, CONFIRMED, CAPTURED).when(dispatch("T1")).then(announced=[OrderDispatched(tracking="T1")])
    scenario.when(dispatch("T2")).then(writes=0)


def test_an_unknown_shipment_cannot_be_dispatched() -> None:
    given(service).when(dispatch()).then_rejected("unknown")


def test_goods_that_have_left_must_come_back_if_the_order_is_cancelled() -> None:
    scenario = (
        given(service, CONFIRMED, CAPTURED, dispatch()).when(CANCELLED).then(announced=[ReturnRequested(lines=LINES)])
    )
    scenario.when(CANCELLED_AGAIN).then(writes=0)
    scenario.when(dispatch()).then_rejected("cancelled")


def test_goods_that_have_not_left_stay_if_the_order_is_cancelled() -> None:
    given(service, CONFIRMED).when(CANCELLED).then(announced=[], state=replace(WAITING, status="cancelled"))
    given(service, CONFIRMED, CAPTURED).when(CANCELLED).then(announced=[], state=replace(TO_PICK, status="cancelled"))


@pytest.mark.parametrize("status", ["waiting", "dispatched", "cancelled", "returning"])
def test_only_shipments_to_pick_are_listed(status: handlers.Status) -> None:
    assert handlers.to_pick(Entity(ORDER, state=TO_PICK))["owner"] == handlers.TO_PICK
    assert handlers.to_pick(Entity(ORDER, state=replace(TO_PICK, status=status))) == {}


# Personal data


def listed(scenario: Scenario[Shipment]) -> ToPick:
    stored: StoredEntity = scenario.table.entities[ORDER]
    return msgspec.json.decode(stored.attributes["summary"], type=ToPick)


def test_after_an_erasure_a_shipment_stays_in_the_list_without_its_address() -> None:
    scenario = given(service, CONFIRMED, CAPTURED)
    assert listed(scenario) == ToPick(ORDER, LINES, HOME, CONFIRMED.time)
    scenario.when(ERASED).then(state=replace(TO_PICK, personal=None), writes=1)
    assert listed(scenario) == ToPick(ORDER, LINES, None, CONFIRMED.time)
    assert HOME.street not in str(scenario.table.entities)
    scenario.when(dispatch()).then(announced=[OrderDispatched(tracking="T1")])


@pytest.mark.parametrize("events", list(permutations([CONFIRMED, CAPTURED, ERASED])))
def test_in_any_sequence_an_erased_shipment_has_no_address(events: tuple[Event[Any], ...]) -> None:
    scenario = given(service, *events, *events)
    assert scenario.state(ORDER) == replace(TO_PICK, personal=None)
    assert HOME.street not in str(scenario.table.entities)
