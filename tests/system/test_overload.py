"""A stopped consumer, which delays no other service, and which handles its events when it runs again."""

import random

from tests.invariants.catalogue import violations
from tests.soak.evidence import EvidenceReader
from tests.soak.load import LoadGenerator
from tests.soak.plan import make_plan
from tests.system.deployed import DeployedShop, User, order_id, types_of

POINTS = "points are what confirmed orders have earned"
STATES = "each service's state is what the order's events imply"
AGREEMENT = "services agree about an order"
LEFTOVERS = "what can never be handled is in the dead-letter queue, and nothing else is"


def test_while_loyalty_is_stopped_only_its_own_invariants_are_violated_and_later_none_is(
    shop: DeployedShop, operator: User, rng: random.Random
) -> None:
    load = LoadGenerator.prepare(shop, make_plan(rng.getrandbits(32), orders=20, clients=4), operator)
    reader = EvidenceReader(shop, load)
    with shop.consumer_stopped("loyalty"):
        load.run()
        reader.wait_until_idle(except_for="loyalty")
        meanwhile = violations(reader.read())
    assert meanwhile.keys() == {POINTS, STATES, AGREEMENT, LEFTOVERS}
    assert all(": loyalty has" in violation for violation in meanwhile[STATES] + meanwhile[AGREEMENT])
    (left,) = meanwhile[LEFTOVERS]
    assert left.startswith("tidings-local-loyalty holds ")

    reader.wait_until_idle()

    assert violations(reader.read()) == {}


def test_while_payment_is_stopped_orders_are_placed_reserved_and_cancelled_and_later_paid(
    shop: DeployedShop, customer: User, operator: User, sku: str
) -> None:
    with shop.consumer_stopped("payment"):
        cancelled, *others = orders = [order_id(customer.place({sku: 1})) for _ in range(5)]
        for order in orders:
            customer.timeline(order, "StockReserved")
        assert customer.cancel(cancelled).status_code == 202
        customer.timeline(cancelled, "OrderCancelled", "StockReleased")
        shop.wait_until_idle(except_for="payment")
        assert [customer.order(order)["waiting_for"] for order in others] == [["payment"]] * 4
        assert operator.stock(sku)["reserved"] == 4
        assert [len(shop.emails(order)) for order in orders] == [1, 0, 0, 0, 0]
        assert shop.queue_depth("payment") == 6

    assert {customer.outcome(order)["status"] for order in others} == {"CONFIRMED"}
    customer.timeline(cancelled, "PaymentVoided")
    shop.wait_until_idle()
    assert customer.outcome(cancelled)["status"] == "CANCELLED"
    assert "PaymentCaptured" not in types_of(customer.timeline(cancelled))
    assert operator.stock(sku)["reserved"] == 4
    assert shop.queue_depth("payment") == 0
