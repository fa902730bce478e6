"""Replays on a real deploy: through real queues, with SQS's own deduplication, to consumers that Lambda runs."""

import json
import random
import shutil
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.outputs import outputs_of
from ops.rebuild import Mapping
from ops.stage import ROOT
from ops.waiting import wait_until
from tests.integration.batches import DAY, confirmed
from tests.integration.facts import fact, placed
from tests.system.deployed import SECONDS, Deployed, User, order_id, own_environment, tidings
from tidings.contracts import CancellationReason, OrderCancelled

ORDERS = 2_000


def now() -> str:
    return datetime.now(UTC).isoformat()


@contextmanager
def stopped(shop: Deployed, service: str) -> Iterator[None]:
    """The service's queue is not handled meanwhile."""
    mapping = Mapping(shop.client("lambda"), str(shop.outputs.services[service].function))
    mapping.off()
    try:
        yield
    finally:
        mapping.on()


def held(shop: Deployed, service: str) -> int:
    """How many messages lie in a service's queue."""
    queue, name = shop.outputs.services[service].queue, "ApproximateNumberOfMessages"
    answer = shop.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
    return int(answer["Attributes"][name])


def test_nothing_can_be_replayed_to_the_log_itself(shop: Deployed) -> None:
    answer = tidings(shop.cloud.directory, "replay", "history", "--from", "2026-01-01")
    assert answer.returncode == 1
    assert answer.stderr == "Error: history is the log itself: nothing can be replayed to it\n"


@pytest.mark.parametrize("service", ["notification", "payment"])
def test_everything_replayed_twice_within_five_minutes_arrives_and_changes_nothing(
    shop: Deployed, customer: User, operator: User, sku: str, service: str
) -> None:
    begun = now()
    orders = [order_id(customer.place({sku: 1})) for _ in range(3)]
    for order in orders:
        customer.timeline(order, "OrderConfirmed", "ReceiptSent")
    shop.at_rest()
    before = {order: (operator.timeline(order), shop.letters(order)) for order in orders}
    expected = {"notification": 6, "payment": 3}[service]

    with stopped(shop, service):
        for times in (1, 2):
            answer = tidings(shop.cloud.directory, "replay", service, "--from", begun)
            assert answer.returncode == 0, answer.stderr
            assert answer.stdout.startswith(f"{service}: {expected} messages sent (")
            assert held(shop, service) == expected * times
    shop.at_rest()

    assert not [letter for letter in shop.dead_letters(service) if any(order in letter["Body"] for order in orders)]
    assert {order: (operator.timeline(order), shop.letters(order)) for order in orders} == before


def test_a_dry_run_sends_nothing(shop: Deployed, customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}))
    customer.timeline(order, "OrderConfirmed")
    shop.at_rest()

    with stopped(shop, "inventory"):
        answer = tidings(shop.cloud.directory, "replay", "inventory", "--order", order, "--dry-run")
        assert answer.stdout == "inventory: 1 message would be sent (OrderPlaced 1)\n"
        assert held(shop, "inventory") == 0


@dataclass(frozen=True)
class Life:
    """What becomes of an order, as far as analytics hears of it."""

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
            events.append(fact(self.order, "orders", OrderCancelled(reason=self.reason), len(events) + 1))
        return events


def lives(chance: random.Random) -> list[Life]:
    reasons: Sequence[CancellationReason | None] = (None, None, None, "customer", "fraud")
    return [
        Life(
            order=str(uuid.uuid4()),
            lines=tuple((f"sku-{n}", chance.randint(1, 5)) for n in chance.sample(range(20), chance.randint(1, 3))),
            sold=chance.random() < 0.7,
            reason=chance.choice(reasons),
        )
        for _ in range(ORDERS)
    ]


def figures(some: Sequence[Life], sku: str | None = None) -> dict[str, Any]:
    """What analytics must tell of these orders, or of one product in them."""
    mine = [life for life in some if sku is None or sku in dict(life.lines)]
    sold = [life for life in mine if life.sold and not life.reason]
    units = sum(quantity for life in sold for each, quantity in life.lines if sku in (None, each))
    return {
        "placed": len(mine),
        "confirmed": sum(life.sold for life in mine),
        "cancelled": Counter(life.reason for life in mine if life.reason),
        "units": units,
        "revenue": [{"amount": 1000 * units, "currency": "EUR"}] if units else [],
    }


def announce(shop: Deployed, bodies: Sequence[str], *services: str) -> None:
    """Lets these services alone hear of events."""
    sqs = shop.client("sqs")
    for service in services:
        for start in range(0, len(bodies), 10):
            sqs.send_message_batch(
                QueueUrl=shop.outputs.services[service].queue,
                Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])],
            )


def sales(operator: User) -> dict[str, Any]:
    """What analytics tells of the day of the tests' own events, on which no other test places an order."""
    answer = operator.http.get("/analytics/sales", params={"from": DAY, "to": DAY}).raise_for_status().json()
    return dict(answer)


def test_a_view_of_two_thousand_orders_is_right_when_it_was_rebuilt_interrupted_and_with_events_coming_in(
    shop: Deployed, operator: User
) -> None:
    all_lives = lives(random.Random(20261122))  # noqa: S311 - not for secrecy
    early, late = all_lives[: -ORDERS // 10], all_lives[-ORDERS // 10 :]
    announce(shop, [event for life in early for event in life.events], "analytics", "history")
    worked_off(shop)
    assert told(operator) == figures_by_product(early)

    command = [sys.executable, "-m", "ops", "--local", str(shop.cloud.directory), "replay", "analytics", "--rebuild"]
    settings = own_environment()
    with subprocess.Popen(command, cwd=ROOT, env=settings, stderr=subprocess.DEVNULL) as first:  # noqa: S603 - our own
        wait_until(lambda: held(shop, "analytics") > 500, SECONDS, "the first messages of the replay")
        first.send_signal(signal.SIGKILL)
    assert sales(operator)["rebuilding"]

    with ThreadPoolExecutor(1) as beside:
        live = beside.submit(announce, shop, [event for life in late for event in life.events], "analytics", "history")
        again = tidings(shop.cloud.directory, "replay", "analytics", "--rebuild")
        live.result()
    assert again.returncode == 0, again.stderr
    assert "Going on where the last run broke off" in again.stderr
    worked_off(shop)

    assert "rebuilding" not in sales(operator)
    assert told(operator) == figures_by_product(all_lives)
    assert shop.dead_letters("analytics") == []


def test_a_new_consumer_is_filled_from_the_first_event_on_and_knows_what_it_would_have_learnt_live(
    shop: Deployed, customer: User, operator: User, tmp_path: Path
) -> None:
    sku = shop.product(operator, stock=100)
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
        extended.at_rest()

        table = extended.outputs.services["popularity"].table
        for order in before + after:
            item = shop.client("dynamodb").get_item(TableName=table, Key={"pk": {"S": order}})["Item"]
            assert json.loads(item["state"]["S"]) == {"events": ["OrderConfirmed", "OrderPlaced"]}
        assert extended.dead_letters("popularity") == []
    finally:
        shop.client("cloudformation").delete_stack(StackName="tidings-local-popularity")


def copy_of_project(folder: Path) -> Path:
    """The project, once more."""
    copy = folder / "project"
    copy.mkdir()
    for name in ("tidings", "functions", "infra", "ops", "docs", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "app.py", ROOT / "cdk.json", ROOT / "pyproject.toml", *ROOT.glob("requirements*.txt")):
        shutil.copy(path, copy)
    (copy / "node_modules").symlink_to(ROOT / "node_modules")
    return copy


def tidings_in(copy: Path, shop: Deployed, *arguments: str) -> None:
    """Runs the command of a copy of the project on the shop's cloud."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "ops", "--local", str(shop.cloud.directory), *arguments],
        cwd=copy,
        env=own_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def worked_off(shop: Deployed) -> None:
    """Waits until analytics and history have handled what they were told."""
    wait_until(lambda: held(shop, "analytics") + held(shop, "history") == 0, 600, "the events' being handled")
    shop.at_rest()


def told(operator: User) -> dict[str, Any]:
    """What analytics tells of the tests' own day, by product."""
    (day,) = sales(operator)["days"]
    return {"": day["total"]} | {product["sku"]: product["total"] for product in day["products"]}


def figures_by_product(some: Sequence[Life]) -> dict[str, Any]:
    skus = {sku for life in some for sku, _ in life.lines}
    return {"": figures(some)} | {sku: figures(some, sku) for sku in skus}
