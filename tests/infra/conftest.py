from pathlib import Path

import pytest

from infra.discovery import ServiceFolder
from infra.shop import shop_services
from tests.infra.synthesis import Synthesis, synthesize


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all these tests in one process, so that each stage is synthesized once."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("infra"))


@pytest.fixture(scope="session")
def services() -> tuple[ServiceFolder, ...]:
    return shop_services()


@pytest.fixture(scope="session")
def consumers(services: tuple[ServiceFolder, ...]) -> tuple[ServiceFolder, ...]:
    """The services that have a queue."""
    return tuple(found for found in services if found.service.consumes)


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesize("dev", tmp_path_factory.mktemp("dev"))


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesize("prod", tmp_path_factory.mktemp("prod"))


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesize("local", tmp_path_factory.mktemp("local"))


@pytest.fixture
def synthesis(stage: str, request: pytest.FixtureRequest) -> Synthesis:
    """The synthesis of the test's parameter `stage`."""
    found: Synthesis = request.getfixturevalue(stage)
    return found
