"""Replays on a deployed shop: through queues with the deduplication of SQS, to consumers that Lambda runs."""

import json
import random
import shutil
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.orders.order_cancelled import CancellationReason, OrderCancelled
from ops.outputs import outputs_of
from ops.stage import ROOT
from tests.integration.batches import DAY
from tests.integration.facts import confirmed, fact, placed
from tests.system.deployed import SECONDS, DeployedShop, User, clean_environment, order_id, run, tidings
from tidings.recovery import wait_until

ORDERS = 2_000


def now() -> str:
    return datetime.now(UTC).isoformat()


def test_no_event_can_be_replayed_to_the_event_log(shop: DeployedShop) -> None:
    answer = tidings(shop.cloud.directory, "replay", "history", "--from", "2026-01-01")
    assert answer.returncode == 1
    assert answer.stderr == "Error: history is the event log itself: no event can be replayed to it\n"


@pytest.mark.parametrize("service", ["notification", "payment"])
def test_events_replayed_twice_within_five_minutes_arrive_and_change_nothing(
    shop: DeployedShop, customer: User, operator: User, sku: str, service: str
) -> None:
    begun = now()
    orders = [order_id(customer.place({sku: 1})) for _ in range(3)]
    for order in orders:
        # The last events of an order. A relay may not have published them yet when all queues are empty.
        customer.timeline(order, "PaymentCaptured", "StockReserved", "EmailSent", "PointsAwarded")
    shop.wait_until_idle()
    before = {order: (operator.timeline(order), shop.emails(order)) for order in orders}
    expected = {"notification": 9, "payment": 6}[service]

    with shop.consumer_stopped(service):
        for times in (1, 2):
            answer = tidings(shop.cloud.directory, "replay", service, "--from", begun)
            assert answer.returncode == 0, answer.stderr
            assert answer.stdout.startswith(f"{service}: {expected} messages sent (")
            assert shop.queue_depth(service) == expected * times
    shop.wait_until_idle()

    assert not [letter for letter in shop.dead_letters(service) if any(order in letter["Body"] for order in orders)]
    assert {order: (operator.timeline(order), shop.emails(order)) for order in orders} == before


def test_a_dry_run_sends_nothing(shop: DeployedShop, customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}))
    customer.timeline(order, "OrderConfirmed")
    shop.wait_until_idle()

    with shop.consumer_stopped("inventory"):
        answer = tidings(shop.cloud.directory, "replay", "inventory", "--order", order, "--dry-run")
        assert answer.stdout == "inventory: 1 message would be sent (OrderPlaced 1)\n"
        assert shop.queue_depth("inventory") == 0


@dataclass(frozen=True)
class History:
    """The history of an order, as far as analytics subscribes to it."""

    order: str
    lines: tuple[tuple[str, int], ...]
    sold: bool
    reason: CancellationReason | None

    @property
    def events(self) -> list[str]:
        events = [placed(self.order, *self.lines)]
        if self.sold:
            events.append(confirmed(self.order, *self.lines))
        if self.reason:
            events.append(fact(self.order, OrderCancelled(reason=self.reason), len(events) + 1))
        return events


def random_histories(rng: random.Random) -> list[History]:
    reasons: Sequence[CancellationReason | None] = (None, None, None, "customer", "fraud")
    return [
        History(
            order=str(uuid.uuid4()),
            lines=tuple((f"sku-{n}", rng.randint(1, 5)) for n in rng.sample(range(20), rng.randint(1, 3))),
            sold=rng.random() < 0.7,
            reason=rng.choice(reasons),
        )
        for _ in range(ORDERS)
    ]


def figures(histories: Sequence[History], sku: str | None = None) -> dict[str, Any]:
    """Return the figures that analytics must show for these orders, or for one product in them."""
    chosen = [each for each in histories if sku is None or sku in dict(each.lines)]
    sold = [each for each in chosen if each.sold and not each.reason]
    units = sum(quantity for each in sold for other, quantity in each.lines if sku in (None, other))
    return {
        "placed": len(chosen),
        "confirmed": sum(each.sold for each in chosen),
        "cancelled": Counter(each.reason for each in chosen if each.reason),
        "units": units,
        "revenue": [{"amount": 1000 * units, "currency": "EUR"}] if units else [],
    }


def announce(shop: DeployedShop, bodies: Sequence[str], *services: str) -> None:
    """Deliver events to these services only."""
    sqs = shop.client("sqs")
    for service in services:
        for start in range(0, len(bodies), 10):
            sqs.send_message_batch(
                QueueUrl=shop.outputs.services[service].queue,
                Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])],
            )


def sales(operator: User) -> dict[str, Any]:
    """Return analytics' figures of the day of these tests' events, on which no other test places an order."""
    answer = operator.http.get("/operators/sales", params={"from": DAY, "to": DAY}).raise_for_status().json()
    return dict(answer)


def test_a_projection_of_two_thousand_orders_is_right_after_an_interrupted_rebuild_during_which_events_arrive(
    shop: DeployedShop, operator: User
) -> None:
    histories = random_histories(random.Random(20261122))  # noqa: S311 - not for secrecy
    early, late = histories[: -ORDERS // 10], histories[-ORDERS // 10 :]
    announce(shop, [event for each in early for event in each.events], "analytics", "history")
    wait_until_handled(shop)
    assert shown_figures(operator) == figures_by_product(early)

    command = [sys.executable, "-m", "ops", "--local", str(shop.cloud.directory), "replay", "analytics", "--rebuild"]
    settings = clean_environment()
    with subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.DEVNULL) as first:  # noqa: S603 - our own
        wait_until(lambda: shop.queue_depth("analytics") > 500, SECONDS, "the first messages of the replay")
        first.send_signal(signal.SIGKILL)
    assert sales(operator)["rebuilding"]

    with ThreadPoolExecutor(1) as beside:
        live = beside.submit(announce, shop, [event for each in late for event in each.events], "analytics", "history")
        again = tidings(shop.cloud.directory, "replay", "analytics", "--rebuild")
        live.result()
    assert again.returncode == 0, again.stderr
    assert "where the last run broke off" in again.stderr
    wait_until_handled(shop)

    assert "rebuilding" not in sales(operator)
    assert shown_figures(operator) == figures_by_product(histories)
    assert shop.dead_letters("analytics") == []


def test_a_new_consumer_that_is_filled_from_the_log_reaches_the_state_of_a_live_one(
    shop: DeployedShop, customer: User, operator: User, tmp_path: Path
) -> None:
    sku = shop.add_product(operator, stock=100)
    before = [order_id(customer.place({sku: 1})) for _ in range(3)]
    for order in before:
        customer.timeline(order, "OrderConfirmed")
    copy = copy_of_project(tmp_path)
    tidings_in(copy, shop, "new", "consumer", "popularity", "--on", "OrderPlaced", "--on", "OrderConfirmed")
    try:
        tidings_in(copy, shop, "up")
        after = [order_id(customer.place({sku: 1})) for _ in range(3)]
        for order in after:
            customer.timeline(order, "OrderConfirmed")
        tidings_in(copy, shop, "replay", "popularity")
        extended = replace(shop, outputs=outputs_of(shop.stage))
        extended.wait_until_idle()

        table = extended.outputs.services["popularity"].table
        for order in before + after:
            item = shop.client("dynamodb").get_item(TableName=table, Key={"pk": {"S": order}})["Item"]
            assert json.loads(item["state"]["S"]) == {"events": ["OrderConfirmed", "OrderPlaced"]}
        assert extended.dead_letters("popularity") == []
    finally:
        shop.client("cloudformation").delete_stack(StackName="tidings-local-popularity")


def copy_of_project(folder: Path) -> Path:
    """Copy the project to a folder."""
    copy = folder / "project"
    copy.mkdir()
    for name in ("tidings", "contracts", "functions", "infra", "ops", "docs", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "app.py", ROOT / "cdk.json", ROOT / "pyproject.toml", *ROOT.glob("requirements*.txt")):
        shutil.copy(path, copy)
    (copy / "node_modules").symlink_to(ROOT / "node_modules")
    return copy


def tidings_in(copy: Path, shop: DeployedShop, *arguments: str) -> None:
    """Run the command of a copy of the project on the shop's cloud."""
    command = [sys.executable, "-m", "ops", "--local", str(shop.cloud.directory), *arguments]
    done = run(command, clean_environment(), copy)
    assert done.returncode == 0, done.stderr


def wait_until_handled(shop: DeployedShop) -> None:
    """Wait until analytics and history have handled all events."""
    wait_until(lambda: shop.queue_depth("analytics") + shop.queue_depth("history") == 0, 600, "the end of the events")
    shop.wait_until_idle()


def shown_figures(operator: User) -> dict[str, Any]:
    """Return the figures that analytics shows for the day of these tests' events, by product."""
    (day,) = sales(operator)["days"]
    return {"": day["total"]} | {product["sku"]: product["total"] for product in day["products"]}


def figures_by_product(histories: Sequence[History]) -> dict[str, Any]:
    skus = {sku for each in histories for sku, _ in each.lines}
    return {"": figures(histories)} | {sku: figures(histories, sku) for sku in skus}
