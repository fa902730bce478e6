from typing import Any

import pytest

from contracts.loyalty.points_awarded import PointsAwarded
from contracts.loyalty.points_revoked import PointsRevoked
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.values.money import Money
from functions.loyalty.handlers import Earning, balance_key, points_entry
from functions.loyalty.service import service
from tests.unit.facts import ORDER, fact, order_confirmed
from tidings.core.event import Event
from tidings.testing import Scenario, given

CANCELLED = fact(OrderCancelled(reason="customer"), n=3)
BALANCE = balance_key("customer-1")


def confirmed(amount: int, currency: str = "EUR") -> Event[OrderConfirmed]:
    return fact(order_confirmed(total=Money(amount, currency)), n=2)


def loyalty(*events: Event[Any]) -> Scenario[Earning]:
    return given(service, *events)


@pytest.mark.parametrize(
    ("amount", "currency", "points"), [(100, "EUR", 1), (199, "EUR", 1), (2599, "EUR", 25), (250, "JPY", 250)]
)
def test_each_whole_unit_of_currency_earns_a_point(amount: int, currency: str, points: int) -> None:
    loyalty().when(confirmed(amount, currency)).then(
        announced=[PointsAwarded(customer="customer-1", points=points)], numbers={BALANCE: {"points": points}}
    )


def test_an_order_below_one_unit_earns_nothing_and_announces_nothing() -> None:
    scenario = loyalty().when(confirmed(99)).then(announced=[], numbers={BALANCE: {}}, writes=1)
    scenario.when(CANCELLED).then(announced=[], numbers={BALANCE: {}}, writes=1)


def test_the_points_of_a_cancelled_order_are_revoked_once() -> None:
    scenario = loyalty(confirmed(2599)).when(CANCELLED)
    revoked = PointsRevoked(customer="customer-1", points=25)
    again = fact(OrderCancelled(reason="customer"), n=4)
    scenario.then(announced=[revoked], numbers={BALANCE: {"points": 0}}).when(again).then(writes=0)


def test_an_order_that_was_cancelled_before_it_was_confirmed_earns_nothing() -> None:
    scenario = loyalty(CANCELLED).when(confirmed(2599)).then(writes=0, numbers={BALANCE: {}})
    assert points_entry(scenario.entity(ORDER)) == {}
