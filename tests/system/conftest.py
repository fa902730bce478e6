from collections.abc import Iterator

import pytest

from ops.local import LocalCloud
from tests.system.deployed import Deployed, User, deployed


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with deployed(LocalCloud(tmp_path_factory.mktemp("local"))) as shop:
        yield shop


@pytest.fixture(scope="session")
def operator(shop: Deployed) -> User:
    return shop.user("operator", operator=True)


@pytest.fixture(scope="session")
def customer(shop: Deployed) -> User:
    return shop.user("customer")


@pytest.fixture
def sku(shop: Deployed, operator: User) -> str:
    return shop.product(operator, stock=10)
