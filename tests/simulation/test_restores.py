"""The shop keeps its promises although a service's table goes back to an earlier moment, and is recovered."""

import os
import random

import pytest

from tests.invariants.services import SERVICES
from tests.simulation.history import History
from tests.simulation.random_source import SeededSource
from tests.simulation.restore import RECOVERIES, RESTORED
from tests.simulation.run import ORDERS, explained, first_failure, quiet
from tests.simulation.test_histories import HISTORIES

PLAYED = max(1, HISTORIES // 50)
"""Number of histories for each service."""

FIRST = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**40))


@pytest.mark.parametrize("service", RESTORED)
def test_every_invariant_holds_after_restores_of_a_services_table(service: str) -> None:
    print(f"SEED={FIRST}")  # noqa: T201 - pytest shows it if the test fails
    failed = first_failure(range(FIRST, FIRST + PLAYED), restored=service)
    assert failed is None, explained(*failed)


def test_each_service_that_announces_events_can_be_recovered() -> None:
    assert RECOVERIES.keys() == {service.name for service in SERVICES if service.announces}


def test_each_service_with_a_table_of_events_goes_back() -> None:
    assert {service.name for service in SERVICES} - {*RESTORED} == {"live"}


def test_tables_go_back_more_than_once_in_a_history() -> None:
    done = []
    with quiet():
        for seed in range(5):
            history = History(SeededSource(seed), ORDERS, restored="orders")
            history.run()
            assert history.restores
            done.append(history.restores.done)
    assert max(done) > 1
