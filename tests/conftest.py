import gc
import os
import random

import pytest


def pytest_collection_finish() -> None:
    """Exempt loaded modules from garbage collection and collect less often, which saves a third of moto's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture
def rng() -> random.Random:
    """A random source. Set SEED to the number that a failure shows to repeat its run."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"SEED={seed}")  # noqa: T201 - pytest shows it if the test fails
    return random.Random(seed)  # noqa: S311 - not for secrecy
