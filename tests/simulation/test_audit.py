"""The audit in the simulation: it finds nothing after a history, and finds and fills each gap that is made."""

import msgspec
import pytest

from functions.history.log import PERSONAL_ITEM
from tests.simulation.audit import audit
from tests.simulation.clock import HOUR
from tests.simulation.evidence import check
from tests.simulation.history import History
from tests.simulation.mutations import Mutation, applied
from tests.simulation.random_source import SeededSource
from tests.simulation.run import quiet
from tests.simulation.violation import ViolationError
from tidings.core.entity import RESERVED
from tidings.messaging.consumer import parse_any
from tidings.messaging.relay import Relay

ORDERS = 8
SEEDS = range(20)
LOSING = Mutation(
    "relays lose all awards of points",
    Relay._sort,
    "for event in record.announced:",
    "for event in [each for each in record.announced if each.head.type != 'PointsAwarded']:",
    frozenset(),
)


def played(seed: int) -> History:
    """Return a history at rest."""
    history = History(SeededSource(seed), ORDERS)
    with quiet():
        history.run()
    return history


def recorded(history: History) -> list[tuple[str, str]]:
    """Return the keys of the recorded events."""
    return [key for key in history.shop.log.table.items if key[0][0] != RESERVED and key[1] != PERSONAL_ITEM]


def rest(history: History) -> None:
    """Let the shop handle what was published, later than the topic remembers what it has published."""
    history.shop.tasks.run()
    check(history)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_audit_fills_the_gaps_of_the_log_and_of_the_outboxes_byte_for_byte(seed: int) -> None:
    history = played(seed)
    log, deployed = history.shop.log, history.shop.deployed
    assert audit(history.shop).found == {}
    lost = recorded(history)[seed % 3 :: 4]
    for place in lost:
        del log.table.items[place]
    before = {name: dict(each.table.entities) for name, each in deployed.items()}
    cut = set()
    for name, each in deployed.items():
        for key, entity in list(each.table.entities.items())[seed % 2 :: 5]:
            # An event that both have lost is gone.
            if entity.outbox and (key, f"{name}/{key}/{len(entity.outbox)}") not in lost:
                each.table.entities[key] = msgspec.structs.replace(entity, outbox=entity.outbox[:-1])
                cut.add((name, key))
    history.shop.clock.now += HOUR
    found = audit(history.shop)
    assert found.found == {"not-in-log": len(lost), "not-in-outbox": len(cut)}
    assert audit(history.shop, repair=True).remaining == 0
    with quiet():
        rest(history)
    assert audit(history.shop).found == {}
    outboxes = {
        name: {key: entity.outbox for key, entity in each.table.entities.items()} for name, each in deployed.items()
    }
    assert outboxes == {name: {key: entity.outbox for key, entity in table.items()} for name, table in before.items()}


def test_an_audit_finds_what_a_faulty_relay_has_lost_and_its_repair_leaves_no_gap() -> None:
    lost = 0
    for seed in SEEDS:
        history = History(SeededSource(seed), ORDERS)
        with quiet(), applied(LOSING):
            try:
                history.run()
            except ViolationError:
                # Another invariant found it on the way.
                continue
        found = audit(history.shop).found
        assert found.keys() <= {"not-in-log"}
        lost += found.get("not-in-log", 0)
        assert audit(history.shop, repair=True).remaining == 0
        with quiet():
            history.shop.tasks.run()
        assert audit(history.shop).found == {}
    assert lost


@pytest.mark.parametrize("seed", SEEDS)
def test_each_event_may_be_recorded_again_from_the_outboxes_and_changes_nothing(seed: int) -> None:
    history = played(seed)
    log, deployed = history.shop.log, history.shop.deployed
    before = [(key, log.table.items[key]) for key in recorded(history)]
    for each in deployed.values():
        for entity in each.table.entities.values():
            for body in entity.outbox:
                log.record(parse_any(body))
    assert [(key, log.table.items[key]) for key in recorded(history)] == before
