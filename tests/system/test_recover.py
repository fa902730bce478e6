"""The recovery of a restored table on a deployed shop: closed, recovered and opened by commands."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.deployed import SECONDS, DeployedShop, User, order_id, tidings, types_of
from tidings.core.clock import now, to_rfc3339
from tidings.recovery import wait_until

SERVICE = "orders"


@pytest.fixture
def _opened(shop: DeployedShop) -> Iterator[None]:
    """Leave the service open, whatever happens."""
    yield
    assert tidings(shop.cloud.directory, "open", SERVICE).returncode == 0


def items(shop: DeployedShop) -> dict[str, Any]:
    pages = shop.client("dynamodb").get_paginator("scan").paginate(TableName=shop.outputs.table(SERVICE))
    return {item["pk"]["S"]: item for page in pages for item in page["Items"]}


def go_back(shop: DeployedShop, snapshot: dict[str, Any]) -> None:
    """Let the table contain these items and no others."""
    dynamodb, table = shop.client("dynamodb"), shop.outputs.table(SERVICE)
    for key, item in items(shop).items():
        if key not in snapshot:
            dynamodb.delete_item(TableName=table, Key={"pk": {"S": key}})
        elif item != snapshot[key]:
            dynamodb.put_item(TableName=table, Item=snapshot[key])


@pytest.mark.usefixtures("_opened")
def test_a_service_whose_table_went_back_goes_on_where_it_was(shop: DeployedShop, customer: User, sku: str) -> None:
    def command(*arguments: str) -> str:
        done = tidings(shop.cloud.directory, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    aged = order_id(customer.place({sku: 1}))
    customer.timeline(aged, "PaymentCaptured", "EmailSent", "PointsAwarded")
    shop.wait_until_idle()
    taken, snapshot = to_rfc3339(now()), items(shop)
    lost = order_id(customer.place({sku: 1}))
    assert customer.cancel(aged).status_code == 202
    customer.timeline(aged, "OrderCancelled", "PointsRevoked", "PaymentRefunded")
    customer.timeline(lost, "PaymentCaptured", "EmailSent", "PointsAwarded")
    shop.wait_until_idle()
    shown = {order: customer.order(order) for order in (aged, lost)}

    refused = tidings(shop.cloud.directory, "recover", SERVICE, "--snapshot", taken)
    assert refused.returncode == 1
    assert "orders cannot be recovered yet: " in refused.stderr
    assert "orders-api" in refused.stderr
    command("close", SERVICE)
    assert customer.http.get(f"/orders/{lost}").status_code >= 500
    go_back(shop, snapshot)
    assert "2 entities of " in command("recover", SERVICE, "--snapshot", taken, "--dry-run")
    assert re.search("orders: 2 entities of [0-9]+ brought", command("recover", SERVICE, "--snapshot", taken))
    assert "orders: 0 entities of " in command("recover", SERVICE, "--snapshot", taken)
    command("open", SERVICE)

    assert wait_until(lambda: shown == {order: customer.order(order) for order in shown}, SECONDS, "the orders")
    assert customer.cancel(lost).status_code == 202
    events = customer.timeline(lost, "OrderCancelled", "PaymentRefunded")
    assert types_of(event for event in events if event["source"] == SERVICE) == [
        "OrderPlaced",
        "OrderConfirmed",
        "OrderCancelled",
    ]
    assert not shop.dead_letters("history")
