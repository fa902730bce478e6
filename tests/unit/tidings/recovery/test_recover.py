"""The recovery of a table: its steps, its refusals, and its continuation after a break."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tidings.core.contract import Contract
from tidings.core.decisions import Decision, Increment, Numbers, Save
from tidings.core.entity import Entity, StoredEntity, reserved_key
from tidings.core.errors import ThrottledError
from tidings.core.event import Event, decode, encode
from tidings.core.service import Service, on
from tidings.recovery import (
    LoggedEvent,
    Recover,
    RecoverCheckpoint,
    RecoverProgress,
    Recovery,
    RecoveryError,
    first_input,
    recall,
)
from tidings.testing import NOON, make_event

SNAPSHOT = NOON
TOTAL = reserved_key("total")


class Asked(Contract, frozen=True, kw_only=True):
    producer = "desk"


class Sold(Contract, frozen=True, kw_only=True):
    producer = "sales"

    tickets: int


class Sale(Struct, frozen=True, omit_defaults=True):
    tickets: int = 0
    asked: bool = False


class Total(Struct, frozen=True):
    """A request that is performed again for each sale."""

    key: str

    def perform(self, performed: list[str]) -> None:
        performed.append(self.key)


def on_asked(entity: Entity[Sale], _event: Event[Asked]) -> Decision[Sale]:
    return Save(replace(entity.state or Sale(), asked=True))


def counts(entity: Entity[Sale]) -> Iterator[Increment]:
    if entity.state and entity.state.tickets:
        yield Increment(TOTAL, {"tickets": entity.state.tickets}, start={"tickets": 100})


SERVICE = Service(name="sales", state=Sale, announces=(Sold,), handlers=(on(Asked, on_asked),))
RECOVERY = Recovery(
    service=SERVICE,
    recalls=(recall(Sold, lambda sale, event, _cause: replace(sale or Sale(), tickets=event.data.tickets)),),
    counts=counts,
    counted=frozenset({"tickets"}),
    repeat=lambda _before, event, _cause: Total(event.subject),
)


def logged(data: Contract, key: str, second: int) -> LoggedEvent:
    time = NOON.replace("00.000Z", f"{second:02d}.000Z")
    body = encode(make_event(data, subject=key, time=time))
    return LoggedEvent(f"{time}/{key}", body, decode(body))


class Log:
    """An event log. It ends the command's process before it reads an entity of `dies_at`."""

    def __init__(self, *events: LoggedEvent, dies_at: str = "") -> None:
        self.events = events
        self.dies_at = dies_at
        self.read_keys: list[str] = []

    def read(self, start: str, end: str) -> Iterator[LoggedEvent]:
        return (event for event in self.events if start <= event.position < end)

    def read_entity(self, subject: str) -> Sequence[LoggedEvent]:
        if subject == self.dies_at:
            raise KeyboardInterrupt
        self.read_keys.append(subject)
        return [event for event in self.events if event.event.subject == subject]

    def beginning(self) -> str | None:
        return None


class Table:
    def __init__(self) -> None:
        self.stored: dict[str, StoredEntity] = {}
        self.items: dict[tuple[str, str], dict[str, int]] = {}

    def read(self, key: str) -> StoredEntity | None:
        return self.stored.get(key)

    def write(self, entity: StoredEntity) -> None:
        before = self.stored.get(entity.key)
        if entity.version != (before.version if before else 0) + 1:
            raise RecoveryError("another writer")
        self.stored[entity.key] = entity

    def entities(self) -> Iterator[StoredEntity]:
        return iter(list(self.stored.values()))

    def counters(self) -> Iterator[tuple[str, str]]:
        return iter(list(self.items))

    def set_numbers(self, key: str, row: str, numbers: Numbers) -> None:
        self.items[key, row] = {**self.items.get((key, row), {}), **numbers}

    def state(self, key: str) -> Sale | None:
        return SERVICE.codec.decode(self.stored[key]).state


A, B, C = (
    logged(Sold(tickets=3), "a", 1),
    logged(Sold(tickets=4), "b", 2),
    logged(Asked(), "c", 3),
)


def recover(log: Log, table: Table, **more: Any) -> Recover:
    defaults: dict[str, Any] = {
        "blockers": list,
        "snapshot": SNAPSHOT,
        "end": "9",
        "replay": None,
        "port": [],
    }
    return Recover(recovery=RECOVERY, log=log, table=table, **(defaults | more))


def test_every_entity_is_recalled_once_and_the_counters_are_what_the_entities_add_up_to() -> None:
    table = Table()
    table.items[TOTAL, ""] = {"tickets": 999}
    table.items[reserved_key("other"), ""] = {"tickets": 5, "kept": 1}
    again = logged(Asked(), "a", 5)
    log = Log(A, B, C, again)
    progress = recover(log, table).run()
    assert log.read_keys == ["a", "b", "c"]
    assert (table.state("a"), table.state("b"), table.state("c")) == (Sale(3, asked=True), Sale(4), Sale(asked=True))
    assert table.items == {(TOTAL, ""): {"tickets": 107}, (reserved_key("other"), ""): {"tickets": 0, "kept": 1}}
    assert (progress.read, progress.recalled) == (3, 3)


def test_a_second_run_changes_nothing() -> None:
    table = Table()
    recover(Log(A, B, C), table).run()
    stored, items, performed = dict(table.stored), dict(table.items), list[str]()
    assert recover(Log(A, B, C), table, port=performed).run().recalled == 0
    assert (table.stored, table.items, performed) == (stored, items, [])


def test_a_service_that_is_not_ready_is_refused_with_all_reasons_and_nothing_is_read() -> None:
    log = Log(A)
    with pytest.raises(RecoveryError, match="sales cannot be recovered yet: it is open; the log is behind"):
        recover(log, Table(), blockers=lambda: ["it is open", "the log is behind"]).run()
    assert log.read_keys == []


def test_a_run_continues_where_the_last_one_broke_off(tmp_path: Path) -> None:
    table, checkpoint = Table(), RecoverCheckpoint.of(tmp_path, "sales", "test")
    with pytest.raises(KeyboardInterrupt):
        recover(Log(A, B, C, dies_at="b"), table, checkpoint=checkpoint, saved_every=1).run()
    assert checkpoint.load() == RecoverProgress("recall", A.position, 1, 1)
    log = Log(A, B, C)
    progress = recover(log, table, checkpoint=checkpoint, saved_every=1).run()
    assert log.read_keys == ["b", "c"]
    assert (progress.read, progress.recalled) == (3, 3)
    assert checkpoint.load() is None


def test_a_run_that_broke_off_in_the_replay_repeats_the_replay_only(tmp_path: Path) -> None:
    table, checkpoint = Table(), RecoverCheckpoint.of(tmp_path, "sales", "test")

    def fail(_start: str) -> int:
        raise RecoveryError("refused")

    with pytest.raises(RecoveryError, match="refused"):
        recover(Log(A), table, checkpoint=checkpoint, replay=fail).run()
    started: list[str] = []

    def replay(start: str) -> int:
        started.append(start)
        return 7

    log = Log(A)
    progress = recover(log, table, checkpoint=checkpoint, replay=replay).run()
    assert log.read_keys == []
    assert started == [first_input(SNAPSHOT)]
    assert progress.replayed == 7


def test_a_finished_recovery_replaces_those_of_the_same_service_from_other_snapshots(tmp_path: Path) -> None:
    of_other = RecoverCheckpoint.of(tmp_path, "sales-archive", "test")
    for checkpoint in (of_other, RecoverCheckpoint.of(tmp_path, "sales", "another snapshot")):
        checkpoint.save(RecoverProgress())
    recover(Log(A), Table(), checkpoint=RecoverCheckpoint.of(tmp_path, "sales", "test")).run()
    assert not RecoverCheckpoint.is_unfinished(tmp_path, "sales")
    assert of_other.load() == RecoverProgress()


def test_inputs_are_replayed_from_28_days_before_the_snapshot() -> None:
    assert first_input("2026-03-29T12:00:00.000Z") == "2026-03-01T12:00:00.000Z"
    assert first_input("1970-01-02T00:00:00.000Z") == "1970-01-01T00:00:00.000Z"


def test_a_dry_run_counts_what_the_table_lacks_and_changes_nothing(tmp_path: Path) -> None:
    table, performed = Table(), list[str]()
    checkpoint = RecoverCheckpoint.of(tmp_path, "sales", "test")
    progress = recover(
        Log(A, B, C), table, dry_run=True, replay=lambda _start: 1 / 0, port=performed, checkpoint=checkpoint
    ).run()
    assert (progress.read, progress.recalled) == (3, 3)
    assert (table.stored, table.items, performed) == ({}, {}, [])
    assert checkpoint.load() is None


def test_an_effect_is_performed_again_for_each_recalled_event() -> None:
    performed: list[str] = []
    recover(Log(A, B), Table(), port=performed).run()
    assert performed == ["a", "b"]


def test_an_entity_that_a_newer_release_wrote_ends_the_recovery_and_stays_as_it_is() -> None:
    table = Table()
    newer = StoredEntity("a", 1, "null", format="9.0")
    table.stored["a"] = newer
    with pytest.raises(RecoveryError, match=r"^release 9\.0 wrote a, .*; recover sales with the newest release$"):
        recover(Log(A), table).run()
    assert table.stored == {"a": newer}


def test_a_port_that_asks_to_slow_down_ends_the_recovery_before_its_entity_is_written() -> None:
    class Throttled(list[str]):
        def append(self, _key: str) -> None:
            raise ThrottledError("the provider is busy")

    table = Table()
    with pytest.raises(RecoveryError, match=r"^the provider is busy; repeat the recovery, .* at a lower rate$"):
        recover(Log(A), table, port=Throttled()).run()
    assert table.stored == {}


def test_no_more_entities_are_read_in_a_second_than_the_rate_allows() -> None:
    pauses: list[float] = []
    recover(Log(A, B, C), Table(), rate=2, clock=lambda: 10.0, pause=pauses.append).run()
    assert pauses == [0.5, 1.0]


def test_the_progress_is_shown_after_each_event() -> None:
    seen: list[RecoverProgress] = []
    recover(Log(A, B), Table(), watch=seen.append).run()
    assert [(each.position, each.read) for each in seen] == [(A.position, 1), (B.position, 2)]


def test_an_entity_that_another_writer_changes_meanwhile_is_refused() -> None:
    class Busy(Table):
        def write(self, entity: StoredEntity) -> None:
            raise RecoveryError(f"another writer changed {entity.key}")

    with pytest.raises(RecoveryError, match="another writer changed a"):
        recover(Log(A), Busy()).run()
