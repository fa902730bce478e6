import gc
import os
import random

import pytest


def pytest_collection_finish() -> None:
    """Lets the garbage collector leave alone what is loaded by now, and look less often: a third of moto's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be had again: set SEED to what a failure shows."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    return random.Random(seed)  # noqa: S311 - not for secrecy
