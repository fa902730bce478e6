"""The recovery of a service's table that was restored: the shop is as it was."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from ops.errors import CommandError
from ops.recover.closing import Closing
from ops.recover.declarations import recoverable, recovery_of
from ops.recover.effects import fraud_port, notification_port, payment_port
from ops.recover.run import RecoverOptions, run_recover
from tests.integration.cli_driver import CliDriver, never, nth
from tests.integration.cloud import Cloud, CrashError, Snapshot
from tests.integration.erasure import erase
from tests.integration.facts import placed
from tests.integration.shop import Shop
from tests.integration.test_erasure import KEEPERS, PERSONAL, personal_places
from tidings.aws.recovery import EventSourceMapping
from tidings.core.clock import now, to_rfc3339
from tidings.recovery import RecoverCheckpoint, RecoveryError

Items = list[dict[str, Any]]
PORTS: Mapping[str, Callable[..., Any]] = {
    "fraud": fraud_port,
    "payment": payment_port,
    "notification": notification_port,
}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> None:
    """Read the settings of consumers from the templates: moto has no functions, so every service is closed."""
    monkeypatch.setattr(EventSourceMapping, "changed", lambda _self: now())

    def port_of(stage: Any, outputs: Any, service: str) -> Any:
        make = PORTS.get(service)
        return make(stage, outputs, cloud.environment(service, "consumer")) if make else None

    monkeypatch.setattr("ops.recover.run.port_of", port_of)


def recover(driver: CliDriver, service: str, **options: Any) -> None:
    """Run `tidings recover`. The snapshot's time is now, unless it is given."""
    chosen = RecoverOptions(service=service, **{"snapshot": to_rfc3339(now()), **options})
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


@dataclass(frozen=True)
class Lived:
    """A shop that has gone on after a snapshot of its tables.

    Attributes:
        aged: The items of each service's table at the snapshot.
        orders: The orders, of which the first was placed before.
        present: The cloud as it is now.
    """

    aged: Mapping[str, Items]
    orders: Sequence[str]
    present: Snapshot


@pytest.fixture(scope="module")
def lived(deployed: tuple[Cloud, Snapshot]) -> Lived:
    cloud, empty = deployed
    cloud.restore(empty)
    shop = Shop(cloud)
    shop.stock("mug", 10)
    early = shop.place(("mug", 1))
    cloud.drain()
    aged = {service: cloud.items(cloud.table(service)) for service in recoverable()}
    orders = (early, *live(shop))
    shop.stock("mug", 30, price=1200)
    cloud.drain()
    return Lived(aged, orders, cloud.snapshot())


@pytest.mark.parametrize("service", recoverable())
def test_the_shop_is_as_it_was(service: str, shop: Shop, driver: CliDriver, lived: Lived) -> None:
    cloud = shop.cloud
    cloud.restore(lived.present)
    before = {each: outboxes(cloud, each) for each in cloud.services}
    shown, level = [shop.show(order) for order in lived.orders], shop.level("mug")
    points = shop.call("GET", "/loyalty").body
    moved, mails = cloud.moved(), len(cloud.mails())

    go_back(cloud, service, lived.aged[service])
    recover(driver, service)
    assert outboxes(cloud, service) == before[service]
    cloud.drain()

    assert {each: outboxes(cloud, each) for each in cloud.services} == before
    assert [shop.show(order) for order in lived.orders] == shown
    assert shop.level("mug") == level
    assert shop.call("GET", "/products/mug").body["price"]["amount"] == 1200
    assert shop.call("GET", "/loyalty").body == points
    assert (cloud.moved(), len(cloud.mails())) == (moved, mails)
    assert cloud.dead_letters(service) == []


def test_a_recovery_that_crashes_at_any_call_and_runs_again_ends_in_the_same_table(
    shop: Shop, driver: CliDriver, lived: Lived
) -> None:
    cloud = shop.cloud
    cloud.restore(lived.present)
    before = outboxes(cloud, "inventory"), shop.level("mug")
    checkpoints = driver.directory / driver.stage.name
    for crash in count(1, 8):
        cloud.restore(lived.present)
        go_back(cloud, "inventory", [])
        snapshot = to_rfc3339(now())
        cloud.calls.before = nth(crash)
        try:
            recover(driver, "inventory", snapshot=snapshot)
        except CrashError:
            begun = [name for name, _ in cloud.calls.made]
            assert RecoverCheckpoint.is_unfinished(checkpoints, "inventory") or "PutItem" not in begun
            cloud.calls.before = never
            recover(driver, "inventory", snapshot=snapshot)
        else:
            break
        assert not RecoverCheckpoint.is_unfinished(checkpoints, "inventory")
        cloud.drain()
        assert (outboxes(cloud, "inventory"), shop.level("mug")) == before
    assert crash > 40


@pytest.mark.parametrize(("service", "forbidden"), [("orders", True), ("payment", True), ("privacy", False)])
def test_a_dead_letter_of_history_forbids_a_recovery_of_the_services_that_its_event_concerns(
    service: str, forbidden: bool, cloud: Cloud, driver: CliDriver
) -> None:
    cloud.sqs.send_message(QueueUrl=cloud.dlq("history"), MessageBody=placed(str(uuid.uuid4()), ("mug", 1)))
    reasons = Closing(driver.stage, driver.outputs, service).blockers()
    found = ["tidings-local-history-dlq holds 1 message that may concern it"] if forbidden else []
    assert [reason.partition(" (")[0] for reason in reasons] == found


def test_a_dead_letter_of_history_whose_id_the_log_has_forbids_no_recovery(cloud: Cloud, driver: CliDriver) -> None:
    cloud.sqs.send_message(
        QueueUrl=cloud.dlq("history"),
        MessageBody=placed(str(uuid.uuid4()), ("mug", 1)),
        MessageAttributes={"reason": {"DataType": "String", "StringValue": "conflicting-body"}},
    )
    assert Closing(driver.stage, driver.outputs, "orders").blockers() == []


@pytest.mark.parametrize("service", sorted({*KEEPERS} & {*recoverable()}))
def test_what_was_erased_after_the_snapshot_does_not_come_back(service: str, shop: Shop, driver: CliDriver) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    erased, kept = shop.place(("mug", 1)), shop.place(("mug", 1))
    cloud.drain()
    snapshot, mails = cloud.items(cloud.table(service)), len(cloud.mails())
    erase(cloud, erased)
    cloud.drain()
    assert shop.call("POST", f"/operators/shipments/{erased}/dispatch", {}).status == 202
    cloud.drain()
    assert set(personal_places(cloud, erased)) == set()

    go_back(cloud, service, snapshot)
    assert set(personal_places(cloud, erased)) == {service}
    recover(driver, service)
    recovered = next(json.dumps(item) for item in cloud.items(cloud.table(service)) if item["pk"]["S"] == erased)
    assert not any(word in recovered for word in PERSONAL)
    cloud.drain()

    assert set(personal_places(cloud, erased)) == set()
    assert service in personal_places(cloud, kept)
    assert len(cloud.mails()) == mails


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_payment_that_only_the_gateway_knows_is_adopted(*, is_cancelled: bool, shop: Shop, driver: CliDriver) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    cloud.drain()
    order = shop.place(("mug", 1))
    cloud.drain(without=("payment",))
    cloud.calls.before = lambda name, request: name == "PutItem" and request["TableName"] == cloud.table("payment")
    cloud.deliver("payment")
    cloud.calls.before = never
    (opened,) = cloud.payments()
    assert opened["order"]["S"] == order
    go_back(cloud, "payment", [])
    if is_cancelled:
        assert shop.cancel(order).status == 202
        cloud.drain(without=("payment",))

    recover(driver, "payment")
    assert cloud.item("payment", order)["state"]["id"] == opened["pk"]["S"]
    cloud.drain()

    (payment,) = cloud.payments()
    assert payment["pk"] == opened["pk"]
    assert cloud.moved(order) == [(0 if is_cancelled else 1, 0.0)]
    assert shop.show(order)["status"] == ("CANCELLED" if is_cancelled else "CONFIRMED")


def test_a_dry_run_says_what_the_table_lacks_and_writes_nothing(
    shop: Shop, driver: CliDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.stock("mug", 10)
    live(shop)
    go_back(shop.cloud, "orders", [])
    recover(driver, "orders", dry_run=True)
    assert "lack something; nothing was written." in capsys.readouterr().out
    assert shop.cloud.items(shop.cloud.table("orders")) == []


def test_a_service_that_may_write_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, driver: CliDriver
) -> None:
    monkeypatch.setattr(Closing, "writers", lambda _self: iter(["orders-api may write"]))
    with pytest.raises(CommandError, match="orders cannot be recovered yet: orders-api may write"):
        recover(driver, "orders")


def test_an_event_that_the_relay_has_not_published_forbids_a_recovery(shop: Shop, driver: CliDriver) -> None:
    shop.stock("mug", 10)
    shop.cloud.drain()
    lost = shop.place(("mug", 1))
    go_back(shop.cloud, "orders", [])
    with pytest.raises(RecoveryError, match=rf"the log lacks 1 event in its table's stream \(orders/{lost}/1\)"):
        recover(driver, "orders")
    assert shop.cloud.items(shop.cloud.table("orders")) == []
    shop.cloud.drain()
    recover(driver, "orders")
    assert shop.show(lost)["status"] == "PENDING"


@pytest.mark.parametrize("queue", ["Dlq", "Undelivered"])
def test_an_event_that_history_has_not_recorded_forbids_a_recovery(queue: str, shop: Shop, driver: CliDriver) -> None:
    cloud, order = shop.cloud, "00000000-0000-4000-8000-000000000001"
    url = cloud.queue_named("history", queue)
    assert url
    fifo = {"MessageGroupId": order, "MessageDeduplicationId": order} if url.endswith(".fifo") else {}
    cloud.sqs.send_message(QueueUrl=url, MessageBody=placed(order, ("mug", 1)), **fifo)
    with pytest.raises(RecoveryError, match="holds 1 message that may concern it"):
        recover(driver, "orders")
    recover(driver, "warehouse")


def test_a_snapshot_in_the_future_is_refused(driver: CliDriver) -> None:
    options = RecoverOptions(service="orders", snapshot=to_rfc3339(now() + 60_000))
    with pytest.raises(CommandError, match="lies in the future"):
        run_recover(driver.stage, driver.outputs, driver.directory, options, recovery_of("orders"))
