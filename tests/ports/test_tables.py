"""The facts about tables that executors and relays rely on, in memory and on DynamoDB."""

from collections.abc import Sequence

import pytest

from functions.inventory.handlers import stock_key
from tests.ports.implementations import Ports
from tidings.core.decisions import Increment
from tidings.core.entity import InProgress, StoredEntity
from tidings.core.ports import ConditionFailedError, EntityWrite, Table, VersionConflictError

MUGS, PENS, JARS = (stock_key(sku) for sku in ("mug", "pen", "jar"))
A_MUG = Increment(MUGS, {"available": -1, "reserved": 1}, at_least={"available": 1})


def entity(key: str, version: int, *events: str, announces: bool = False) -> StoredEntity:
    return StoredEntity(key=key, version=version, state=f'"{version}"', outbox=events, announces=announces)


def event(number: int) -> str:
    return f'{{"id":"orders/order/{number}","type":"OrderPlaced","subject":"order"}}'


def put(table: Table, stored: StoredEntity, expected: int, increments: Sequence[Increment] = ()) -> None:
    table.commit([EntityWrite(stored, expected)], increments)


def read(table: Table, key: str) -> StoredEntity | None:
    return table.read([key]).get(key)


def stocked(ports: Ports, **units: int) -> Table:
    """Return a table with this stock of each product."""
    table = ports.table()
    increments = [Increment(stock_key(sku), {"available": count}) for sku, count in units.items()]
    put(table, entity("delivery", 1), 0, increments)
    return table


def test_an_entity_that_was_never_written_does_not_exist(ports: Ports) -> None:
    assert ports.table().read(["order"]) == {}


def test_an_entity_is_read_as_it_was_last_written(ports: Ports) -> None:
    table = ports.table()
    put(table, entity("order", 1), 0)
    last = StoredEntity(
        key="order",
        version=2,
        state='{"status":"placed"}',
        inbox=("payment/1", "fraud/1"),
        outbox=(event(1), event(2)),
        in_progress={"payment/2": InProgress("token", 1_700_000_000_000)},
        announces=True,
        attributes={"owner": "customer#1", "rank": "2026"},
        format="1.1",
    )
    put(table, last, 1)
    assert read(table, "order") == last


def test_an_entity_whose_personal_data_was_erased_says_so_even_if_it_has_no_state(ports: Ports) -> None:
    for table in (ports.table(), ports.table(rows=True)):
        first = StoredEntity("order", 1, "null", ("privacy/1",), erased=True)
        put(table, first, 0)
        assert read(table, "order") == first
        with pytest.raises(VersionConflictError) as conflict:
            put(table, entity("order", 1), 0)
        assert conflict.value.found == {"order": first}
        last = StoredEntity("order", 2, "{}", ("privacy/1", "orders/1"), (event(1),), announces=True, erased=True)
        put(table, last, 1)
        assert read(table, "order") == last


def test_several_entities_are_read_at_once_and_those_that_do_not_exist_are_left_out(ports: Ports) -> None:
    for table in (ports.table(), ports.table(rows=True)):
        table.commit([EntityWrite(entity("a", 1), 0), EntityWrite(entity("b", 1), 0)])
        assert table.read(["a", "b", "c"]) == {"a": entity("a", 1), "b": entity("b", 1)}


def test_a_new_entity_conflicts_with_an_existing_one_and_the_error_has_that_one(ports: Ports) -> None:
    table = ports.table()
    put(table, entity("order", 1, event(1)), 0)
    with pytest.raises(VersionConflictError) as conflict:
        put(table, entity("order", 1), 0)
    assert conflict.value.found == {"order": entity("order", 1, event(1))}
    assert read(table, "order") == entity("order", 1, event(1))


def test_a_write_on_another_version_conflicts_and_the_error_has_the_entity(ports: Ports) -> None:
    table = ports.table()
    put(table, entity("order", 1), 0)
    put(table, entity("order", 2), 1)
    for expected in (1, 3):
        with pytest.raises(VersionConflictError) as conflict:
            put(table, entity("order", expected + 1, event(1)), expected)
        assert conflict.value.found == {"order": entity("order", 2)}
        assert read(table, "order") == entity("order", 2)


def test_a_new_version_of_an_entity_that_does_not_exist_conflicts(ports: Ports) -> None:
    table = ports.table()
    with pytest.raises(VersionConflictError) as conflict:
        put(table, entity("order", 2), 1)
    assert conflict.value.found == {"order": None}
    assert read(table, "order") is None


def test_a_missing_number_counts_as_0(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    put(table, entity("order", 1), 0, [A_MUG])
    assert (ports.numbers(table, MUGS), read(table, "order")) == ({"available": 9, "reserved": 1}, entity("order", 1))


def test_a_missing_number_meets_its_minimum_if_it_starts_from_enough(ports: Ports) -> None:
    table, starts = ports.table(), {"left": 2, "once": 1, "gone": 0}
    first, again = (dict.fromkeys(names, 1) for names in (("left", "once"), ("left", "gone")))
    take = Increment(MUGS, {"left": -1, "once": -1}, at_least=first, start=starts)
    put(table, entity("one", 1), 0, [take])
    assert ports.numbers(table, MUGS) == {"left": 1, "once": 0}
    for increment in (take, Increment(MUGS, {"left": -1, "gone": -1}, at_least=again, start=starts)):
        with pytest.raises(ConditionFailedError) as failed:
            put(table, entity("two", 1), 0, [increment])
        assert failed.value.failed.failures == ((increment, {"left": 1, "once": 0}),)
    put(table, entity("two", 1), 0, [Increment(MUGS, {"left": -1}, at_least={"left": 1}, start=starts)])
    assert ports.numbers(table, MUGS) == {"left": 0, "once": 0}


def test_an_item_expires_when_the_first_increment_says_and_that_is_no_number(ports: Ports) -> None:
    table = ports.table()
    put(table, entity("one", 1), 0, [Increment(MUGS, {"left": 1}, expires=2_000_000_000)])
    put(table, entity("two", 1), 0, [Increment(MUGS, {"left": 1}, expires=1_900_000_000)])
    put(table, entity("three", 1), 0, [Increment(MUGS, {"left": 1})])
    assert (ports.numbers(table, MUGS), ports.expires(table, MUGS)) == ({"left": 3}, 2_000_000_000)
    take = Increment(MUGS, {"left": -4}, at_least={"left": 4})
    with pytest.raises(ConditionFailedError) as failed:
        put(table, entity("four", 1), 0, [take])
    assert failed.value.failed.failures == ((take, {"left": 3}),)
    put(table, entity("four", 1), 0, [Increment(PENS, {"left": 1})])
    assert ports.expires(table, PENS) is None


def test_a_failed_condition_has_the_numbers_that_were_found_and_nothing_is_written(ports: Ports) -> None:
    table = stocked(ports, mug=10, pen=0)
    a_pen = Increment(PENS, {"available": -1}, at_least={"available": 1})
    a_jar = Increment(JARS, {"available": -1}, at_least={"available": 1})
    with pytest.raises(ConditionFailedError) as failed:
        put(table, entity("order", 1), 0, [A_MUG, a_pen, a_jar])
    assert failed.value.failed.failures == ((a_pen, {"available": 0}), (a_jar, None))
    assert read(table, "order") is None
    assert ports.numbers(table, MUGS) == {"available": 10}


def test_a_version_conflict_is_reported_before_a_failed_condition_and_nothing_is_written(ports: Ports) -> None:
    table = stocked(ports, mug=0)
    put(table, entity("order", 1), 0)
    with pytest.raises(VersionConflictError) as conflict:
        put(table, entity("order", 1), 0, [A_MUG])
    assert conflict.value.found == {"order": entity("order", 1)}
    assert ports.numbers(table, MUGS) == {"available": 0}


def test_a_version_conflict_also_discards_the_increments(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    put(table, entity("order", 1), 0, [A_MUG])
    with pytest.raises(VersionConflictError):
        put(table, entity("order", 1), 0, [A_MUG])
    assert ports.numbers(table, MUGS)["reserved"] == 1


def test_a_transaction_contains_no_item_twice(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    with pytest.raises(Exception, match="ValidationException"):
        put(table, entity("order", 1), 0, [A_MUG, A_MUG])
    assert read(table, "order") is None


def test_a_transaction_contains_a_hundred_items_at_most(ports: Ports) -> None:
    table = ports.table()
    increments = [Increment(stock_key(f"{n}"), {"available": 1}) for n in range(100)]
    with pytest.raises(Exception, match="ValidationException"):
        put(table, entity("order", 1), 0, increments)
    put(table, entity("order", 1), 0, increments[1:])
    assert (ports.numbers(table, stock_key("0")), read(table, "order")) == ({}, entity("order", 1))


def test_several_entities_are_written_together_with_one_increment(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    two_mugs = Increment(MUGS, {"available": -2, "reserved": 2}, at_least={"available": 2})
    table.commit([EntityWrite(entity("one", 1), 0), EntityWrite(entity("two", 1), 0)], [two_mugs])
    assert (read(table, "one"), read(table, "two")) == (entity("one", 1), entity("two", 1))
    assert ports.numbers(table, MUGS)["reserved"] == 2


def test_of_several_entities_the_error_has_all_that_conflict_and_none_is_written(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    put(table, entity("one", 1), 0)
    with pytest.raises(VersionConflictError) as conflict:
        table.commit([EntityWrite(entity("one", 1), 0), EntityWrite(entity("two", 1), 0)], [A_MUG])
    assert conflict.value.found == {"one": entity("one", 1)}
    assert (read(table, "two"), ports.numbers(table, MUGS)) == (None, {"available": 10})


def test_the_failed_condition_of_several_entities_has_the_numbers_that_were_found(ports: Ports) -> None:
    table = stocked(ports, mug=1)
    two_mugs = Increment(MUGS, {"available": -2, "reserved": 2}, at_least={"available": 2})
    with pytest.raises(ConditionFailedError) as failed:
        table.commit([EntityWrite(entity("one", 1), 0), EntityWrite(entity("two", 1), 0)], [two_mugs])
    assert failed.value.failed.failures == ((two_mugs, {"available": 1}),)
    assert (read(table, "one"), read(table, "two")) == (None, None)


def test_the_stream_has_the_events_that_each_write_announced_in_order(ports: Ports) -> None:
    table = ports.table()
    for n in (1, 2, 3):
        put(table, entity("order", n, *(event(each) for each in range(1, n + 1)), announces=True), n - 1)
    records = ports.records(table)
    assert [[event.body for event in record.announced] for record in records] == [[event(n)] for n in (1, 2, 3)]
    positions = [record.position for record in records]
    assert positions == sorted(set(positions), key=int)


def test_the_relay_receives_no_write_that_announces_nothing_and_no_failed_write(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    put(table, entity("order", 1, event(1), announces=True), 0, [A_MUG])
    put(table, entity("order", 2, event(1)), 1)
    with pytest.raises(VersionConflictError):
        put(table, entity("order", 2, event(1), event(2), announces=True), 1)
    (record,) = ports.records(table)
    assert [event.body for event in record.announced] == [event(1)]


def test_a_number_begins_at_its_start_value_once(ports: Ports) -> None:
    table = ports.table(rows=True)
    for key, by in (("a", 2), ("b", 3)):
        put(table, entity(key, 1), 0, [Increment("#group#0", {"n": by, "m": 1}, start={"n": 10}, row="row")])
    assert ports.numbers(table, "#group#0", "row") == {"n": 15, "m": 2}
    assert ports.numbers(table, "#group#1", "row") == {}


def test_rows_of_one_partition_are_items_of_their_own(ports: Ports) -> None:
    table = ports.table(rows=True)
    put(table, entity("a", 1), 0, [Increment("#group#0", {"n": 1}, row="x"), Increment("#group#0", {"n": 2}, row="y")])
    assert [ports.numbers(table, "#group#0", row) for row in ("x", "y")] == [{"n": 1}, {"n": 2}]


def test_a_table_with_rows_reports_all_version_conflicts_and_writes_nothing(ports: Ports) -> None:
    table = ports.table(rows=True)
    put(table, entity("a", 1), 0)
    writes = [EntityWrite(entity("a", 1), 0), EntityWrite(entity("b", 2), 1), EntityWrite(entity("c", 1), 0)]
    with pytest.raises(VersionConflictError) as conflict:
        table.commit(writes, [Increment("#group#0", {"n": 1}, row="row")])
    assert conflict.value.found == {"a": entity("a", 1), "b": None}
    assert table.read(["b", "c"]) == {}
    assert ports.numbers(table, "#group#0", "row") == {}


def test_a_transaction_contains_no_row_twice(ports: Ports) -> None:
    table = ports.table(rows=True)
    with pytest.raises(Exception, match="ValidationException"):
        put(table, entity("a", 1), 0, [Increment("#group#0", {"n": 1}, row="row")] * 2)
    assert read(table, "a") is None
