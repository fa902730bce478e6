"""An order that payment does not handle in time expires; once payment handles it, the customer has paid nothing."""

from tests.system.deployed import SECONDS, DeployedShop, User, order_id, tidings, types_of
from tidings.recovery import wait_until


def test_an_unpaid_order_expires_and_a_late_authorization_is_released(
    shop: DeployedShop, customer: User, sku: str
) -> None:
    with shop.consumer_stopped("payment"):
        order = order_id(customer.place({sku: 1}))
        wait_until(
            lambda: customer.http.get(f"/orders/{order}").json()["waiting_for"] == ["payment"],
            SECONDS,
            "the reservation",
        )

        def expire() -> str | None:
            done = tidings(shop.cloud.directory, "orders", "expire", "--older-than", "1s", "--yes")
            assert done.returncode == 0, done.stderr
            return done.stdout if not done.stdout.startswith("0 cancelled") else None

        assert wait_until(expire, SECONDS, "the order's expiry") == "1 cancelled, 0 failed\n"
        ended = customer.outcome(order)
        assert (ended["status"], ended["reason"]) == ("CANCELLED", "timeout")
        customer.timeline(order, "OrderCancelled", "StockReleased")
        wait_until(lambda: len(shop.emails(order)) == 1, SECONDS, "the e-mail about the cancellation")

    # Payment's queue keeps an order's events in sequence: it authorizes first, and handles the cancellation then.
    types = types_of(customer.timeline(order, "PaymentAuthorized", "PaymentVoided"))
    assert {"OrderConfirmed", "PaymentCaptured"}.isdisjoint(types)
    assert customer.outcome(order)["status"] == "CANCELLED"


def test_an_invalid_duration_is_refused_and_no_order_expires(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "orders", "expire", "--older-than", "soon")
    assert answer.returncode == 2
    assert "is not a duration like" in answer.stderr
