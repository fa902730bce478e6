"""The shop keeps its promises in hundreds of histories with every kind of fault."""

import logging
import os
import random

import pytest

from tests.invariants.services import SERVICES
from tests.simulation.history import History
from tests.simulation.marks import WORD
from tests.simulation.ports.gateway import SECRET
from tests.simulation.random_source import SeededSource
from tests.simulation.run import ORDERS, explained, first_failure, quiet, seeded

HISTORIES = int(os.environ.get("HISTORIES") or 400)
CHUNKS = 20

FIRST = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**40))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_invariant_holds_in_every_history(chunk: int) -> None:
    first, after = (FIRST + position * HISTORIES // CHUNKS for position in (chunk, chunk + 1))
    print(f"SEED={first}")  # noqa: T201 - pytest shows it if the test fails
    failed = first_failure(range(first, after))
    assert failed is None, explained(*failed)


def test_the_seed_determines_the_whole_history() -> None:
    traces: list[list[str]] = [[], []]
    with quiet():
        for trace in traces:
            seeded(FIRST, ORDERS, trace.append)
    assert traces[0] == traces[1]
    assert len(traces[0]) > ORDERS


def test_no_secret_of_the_gateway_and_no_personal_data_is_in_logs_or_metrics(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = erased = 0
    with caplog.at_level(logging.DEBUG):
        for seed in range(10):
            history = History(SeededSource(seed), ORDERS)
            history.run()
            shown += history.shop.gateway.approvals_shown
            erased += len(history.people.records.erasures)
    logged = [record.getMessage() + str(vars(record)) for record in caplog.records]
    assert logged
    assert shown
    assert erased
    assert not [text for text in (*logged, *capsys.readouterr()) if SECRET in text or WORD in text]


def test_the_simulation_contains_every_service_that_announces_or_handles_events() -> None:
    from infra import discovery, shop

    found = discovery.discover_services(shop.SERVICES, shop.CONTRACTS)
    taking_part = {folder.name for folder in found if folder.service.announces or folder.service.consumes}
    assert taking_part == {service.name for service in SERVICES}
