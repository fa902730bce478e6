"""The facts that the simulation's ports rely on, on the local cloud. moto does not reproduce all of them."""

from collections.abc import Callable

import pytest

from tests.ports import test_outside, test_queues, test_tables, test_topics
from tests.ports.implementations import AwsPorts, Ports
from tests.system.deployed import DeployedShop

FACTS: list[Callable[[Ports], None]] = [
    fact
    for module in (test_tables, test_queues, test_topics, test_outside)
    for name, fact in vars(module).items()
    if name.startswith("test_")
]


@pytest.fixture(scope="module")
def ports(shop: DeployedShop) -> Ports:
    return AwsPorts(shop.client, lambda order: len(shop.emails(order)))


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__.removeprefix("test_"))
def test_a_fact_of_the_simulation_holds_on_the_local_cloud(fact: Callable[[Ports], None], ports: Ports) -> None:
    fact(ports)
