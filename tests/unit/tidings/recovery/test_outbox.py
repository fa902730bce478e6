"""The completion of an outbox: what the log has and the outbox lacks is added byte for byte, and nothing else."""

from collections.abc import Sequence

import pytest

from tests.unit.tidings.recovery.memory import event
from tidings.core.entity import StoredEntity
from tidings.core.personal import with_personal
from tidings.recovery import OutboxError, RecoveryError, append_to_outbox, complete_outbox
from tidings.testing import MemoryTable, fails, preceded_by, transaction_conflict

ONE, TWO, THREE = (event("a", n) for n in (1, 2, 3))
FIRST = StoredEntity("a", 4, '{"open":true}', inbox=("desk/1",), outbox=(ONE,), announces=True)


def stored(*outbox: str, erased: bool = False) -> StoredEntity:
    return StoredEntity("a", 4, '{"open":true}', inbox=("desk/1",), outbox=outbox, announces=True, erased=erased)


@pytest.mark.parametrize(
    ("outbox", "recorded"),
    [
        ((ONE,), (ONE, TWO, THREE)),
        ((ONE,), (THREE, TWO)),
        ((ONE, TWO), (THREE,)),
        ((ONE, THREE), (TWO,)),
        ((), (TWO, ONE, THREE)),
        ((TWO, THREE), (ONE,)),
    ],
)
def test_an_outbox_has_each_recorded_event_at_its_number_byte_for_byte(
    outbox: Sequence[str], recorded: Sequence[str]
) -> None:
    completed = complete_outbox("a", stored(*outbox), recorded)
    assert completed is not None
    assert completed.outbox == (ONE, TWO, THREE)


def test_a_completed_entity_keeps_its_state_and_inbox_and_the_stream_skips_the_write() -> None:
    completed = complete_outbox("a", FIRST, [TWO])
    assert completed == StoredEntity("a", 5, '{"open":true}', inbox=("desk/1",), outbox=(ONE, TWO), announces=False)


def test_an_entity_that_the_table_has_lost_gets_its_outbox_and_no_state() -> None:
    assert complete_outbox("a", None, [TWO, ONE]) == StoredEntity("a", 1, "null", outbox=(ONE, TWO))


@pytest.mark.parametrize("recorded", [(), (ONE,), (TWO, ONE, TWO)])
def test_an_outbox_that_lacks_nothing_stays_as_it_is(recorded: Sequence[str]) -> None:
    assert complete_outbox("a", stored(ONE, TWO), recorded) is None


def test_an_event_that_differs_only_in_its_notation_or_its_personal_data_is_the_same() -> None:
    spaced = ONE.replace('":"', '" : "')
    assert complete_outbox("a", stored(ONE), [with_personal(spaced, '{"name":"Ann"}')]) is None


def test_nothing_personal_is_added_to_the_outbox_of_an_erased_subject() -> None:
    completed = complete_outbox("a", stored(ONE, erased=True), [with_personal(TWO, '{"name":"Ann"}')])
    assert completed is not None
    assert completed.outbox == (ONE, TWO)


def test_personal_data_that_is_still_recorded_is_added() -> None:
    personal = with_personal(TWO, '{"name":"Ann"}')
    completed = complete_outbox("a", stored(ONE), [personal])
    assert completed is not None
    assert completed.outbox == (ONE, personal)


@pytest.mark.parametrize(
    ("outbox", "recorded", "text"),
    [
        ((ONE,), (THREE,), "neither the log nor the outbox has number 2 of a"),
        ((), (TWO,), "neither the log nor the outbox has number 1 of a"),
        ((ONE,), (ONE.replace("solved", "invalid"),), "number 1 of a is recorded with another body"),
        (("by hand",), (ONE,), "the outbox of a holds a text that is no event"),
        ((ONE,), ("by hand",), "the outbox of a holds a text that is no event"),
        ((ONE,), (event("b", 2),), "tickets/b/2 is no event of a"),
    ],
)
def test_an_outbox_that_would_have_a_gap_or_two_facts_under_one_id_is_refused(
    outbox: Sequence[str], recorded: Sequence[str], text: str
) -> None:
    with pytest.raises(OutboxError, match=text):
        complete_outbox("a", stored(*outbox), recorded)


def table_of(entity: StoredEntity | None) -> MemoryTable:
    table = MemoryTable()
    if entity:
        table.put(entity)
    return table


def test_an_outbox_is_completed_in_its_table_once() -> None:
    table = table_of(FIRST)
    assert append_to_outbox(table, "a", [TWO, THREE]) == 2
    assert append_to_outbox(table, "a", [TWO, THREE]) == 0
    assert table.entities["a"].outbox == (ONE, TWO, THREE)
    assert len(table.commits) == 1


def test_a_lost_entity_is_created_in_its_table() -> None:
    table = table_of(None)
    assert append_to_outbox(table, "a", [ONE]) == 1
    assert table.entities["a"].outbox == (ONE,)


def test_what_another_writer_announces_meanwhile_is_kept() -> None:
    table = table_of(stored(ONE, TWO, THREE))
    four, five = event("a", 4), event("a", 5)

    def announce() -> None:
        table.put(StoredEntity("a", 5, "{}", outbox=(ONE, TWO, THREE, four)))

    table.commit_faults.next(preceded_by(announce))
    assert append_to_outbox(table, "a", [four]) == 0
    table.commit_faults.next(transaction_conflict)
    assert append_to_outbox(table, "a", [five]) == 1
    assert table.entities["a"].outbox == (ONE, TWO, THREE, four, five)


def test_an_outbox_is_not_completed_against_writers_that_are_always_first() -> None:
    table = table_of(FIRST)
    table.commit_faults.next(*[transaction_conflict] * 10)
    with pytest.raises(RecoveryError, match="other writers changed a 10 times") as refusal:
        append_to_outbox(table, "a", [TWO])
    assert not isinstance(refusal.value, OutboxError)
    assert append_to_outbox(table, "a", [TWO]) == 1


def test_an_item_that_is_no_entity_is_refused() -> None:
    table = table_of(FIRST)
    table.read_faults.always(fails(KeyError("version")))
    with pytest.raises(OutboxError, match="the item of a is no entity: KeyError"):
        append_to_outbox(table, "a", [TWO])
    assert table.entities["a"] == FIRST
