import pytest

from infra.services import Found, discover
from tests.infra.synthesis import Synthesis, synthesize


@pytest.fixture(scope="session")
def services() -> tuple[Found, ...]:
    return discover()


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesize("dev", tmp_path_factory.mktemp("dev"))


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesize("prod", tmp_path_factory.mktemp("prod"))


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesize("local", tmp_path_factory.mktemp("local"))
