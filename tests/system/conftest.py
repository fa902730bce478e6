from collections.abc import Iterator

import pytest

from ops.local import LocalCloud
from tests.system.deployed import DeployedShop, User, deploy_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedShop]:
    with deploy_shop(LocalCloud(tmp_path_factory.mktemp("local"))) as shop:
        yield shop


@pytest.fixture(scope="module")
def operator(shop: DeployedShop) -> User:
    """An operator. The token is valid for fifteen minutes, and all tests together may take longer."""
    return shop.user("operator", operator=True)


@pytest.fixture(scope="session")
def customer(shop: DeployedShop) -> User:
    return shop.user("customer")


@pytest.fixture
def sku(shop: DeployedShop, operator: User) -> str:
    return shop.add_product(operator, stock=10)
