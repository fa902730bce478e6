"""The shop keeps its promises in thousands of histories in which everything goes wrong that may."""

import os
import random

import pytest

from tests.simulation.run import ORDERS, explained, first_failure, quiet, seeded
from tests.simulation.shop import SERVICES

HISTORIES = 2_000
CHUNKS = 20

FIRST = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**40))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_invariant_holds_in_every_history(chunk: int) -> None:
    first = FIRST + chunk * HISTORIES // CHUNKS
    print(f"SEED={first}")  # noqa: T201 - pytest shows it where the test fails
    failed = first_failure(range(first, first + HISTORIES // CHUNKS))
    assert failed is None, explained(*failed)


def test_a_seed_decides_everything() -> None:
    seed = FIRST
    traces: list[list[str]] = [[], []]
    with quiet():
        for trace in traces:
            seeded(seed, ORDERS, trace.append)
    assert traces[0] == traces[1]
    assert len(traces[0]) > ORDERS


def test_the_whole_shop_is_simulated() -> None:
    from infra.services import discover

    assert {found.name for found in discover()} == {service.name for service in SERVICES}
