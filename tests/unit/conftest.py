import pytest


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> None:
    # The tests of ops look for free ports on the loopback.
    if request.path.parent.name != "ops":
        request.getfixturevalue("socket_disabled")
