"""The watch finds the mapping of a consumer or a relay that was disabled."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.deployed import DeployedShop, tidings
from tidings.aws.recovery import EventSourceMapping


def problems(shop: DeployedShop, service: str) -> list[tuple[str, str, str]]:
    """Run the watch, and return the kind, the function and the text of a service's problems."""
    done = tidings(shop.cloud.directory, "watch", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["problems"]
    return [(each["kind"], each["function"], each["text"]) for each in found if each["service"] == service]


DISABLED = "It delivers nothing until it is enabled."


def test_a_consumer_whose_mapping_is_disabled_is_reported_until_it_is_enabled(shop: DeployedShop) -> None:
    disabled = ("mapping", "recommendation-consumer", DISABLED)
    assert disabled not in problems(shop, "recommendation")
    with shop.consumer_stopped("recommendation"):
        assert problems(shop, "recommendation") == [disabled]
        printed = tidings(shop.cloud.directory, "watch").stdout
        assert f"recommendation-consumer: {DISABLED}" in printed.splitlines()
        resumed = tidings(shop.cloud.directory, "resume", "recommendation-consumer")
        assert resumed.returncode == 0, resumed.stderr
        assert disabled not in problems(shop, "recommendation")


@pytest.fixture
def silent_relay(shop: DeployedShop) -> Iterator[None]:
    """The relay of loyalty is switched off."""
    mapping = EventSourceMapping(shop.client("lambda"), f"{shop.stage.prefix}loyalty-relay")
    mapping.stop()
    yield
    mapping.start()


@pytest.mark.usefixtures("silent_relay")
def test_a_relay_whose_mapping_is_disabled_is_reported(shop: DeployedShop) -> None:
    assert problems(shop, "loyalty") == [("mapping", "loyalty-relay", DISABLED)]


def test_the_problems_are_in_the_log_and_counted_as_metrics_of_their_service(shop: DeployedShop) -> None:
    with shop.consumer_stopped("recommendation"):
        problems(shop, "recommendation")
    logged = tidings(shop.cloud.directory, "logs", "monitoring-watch", "--since", "5m").stdout
    assert '"function":"recommendation-consumer"' in logged
    assert '"MappingsStopped":1' in logged
