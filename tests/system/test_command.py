"""The command `tidings` on a deployed shop."""

import json

import httpx

from ops.services import service_names
from tests.system.deployed import DeployedShop, User, order_id, tidings


def test_outputs_are_json_with_the_addresses_of_all_resources(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "outputs")

    found = json.loads(answer.stdout)
    assert answer.returncode == 0
    assert list(found) == ["api", "endpoint", "region", "topic", "users", "operators", "services"]
    assert list(found["services"]) == service_names()
    parts = ["queue", "dlq", "table", "function", "undelivered", "relay_dlq"]
    assert all(list(service) == parts for service in found["services"].values())
    assert httpx.get(f"{found['api']}/products").status_code == 200
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
    operator.timeline(order, "OrderConfirmed", "ReceiptSent")

    shown = tidings(shop.cloud.directory, "orders", "show", order)
    assert f"{order}: CONFIRMED, 2 x {sku}, 20.00 EUR" in shown.stdout

    assert tidings(shop.cloud.directory, "orders", "cancel", order).returncode == 0
    operator.timeline(order, "OrderCancelled", "PaymentRefunded", "StockReleased")
    assert f"{order}: CANCELLED (customer)" in tidings(shop.cloud.directory, "orders", "show", order).stdout


def test_a_timeline_shows_each_event_with_its_cause(shop: DeployedShop, customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}))
    customer.timeline(order, "OrderConfirmed", "ReceiptSent")

    table = tidings(shop.cloud.directory, "timeline", order)

    rows = {words[2]: " ".join(words[3:]) for line in table.stdout.splitlines() if len(words := line.split()) > 3}
    assert rows["OrderPlaced"] == "a command"
    assert rows["StockReserved"].endswith("ms OrderPlaced")
    assert rows["ReceiptSent"].endswith("ms PaymentCaptured")


def test_the_error_about_a_refused_request_is_one_line_with_the_problems_detail(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "orders", "place", "--sku", "unknown:1")

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr == "Error: 422 Unknown SKU: There is no product unknown. [lines[0].sku]\n"


def test_a_second_deployment_keeps_the_cloud_and_its_contents(shop: DeployedShop, customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}))
    before = shop.cloud.running()

    again = tidings(shop.cloud.directory, "up")

    assert again.returncode == 0, again.stderr
    assert shop.cloud.running() == before
    assert customer.outcome(order)["status"] == "CONFIRMED"
