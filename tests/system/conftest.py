from collections.abc import Iterator

import pytest

from ops.local import LocalCloud, free_port
from ops.outputs import outputs_of
from ops.stage import local_stage
from tests.system.deployed import Deployed, User, tidings


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    cloud = LocalCloud(tmp_path_factory.mktemp("local"))
    try:
        up = tidings(cloud.directory, "up", "--port", str(free_port()))
        assert up.returncode == 0, up.stderr
        running = cloud.running()
        assert running is not None
        stage = local_stage(running.endpoint)
        yield Deployed(cloud, stage, outputs_of(stage))
    finally:
        cloud.stop()


@pytest.fixture(scope="session")
def operator(shop: Deployed) -> User:
    return shop.user("operator", operator=True)


@pytest.fixture(scope="session")
def customer(shop: Deployed) -> User:
    return shop.user("customer")


@pytest.fixture
def sku(shop: Deployed, operator: User) -> str:
    return shop.product(operator, stock=10)
