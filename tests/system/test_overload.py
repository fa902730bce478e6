"""A service that is down for a time delays nobody else, and catches up."""

import random

from tests.soak.crowd import Crowd
from tests.soak.evidence import Scene
from tests.soak.invariants import violations
from tests.soak.plan import planned
from tests.system.deployed import Deployed, User, order_id, types_of
from tests.system.test_orders import stock_of
from tests.system.test_replay import held, stopped


def test_while_loyalty_is_down_everybody_else_does_everything_and_then_it_catches_up(
    shop: Deployed, operator: User, chance: random.Random
) -> None:
    crowd = Crowd.gathered(shop, planned(chance.getrandbits(32), orders=20, clients=4), operator)
    scene = Scene(shop, crowd)
    with stopped(shop, "loyalty"):
        crowd.run()
        scene.at_rest(but="loyalty")
        meanwhile = violations(scene.evidence())
    assert meanwhile.keys() == {"points_are_what_orders_earned", "services_agree", "nothing_is_left_over"}
    assert all(": loyalty says" in each for each in meanwhile["services_agree"])
    (left,) = meanwhile["nothing_is_left_over"]
    assert left.startswith("tidings-local-loyalty holds ")

    scene.at_rest()

    assert violations(scene.evidence()) == {}


def test_while_payment_is_down_orders_are_taken_reserved_and_cancelled_and_then_it_catches_up(
    shop: Deployed, customer: User, operator: User, sku: str
) -> None:
    with stopped(shop, "payment"):
        off, *kept = orders = [order_id(customer.place({sku: 1})) for _ in range(5)]
        for order in orders:
            customer.timeline(order, "StockReserved")
        assert customer.cancel(off).status_code == 202
        customer.timeline(off, "OrderCancelled", "StockReleased")
        shop.at_rest(but="payment")
        assert [customer.http.get(f"/orders/{order}").json()["waiting_for"] for order in kept] == [["payment"]] * 4
        assert stock_of(operator, sku)["reserved"] == 4
        assert [len(shop.letters(order)) for order in orders] == [1, 0, 0, 0, 0]
        assert held(shop, "payment") == 6

    assert {customer.ended(order)["status"] for order in kept} == {"CONFIRMED"}
    customer.timeline(off, "PaymentRefunded")
    shop.at_rest()
    assert customer.ended(off)["status"] == "CANCELLED"
    assert types_of(customer.timeline(off)).count("PaymentCaptured") == 1
    assert stock_of(operator, sku)["reserved"] == 4
    assert held(shop, "payment") == 0
