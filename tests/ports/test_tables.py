"""What reactions, folds and relays rely on of a table, in the simulation's memory and on DynamoDB."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.ports.implementations import Ports
from tidings.decisions import Adjust
from tidings.item import Attributes
from tidings.ledger import Tally
from tidings.relay import announced
from tidings.table import LostError, RefusedError, Table, Write

A_MUG = Adjust("stock#mug", {"available": -1, "reserved": 1}, at_least={"available": 1})


def item(order: str, version: int, *events: str, announces: bool = False) -> Attributes:
    attributes: dict[str, Any] = {"pk": {"S": order}, "version": {"N": str(version)}, "state": {"S": f'"{version}"'}}
    if events:
        attributes["events"] = {"L": [{"S": event} for event in events]}
    if announces:
        attributes["announces"] = {"BOOL": True}
    return attributes


def event(number: int) -> str:
    return f'{{"id":"orders/order/{number}","type":"OrderPlaced","subject":"order"}}'


def put(table: Table, item: Attributes, expected: int, adjusts: Sequence[Adjust] = ()) -> None:
    table.commit([Write(item["pk"]["S"], item, expected)], adjusts)


def stocked(ports: Ports, **units: int) -> Any:
    """A table with so many of each product available."""
    table = ports.table()
    adjusts = [Adjust(f"stock#{sku}", {"available": many}) for sku, many in units.items()]
    put(table, item("delivery", 1), 0, adjusts)
    return table


def test_what_was_never_written_is_not_there(ports: Ports) -> None:
    assert ports.table().get("order") is None


def test_an_item_is_found_as_it_was_last_written(ports: Ports) -> None:
    table = ports.table()
    put(table, item("order", 1), 0)
    put(table, item("order", 2, event(1)), 1)
    assert table.get("order") == item("order", 2, event(1))


def test_a_new_item_is_lost_to_one_that_is_there_and_that_one_is_told(ports: Ports) -> None:
    table = ports.table()
    put(table, item("order", 1, event(1)), 0)
    with pytest.raises(LostError) as lost:
        put(table, item("order", 1), 0)
    assert lost.value.found == {"order": item("order", 1, event(1))}
    assert table.get("order") == item("order", 1, event(1))


def test_an_item_is_lost_whose_version_is_another_by_now_and_what_is_there_is_told(ports: Ports) -> None:
    table = ports.table()
    put(table, item("order", 1), 0)
    put(table, item("order", 2), 1)
    for expected in (1, 3):
        with pytest.raises(LostError) as lost:
            put(table, item("order", expected + 1, event(1)), expected)
        assert lost.value.found == {"order": item("order", 2)}
        assert table.get("order") == item("order", 2)


def test_an_item_is_lost_that_should_be_there_and_is_not(ports: Ports) -> None:
    table = ports.table()
    with pytest.raises(LostError) as lost:
        put(table, item("order", 2), 1)
    assert lost.value.found == {"order": None}
    assert table.get("order") is None


def test_numbers_that_are_not_there_count_from_nothing(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    put(table, item("order", 1), 0, [A_MUG])
    stock = {"pk": {"S": "stock#mug"}, "available": {"N": "9"}, "reserved": {"N": "1"}}
    assert (table.get("stock#mug"), table.get("order")) == (stock, item("order", 1))


def test_a_refused_adjustment_is_told_with_what_was_found_and_nothing_is_written(ports: Ports) -> None:
    table = stocked(ports, mug=10, pen=0)
    a_pen = Adjust("stock#pen", {"available": -1}, at_least={"available": 1})
    a_jar = Adjust("stock#jar", {"available": -1}, at_least={"available": 1})
    with pytest.raises(RefusedError) as refused:
        put(table, item("order", 1), 0, [A_MUG, a_pen, a_jar])
    pens = {"pk": {"S": "stock#pen"}, "available": {"N": "0"}}
    assert refused.value.refused.adjusts == ((a_pen, pens), (a_jar, None))
    assert table.get("order") is None
    assert table.get("stock#mug") == {"pk": {"S": "stock#mug"}, "available": {"N": "10"}}


def test_a_lost_item_is_told_before_a_refused_adjustment_and_nothing_is_written(ports: Ports) -> None:
    table = stocked(ports, mug=0)
    put(table, item("order", 1), 0)
    with pytest.raises(LostError) as lost:
        put(table, item("order", 1), 0, [A_MUG])
    assert lost.value.found == {"order": item("order", 1)}
    assert table.get("stock#mug") == {"pk": {"S": "stock#mug"}, "available": {"N": "0"}}


def test_a_lost_item_takes_its_adjustments_with_it(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    put(table, item("order", 1), 0, [A_MUG])
    with pytest.raises(LostError):
        put(table, item("order", 1), 0, [A_MUG])
    assert table.get("stock#mug")["reserved"] == {"N": "1"}


def test_a_transaction_takes_no_item_twice(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    with pytest.raises(Exception, match="ValidationException"):
        put(table, item("order", 1), 0, [A_MUG, A_MUG])
    assert table.get("order") is None


def test_a_transaction_takes_a_hundred_items_and_no_more(ports: Ports) -> None:
    table = ports.table()
    adjusts = [Adjust(f"stock#{n}", {"available": 1}) for n in range(100)]
    with pytest.raises(Exception, match="ValidationException"):
        put(table, item("order", 1), 0, adjusts)
    put(table, item("order", 1), 0, adjusts[1:])
    assert (table.get("stock#0"), table.get("order")) == (None, item("order", 1))


def test_several_orders_are_written_together_with_one_adjustment(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    two_mugs = Adjust("stock#mug", {"available": -2, "reserved": 2}, at_least={"available": 2})
    table.commit([Write("one", item("one", 1), 0), Write("two", item("two", 1), 0)], [two_mugs])
    assert (table.get("one"), table.get("two")) == (item("one", 1), item("two", 1))
    assert table.get("stock#mug")["reserved"] == {"N": "2"}


def test_of_several_orders_all_that_are_lost_are_told_and_none_is_written(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    put(table, item("one", 1), 0)
    with pytest.raises(LostError) as lost:
        table.commit([Write("one", item("one", 1), 0), Write("two", item("two", 1), 0)], [A_MUG])
    assert lost.value.found == {"one": item("one", 1)}
    assert (table.get("two"), "reserved" in table.get("stock#mug")) == (None, False)


def test_several_orders_are_refused_together_with_what_was_found(ports: Ports) -> None:
    table = stocked(ports, mug=1)
    two_mugs = Adjust("stock#mug", {"available": -2, "reserved": 2}, at_least={"available": 2})
    with pytest.raises(RefusedError) as refused:
        table.commit([Write("one", item("one", 1), 0), Write("two", item("two", 1), 0)], [two_mugs])
    assert refused.value.refused.adjusts == ((two_mugs, {"pk": {"S": "stock#mug"}, "available": {"N": "1"}}),)
    assert (table.get("one"), table.get("two")) == (None, None)


def test_the_stream_tells_of_each_write_what_was_there_and_what_is_in_the_order_of_the_writes(ports: Ports) -> None:
    table = ports.table()
    writes = [item("order", n, *(event(each) for each in range(1, n + 1)), announces=True) for n in (1, 2, 3)]
    for n, written in enumerate(writes):
        put(table, written, n)
    records = ports.records(table)
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "MODIFY"]
    assert [record["dynamodb"]["NewImage"] for record in records] == writes
    assert [record["dynamodb"].get("OldImage") for record in records] == [None, *writes[:2]]
    assert [[entry.body for entry in announced(record)] for record in records] == [[event(n)] for n in (1, 2, 3)]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    assert numbers == sorted(set(numbers), key=int)


def test_the_relay_is_not_told_of_writes_that_announce_nothing_nor_of_those_that_failed(ports: Ports) -> None:
    table = stocked(ports, mug=10)
    put(table, item("order", 1, event(1), announces=True), 0, [A_MUG])
    put(table, item("order", 2, event(1)), 1)
    with pytest.raises(LostError):
        put(table, item("order", 2, event(1), event(2), announces=True), 1)
    (record,) = ports.records(table)
    assert record["dynamodb"]["NewImage"] == item("order", 1, event(1), announces=True)


def test_a_ledger_finds_the_orders_that_there_are(ports: Ports) -> None:
    ledger = ports.ledger()
    ledger.commit([Write("a", item("a", 1), 0), Write("b", item("b", 1), 0)], [])
    found = ledger.read(["a", "b", "c"])
    assert {order: each["version"] for order, each in found.items()} == {"a": {"N": "1"}, "b": {"N": "1"}}


def test_a_ledgers_numbers_count_from_their_start_once(ports: Ports) -> None:
    ledger = ports.ledger()
    for order, by in (("a", 2), ("b", 3)):
        tallies = [Tally("group#0", "row", {"n": by, "m": 1}, start={"n": 10})]
        ledger.commit([Write(order, item(order, 1), 0)], tallies)
    assert [ports.number(ledger, "group#0", "row", name) for name in ("n", "m", "other")] == [15, 2, None]
    assert ports.number(ledger, "group#1", "row", "n") is None


def test_a_ledger_tells_all_orders_that_are_lost_and_writes_nothing(ports: Ports) -> None:
    ledger = ports.ledger()
    ledger.commit([Write("a", item("a", 1), 0)], [])
    writes = [Write("a", item("a", 1), 0), Write("b", item("b", 2), 1), Write("c", item("c", 1), 0)]
    with pytest.raises(LostError) as lost:
        ledger.commit(writes, [Tally("group#0", "row", {"n": 1})])
    found = lost.value.found
    assert found.keys() == {"a", "b"}
    assert (found["a"] or {})["version"] == {"N": "1"}
    assert found["b"] is None
    assert ledger.read(["b", "c"]) == {}
    assert ports.number(ledger, "group#0", "row", "n") is None


def test_a_ledger_takes_no_row_twice(ports: Ports) -> None:
    ledger = ports.ledger()
    with pytest.raises(Exception, match="ValidationException"):
        ledger.commit([Write("a", item("a", 1), 0)], [Tally("group#0", "row", {"n": 1})] * 2)
    assert ledger.read(["a"]) == {}
