"""An order that payment does not handle in time expires; once payment handles it, the customer has paid nothing."""

from infra.shop import SETTINGS
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


def test_the_job_stops_after_the_stages_number_of_orders_until_an_operator_resumes_it(
    shop: DeployedShop, customer: User, operator: User
) -> None:
    most = SETTINGS["local"].expired_per_hour
    product = shop.add_product(operator, stock=2 * most)

    def expire(*options: str) -> tuple[int, str]:
        """Run the job; return how many orders it cancelled, and what it said if it is stopped."""
        done = tidings(shop.cloud.directory, "orders", "expire", "--older-than", "1s", "--yes", *options)
        assert done.stdout, done.stderr
        assert ("job is stopped" in done.stderr) == bool(done.returncode), done.stderr
        return int(done.stdout.split()[0]), done.stderr if done.returncode else ""

    def pending() -> int:
        return [customer.order(order)["status"] for order in orders].count("PENDING")

    with shop.consumer_stopped("payment"):
        orders = [order_id(customer.place({product: 1})) for _ in range(most + 5)]
        cancelled = 0

        def is_stopped() -> bool:
            nonlocal cancelled
            number, stopped = expire()
            cancelled += number
            return "docs/runbook.md#expiry-stopped" in stopped

        wait_until(is_stopped, SECONDS, "the stop of the job")
        # Orders of other tests may have been counted before.
        assert cancelled <= most
        left = pending()
        assert left >= 5
        assert expire()[0] == 0
        assert pending() == left
        while expire("--resume")[1]:
            pass
        assert pending() == 0


def test_an_invalid_duration_is_refused_and_no_order_expires(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "orders", "expire", "--older-than", "soon")
    assert answer.returncode == 2
    assert "is not a duration like" in answer.stderr
