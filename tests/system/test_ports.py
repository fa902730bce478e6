"""The facts that the simulation's ports are built on, on the local cloud: moto does not show all of them."""

from collections.abc import Callable

import pytest

from tests.ports import test_outside, test_queues, test_tables, test_topics
from tests.ports.implementations import AwsPorts, Ports
from tests.system.deployed import Deployed

FACTS: list[Callable[[Ports], None]] = [
    fact
    for module in (test_tables, test_queues, test_topics, test_outside)
    for name, fact in vars(module).items()
    if name.startswith("test_")
]


@pytest.fixture(scope="module")
def ports(shop: Deployed) -> Ports:
    return AwsPorts(shop.client, lambda order: len(shop.letters(order)))


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__.removeprefix("test_"))
def test_the_local_cloud_does_as_the_simulation(fact: Callable[[Ports], None], ports: Ports) -> None:
    fact(ports)
