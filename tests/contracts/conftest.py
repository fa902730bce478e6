import pytest

from infra.application import Application
from infra.shop import shop
from infra.stages import STAGES


@pytest.fixture(scope="session")
def application() -> Application:
    """The shop in the stage that its documents describe."""
    return shop(STAGES["prod"])
