import pytest

from infra.services import Found, discover


@pytest.fixture(scope="session")
def services() -> tuple[Found, ...]:
    return discover()
