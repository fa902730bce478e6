"""The recovery of a service's table that was restored: the shop is as it was."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ops.errors import CommandError
from ops.recover.closing import Closing
from ops.recover.declarations import recoverable, recovery_of
from ops.recover.effects import fraud_port, notification_port, payment_port
from ops.recover.run import RecoverOptions, run_recover
from tests.integration.cli_driver import CliDriver, nth
from tests.integration.cloud import Cloud, CrashError
from tests.integration.shop import Shop
from tidings.aws.recovery import EventSourceMapping
from tidings.core.clock import now, to_rfc3339

Items = list[dict[str, Any]]
PORTS: Mapping[str, Callable[..., Any]] = {
    "fraud": fraud_port,
    "payment": payment_port,
    "notification": notification_port,
}


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> None:
    """Let every service be closed: moto runs no function by itself."""
    monkeypatch.setattr(Closing, "blockers", lambda _self: [])
    monkeypatch.setattr(EventSourceMapping, "changed", lambda _self: now())

    def port_of(stage: Any, outputs: Any, service: str) -> Any:
        make = PORTS.get(service)
        return make(stage, outputs, cloud.environment(service, "consumer")) if make else None

    monkeypatch.setattr("ops.recover.run.port_of", port_of)


def recover(driver: CliDriver, service: str, **options: Any) -> None:
    """Run `tidings recover`."""
    chosen = RecoverOptions(service=service, snapshot=to_rfc3339(now()), **options)
    run_recover(driver.stage, driver.outputs, driver.directory, chosen, recovery_of(service))


def go_back(cloud: Cloud, service: str, items: Items) -> None:
    """Let a table contain these items and no others."""
    table = cloud.table(service)
    for item in cloud.items(table):
        cloud.dynamodb.delete_item(TableName=table, Key={"pk": item["pk"]})
    for item in items:
        cloud.dynamodb.put_item(TableName=table, Item=item)


def outboxes(cloud: Cloud, service: str) -> dict[str, Any]:
    return {item["pk"]["S"]: item["outbox"] for item in cloud.items(cloud.table(service)) if "outbox" in item}


def live(shop: Shop) -> tuple[str, str, str]:
    """Place an order that stays confirmed, one that is cancelled, and one that is dispatched."""
    kept, cancelled, dispatched = (shop.place(("mug", n)) for n in (1, 2, 3))
    shop.cloud.drain()
    assert shop.cancel(cancelled).status == 202
    assert shop.call("POST", f"/operators/shipments/{dispatched}/dispatch", {}).status == 202
    shop.cloud.drain()
    return kept, cancelled, dispatched


@pytest.mark.parametrize("service", recoverable())
def test_the_shop_is_as_it_was(service: str, shop: Shop, driver: CliDriver) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    early = shop.place(("mug", 1))
    cloud.drain()
    snapshot = cloud.items(cloud.table(service))
    orders = (early, *live(shop))
    shop.stock("mug", 30, price=1200)
    cloud.drain()
    before = {each: outboxes(cloud, each) for each in cloud.services}
    shown, level = [shop.show(order) for order in orders], shop.level("mug")
    points = shop.call("GET", "/loyalty").body
    moved, mails = cloud.moved(), len(cloud.mails())

    go_back(cloud, service, snapshot)
    recover(driver, service)
    assert outboxes(cloud, service) == before[service]
    cloud.drain()

    assert {each: outboxes(cloud, each) for each in cloud.services} == before
    assert [shop.show(order) for order in orders] == shown
    assert shop.level("mug") == level
    assert shop.call("GET", "/products/mug").body["price"]["amount"] == 1200
    assert shop.call("GET", "/loyalty").body == points
    assert (cloud.moved(), len(cloud.mails())) == (moved, mails)
    assert cloud.dead_letters(service) == []


def test_a_recovery_that_crashes_at_any_call_and_runs_again_ends_in_the_same_table(
    shop: Shop, driver: CliDriver
) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    live(shop)
    before = outboxes(cloud, "inventory"), shop.level("mug")
    for crash in range(1, 60, 3):
        go_back(cloud, "inventory", [])
        cloud.calls.before = nth(crash)
        try:
            recover(driver, "inventory")
        except CrashError:
            cloud.calls.before = lambda _name, _request: False
            recover(driver, "inventory")
        cloud.calls.before = lambda _name, _request: False
        cloud.drain()
        assert (outboxes(cloud, "inventory"), shop.level("mug")) == before


def test_a_dry_run_says_what_the_table_lacks_and_writes_nothing(
    shop: Shop, driver: CliDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.stock("mug", 10)
    live(shop)
    go_back(shop.cloud, "orders", [])
    recover(driver, "orders", dry_run=True)
    assert "lack something; nothing was written." in capsys.readouterr().out
    assert shop.cloud.items(shop.cloud.table("orders")) == []


def test_a_service_that_is_not_ready_is_refused_with_the_reasons(
    monkeypatch: pytest.MonkeyPatch, driver: CliDriver
) -> None:
    monkeypatch.setattr(Closing, "blockers", lambda _self: ["orders-api may write", "the log is behind"])
    with pytest.raises(CommandError, match="orders cannot be recovered yet: orders-api may write; the log is behind"):
        recover(driver, "orders")


def test_a_snapshot_in_the_future_is_refused(driver: CliDriver) -> None:
    options = RecoverOptions(service="orders", snapshot=to_rfc3339(now() + 60_000))
    with pytest.raises(CommandError, match="lies in the future"):
        run_recover(driver.stage, driver.outputs, driver.directory, options, recovery_of("orders"))
