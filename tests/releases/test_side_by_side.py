"""Two releases run side by side on one table and one topic: nothing is lost, and nothing is dead-lettered."""

from collections import Counter
from types import ModuleType

import pytest

from tests.releases import first, second, third
from tests.releases.side_by_side import TICKETS, SideBySide
from tests.simulation.clock import HOUR
from tidings.core.contract import ContractRegistry
from tidings.core.errors import NewerReleaseError, PermanentError
from tidings.core.event import Event
from tidings.core.formats import StateFormat

SEEDS = range(20)
STEPS = 300

PAIRS = [(first, second), (second, third), (first, third)]
"""The release before and the one after it. The last pair skips one."""

each_pair = pytest.mark.parametrize(("older", "newer"), PAIRS, ids=lambda release: release.__name__.rpartition(".")[2])
each_seed = pytest.mark.parametrize("seed", SEEDS)


def deployed(seed: int, older: ModuleType, newer: ModuleType) -> SideBySide:
    """Let the older release run alone, then both, then the newer one alone."""
    both = SideBySide(seed, older, newer)
    both.running = [older]
    both.work(STEPS // 6)
    both.running = [older, newer]
    both.work(STEPS)
    both.running = [newer]
    both.work(STEPS)
    both.drain()
    return both


def check(both: SideBySide, newer: ModuleType) -> None:
    """Require that everything was handled once, and that nothing was lost."""
    assert both.dead_letters == []
    assert both.lost == []
    assert both.is_quiet
    tickets = {f"ticket-{n}" for n in range(TICKETS)}
    for name, handled in (("desk", 1), ("assignment", 2)):
        codec, entities = getattr(newer, name).codec, both.tables[name].entities
        assert entities.keys() == tickets
        for stored in entities.values():
            entity = codec.decode(stored)
            assert (entity.state.closed, bool(entity.state.agent)) == (True, True)
            assert len(entity.inbox) == len(set(entity.inbox)) == handled
    announced = Counter(event.rpartition("/")[0] for event in both.topic.published)
    assert announced == {
        **{f"desk/{ticket}": 2 for ticket in tickets},
        **{f"assignment/{ticket}": 1 for ticket in tickets},
    }


@each_pair
@each_seed
def test_during_a_deployment_nothing_is_lost_or_dead_lettered(seed: int, older: ModuleType, newer: ModuleType) -> None:
    both = deployed(seed, older, newer)
    check(both, newer)


@each_pair
@each_seed
def test_after_a_rollback_nothing_is_lost_or_dead_lettered_once_the_newer_release_is_back(
    seed: int, older: ModuleType, newer: ModuleType
) -> None:
    both = SideBySide(seed, older, newer)
    both.work(STEPS // 2)
    both.running = [older]
    both.work(STEPS // 2)
    both.drain(3 * HOUR)
    assert both.dead_letters == []
    both.running = [newer]
    both.work(STEPS)
    both.drain()
    check(both, newer)


@each_seed
def test_the_release_before_does_not_wait_for_what_the_next_one_reads_and_does_not_write(seed: int) -> None:
    """Both know the same versions of contracts, so only states could make one of them wait."""
    both = deployed(seed, second, third)
    assert both.waited == 0


def test_the_releases_wait_for_what_they_cannot_read() -> None:
    assert sum(deployed(seed, first, second).waited for seed in SEEDS) > 0


def test_the_release_after_the_one_that_adds_a_field_writes_it() -> None:
    both = deployed(0, second, third)
    assert {stored.format for stored in both.tables["assignment"].entities.values()} >= {"1.1"}


# Faults that these tests find


def test_a_release_that_reads_every_format_drops_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StateFormat, "reads", lambda _self, _written: True)
    assert any(deployed(seed, first, third).lost for seed in SEEDS)


def test_a_release_that_refuses_newer_versions_for_good_dead_letters_events(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = ContractRegistry.decode

    def refuse(registry: ContractRegistry, event: Event[object]) -> object:
        try:
            return decode(registry, event)
        except NewerReleaseError as error:
            raise PermanentError("unknown-version", str(error), event) from error

    monkeypatch.setattr(ContractRegistry, "decode", refuse)
    assert any(deployed(seed, first, second).dead_letters for seed in SEEDS)


def test_a_release_without_the_upcaster_dead_letters_older_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second.TicketOpened, "upcaster", None)
    assert any(deployed(seed, first, second).dead_letters for seed in SEEDS)
