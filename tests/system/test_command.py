"""The command `tidings` on a deployed shop."""

import json
import re
import subprocess
import uuid

import httpx
import pytest

from ops.services import service_names
from tests.system.deployed import SECONDS, DeployedShop, User, order_id, tidings
from tidings.recovery import wait_until


def test_outputs_are_json_with_the_addresses_of_all_resources(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "outputs")

    found = json.loads(answer.stdout)
    assert answer.returncode == 0
    assert list(found) == ["api", "endpoint", "region", "topic", "users", "operators", "services", "live", "pages"]
    assert list(found["services"]) == service_names()
    parts = ["queue", "dlq", "table", "function", "undelivered", "relay_dlq"]
    assert all(list(service) == parts for service in found["services"].values())
    assert httpx.get(f"{found['api']}/products").status_code == 200
    assert list(found["pages"]) == ["url", "bucket", "distribution", "settings"]
    assert httpx.get(f"{found['endpoint']}/_ministack/health").json()["auth"] == "enabled"


def test_token_prints_only_the_token_of_a_new_user(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "token", "--user", "somebody-new")

    header = {"Authorization": f"Bearer {answer.stdout.strip()}"}
    assert answer.stdout.count("\n") == 1
    assert httpx.get(f"{shop.outputs.api}/orders", headers=header).json() == {"items": [], "next": None}


def test_token_makes_the_user_an_operator(shop: DeployedShop, sku: str) -> None:
    token = tidings(shop.cloud.directory, "token", "--user", "chief", "--operator").stdout.strip()

    stock = httpx.get(f"{shop.outputs.api}/operators/stock/{sku}", headers={"Authorization": f"Bearer {token}"})

    assert stock.json()["sku"] == sku


def test_an_order_is_placed_shown_and_cancelled(shop: DeployedShop, operator: User, sku: str) -> None:
    placed = tidings(shop.cloud.directory, "orders", "place", "--sku", f"{sku}:2", "--json")
    order = str(json.loads(placed.stdout)["id"])
    operator.timeline(order, "OrderConfirmed", "EmailSent")

    shown = tidings(shop.cloud.directory, "orders", "show", order)
    assert f"{order}: CONFIRMED, 2 x {sku}, 20.00 EUR" in shown.stdout

    assert tidings(shop.cloud.directory, "orders", "cancel", order).returncode == 0
    operator.timeline(order, "OrderCancelled", "PaymentRefunded", "StockReleased")
    assert f"{order}: CANCELLED (operator)" in tidings(shop.cloud.directory, "orders", "show", order).stdout


def test_a_customer_shows_and_cancels_only_own_orders(shop: DeployedShop, customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}))
    customer.timeline(order, "OrderConfirmed")
    other = tidings(shop.cloud.directory, "orders", "cancel", order, "--customer", "--user", "somebody-else")
    assert other.returncode == 1
    assert other.stderr == f"Error: this customer has no order {order}\n"

    own = tidings(shop.cloud.directory, "orders", "cancel", order, "--customer", "--json")
    assert json.loads(own.stdout)["reason"] == "customer"
    assert order in tidings(shop.cloud.directory, "timeline", order, "--customer").stdout


def test_an_operator_sells_a_product_and_dispatches_it(shop: DeployedShop, operator: User) -> None:
    def run(*arguments: str) -> str:
        answer = tidings(shop.cloud.directory, *arguments)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    assert run("products", "set", "lamp", "--name", "Lamp", "--price", "20.00EUR") == "lamp: Lamp, 20.00 EUR\n"
    assert run("products", "set", "lamp", "--price", "25.50EUR") == "lamp: Lamp, 25.50 EUR\n"
    assert "lamp" in {product["sku"] for product in json.loads(run("products", "list", "--json"))}
    assert run("products", "show", "lamp") == "lamp: Lamp, 25.50 EUR\n"
    assert run("stock", "set", "lamp", "3") == "lamp: 3 on hand, 0 reserved, 3 available\n"

    order = str(json.loads(run("orders", "place", "--sku", "lamp:2", "--json"))["id"])
    operator.timeline(order, "OrderConfirmed")
    assert run("stock", "show", "lamp") == "lamp: 3 on hand, 2 reserved, 1 available\n"
    wait_until(lambda: order in run("shipments", "list"), SECONDS, "the shipment to pick")

    assert run("shipments", "dispatch", order, "--tracking", "A1") == f"{order}: dispatched, 2 x lamp, tracking A1\n"
    wait_until(
        lambda: (
            "lamp" in {each["sku"] for day in json.loads(run("sales", "--json"))["days"] for each in day["products"]}
        ),
        SECONDS,
        "the sale in the figures",
    )
    assert "revenue" in run("sales", "--from", "1d")


@pytest.mark.parametrize(
    "arguments", [["orders", "show"], ["orders", "cancel"], ["timeline"], ["shipments", "dispatch"]]
)
def test_an_order_that_was_never_placed_is_refused(shop: DeployedShop, arguments: list[str]) -> None:
    order = str(uuid.uuid4())
    answer = tidings(shop.cloud.directory, *arguments, order)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert re.match(f"Error: there is no (order|shipment of order) {order}", answer.stderr)


def test_a_gateway_that_is_not_down_is_not_mended(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "mend", "gateway")
    assert (answer.returncode, answer.stderr) == (1, "Error: the payment gateway is not down\n")


@pytest.mark.parametrize("function", ["orders", "order-relay", "orders-api", "analytics-relay"])
def test_only_a_consumer_or_a_relay_can_be_resumed(shop: DeployedShop, function: str) -> None:
    answer = tidings(shop.cloud.directory, "resume", function)
    assert answer.returncode == 1
    assert answer.stderr.startswith(
        f"Error: {function!r} is no consumer or relay; there are analytics-consumer, fraud-"
    )


def test_the_log_of_an_unknown_function_is_refused_with_a_name_like_it(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "logs", "order-consumer")
    assert answer.returncode == 1
    assert "has no function 'order-consumer'; a function is named like orders-consumer" in answer.stderr


def test_a_timeline_shows_each_event_with_its_cause(shop: DeployedShop, customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}))
    customer.timeline(order, "OrderConfirmed", "EmailSent")

    table = tidings(shop.cloud.directory, "timeline", order)

    rows = {words[2]: " ".join(words[3:]) for line in table.stdout.splitlines() if len(words := line.split()) > 3}
    assert rows["OrderPlaced"] == "a command"
    assert rows["StockReserved"].endswith("ms OrderPlaced")
    assert rows["EmailSent"].endswith("ms PaymentCaptured")


def test_the_error_about_a_refused_request_is_one_line_with_the_problems_detail(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "orders", "place", "--sku", "unknown:1")

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr == "Error: 422 Unknown SKU: There is no product unknown. [lines[0].sku]\n"


def test_an_order_at_another_total_than_expected_is_refused_with_the_current_one(shop: DeployedShop, sku: str) -> None:
    def place(total: str) -> subprocess.CompletedProcess[str]:
        return tidings(shop.cloud.directory, "orders", "place", "--sku", f"{sku}:2", "--expected-total", total)

    refused = place("0.01EUR")
    assert refused.returncode == 1
    *_, total = refused.stderr.split()
    assert place(total).returncode == 0


def test_a_second_deployment_keeps_the_cloud_and_its_contents(shop: DeployedShop, customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}))
    before = shop.cloud.running()

    again = tidings(shop.cloud.directory, "up")

    assert again.returncode == 0, again.stderr
    assert shop.cloud.running() == before
    assert customer.outcome(order)["status"] == "CONFIRMED"
