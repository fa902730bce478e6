"""The recovery of a restored table on a deployed shop: closed, recovered and opened by commands."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ops.stage import ROOT
from tests.system.deployed import (
    SECONDS,
    DeployedShop,
    User,
    clean_environment,
    order_id,
    tidings,
    types_of,
)
from tests.system.tables import set_back_table, table_items
from tidings.aws.recovery import mapping_statuses
from tidings.core.clock import now, to_rfc3339
from tidings.recovery import RecoverCheckpoint, wait_until


@pytest.fixture
def service(request: pytest.FixtureRequest, shop: DeployedShop) -> Iterator[str]:
    """Leave the service open, whatever happens."""
    yield request.param
    assert tidings(shop.cloud.directory, "open", request.param, "--force").returncode == 0


def states(shop: DeployedShop, service: str) -> dict[str, str]:
    """Return the states of the service's event source mappings, by their kind."""
    found = mapping_statuses(shop.client("lambda"), f"tidings-local-{service}-")
    return {each.kind: each.state for each in found}


def interrupt(shop: DeployedShop, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `tidings recover` slowly, and press Ctrl-C once it has begun."""
    directory = shop.cloud.directory
    checkpoints = directory / shop.stage.name
    command = [sys.executable, "-m", "ops", "--local", str(directory), "recover", *arguments, "--rate", "0.1"]
    running = subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: RecoverCheckpoint.is_unfinished(checkpoints, arguments[0]), SECONDS, "the recovery's begin")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=SECONDS)
    finally:
        running.kill()
    return subprocess.CompletedProcess(command, running.returncode, out, err)


@pytest.mark.parametrize("service", ["orders"], indirect=True)
def test_a_service_whose_table_went_back_goes_on_where_it_was(
    service: str, shop: DeployedShop, customer: User, sku: str
) -> None:
    def command(*arguments: str) -> str:
        done = tidings(shop.cloud.directory, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    aged = order_id(customer.place({sku: 1}))
    customer.timeline(aged, "PaymentCaptured", "EmailSent", "PointsAwarded")
    shop.wait_until_idle()
    taken, snapshot = to_rfc3339(now()), table_items(shop, service)
    lost = order_id(customer.place({sku: 1}))
    assert customer.cancel(aged).status_code == 202
    customer.timeline(aged, "OrderCancelled", "PointsRevoked", "PaymentRefunded")
    customer.timeline(lost, "PaymentCaptured", "EmailSent", "PointsAwarded")
    shop.wait_until_idle()
    shown = {order: customer.order(order) for order in (aged, lost)}
    events = {order: customer.timeline(order) for order in (aged, lost)}
    emails = {order: shop.emails(order) for order in (aged, lost)}

    refused = tidings(shop.cloud.directory, "recover", service, "--snapshot", taken)
    assert refused.returncode == 1
    assert f"{service} cannot be recovered yet: " in refused.stderr
    assert "may write to its table" in refused.stderr
    assert "its consumer receives events" in refused.stderr

    command("close", service)
    assert states(shop, service) == {"queue": "Disabled", "stream": "Disabled"}
    set_back_table(shop, service, snapshot)
    assert re.search("[1-9][0-9]* entit(y|ies) of ", command("recover", service, "--snapshot", taken, "--dry-run"))
    broken_off = interrupt(shop, service, "--snapshot", taken)
    assert broken_off.returncode == 130, broken_off
    assert "Interrupted. The service stays closed. The same command continues here." in broken_off.stderr
    too_early = tidings(shop.cloud.directory, "open", service)
    assert too_early.returncode == 1
    assert f"the recovery of {service} has not ended" in too_early.stderr
    assert re.search(
        f"{service}: [0-9]+ entit(y|ies) of [0-9]+ brought", command("recover", service, "--snapshot", taken)
    )
    assert f"{service}: 0 entities of " in command("recover", service, "--snapshot", taken)
    command("open", service)
    assert states(shop, service) == {"queue": "Enabled", "stream": "Enabled"}

    wait_until(lambda: shown == {order: customer.order(order) for order in shown}, SECONDS, "the orders")
    shop.wait_until_idle()
    assert {order: customer.timeline(order) for order in events} == events
    assert {order: shop.emails(order) for order in emails} == emails
    assert customer.cancel(lost).status_code == 202
    later = customer.timeline(lost, "OrderCancelled", "PointsRevoked", "PaymentRefunded")
    assert types_of(event for event in later if event["source"] == "orders") == [
        "OrderPlaced",
        "OrderConfirmed",
        "OrderCancelled",
    ]
    ids = [event["id"] for event in later]
    assert len(ids) == len(set(ids))
    letters = [letter for each in ("history", service) for letter in shop.dead_letters(each)]
    assert not [letter for letter in letters if any(order in letter["Body"] for order in (aged, lost))]


@pytest.mark.parametrize("service", ["orders"], indirect=True)
def test_the_api_of_a_closed_service_answers_that_it_is_unavailable_and_keeps_what_others_announce(
    service: str, shop: DeployedShop, customer: User, sku: str
) -> None:
    order = order_id(customer.place({sku: 1}))
    customer.timeline(order, "PaymentCaptured")
    assert tidings(shop.cloud.directory, "close", service).returncode == 0
    # The answer is the gateway's own. The local cloud's is Lambda's 429.
    assert customer.http.get(f"/orders/{order}").status_code in (429, 503)
    assert customer.place({sku: 1}).status_code in (429, 503)
    assert tidings(shop.cloud.directory, "open", service).returncode == 0
    wait_until(lambda: customer.http.get(f"/orders/{order}").status_code == 200, SECONDS, "the order")
