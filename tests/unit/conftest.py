import os
import random

import pytest


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> None:
    # The tests of ops look for free ports on the loopback.
    if request.path.parent.name != "ops":
        request.getfixturevalue("socket_disabled")


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be had again: set SEED to what a failure shows."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    return random.Random(seed)  # noqa: S311 - not for secrecy
