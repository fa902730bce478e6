"""DynamoDB's capacity units, by which the bench counts."""

import pytest

from bench.shop import Attributes, Index, RecordedWrite, Schema
from bench.units import read_units, size, write_units

BY_OWNER = Schema(("pk",), (Index(("owner", "rank"), frozenset({"pk", "owner", "rank", "summary"})),))
BARE = Schema(("pk",), ())


def text(length: int) -> dict[str, str]:
    return {"S": "x" * length}


def item(**attributes: int) -> Attributes:
    """Return an item of texts with these lengths."""
    return {name: text(length) for name, length in attributes.items()}


def written(
    before: Attributes | None, after: Attributes | None, *, tx: bool = False, failed: bool = False
) -> RecordedWrite:
    return RecordedWrite("table", before, after, tx, failed)


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        ({"S": "aé"}, 3),
        ({"N": "7"}, 2),
        ({"N": "123"}, 3),
        ({"N": "-123"}, 4),
        ({"N": "1000"}, 2),
        ({"BOOL": True}, 1),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"S": "c"}]}, 3 + 3 + 2),
        ({"M": {"k": {"S": "abc"}}}, 3 + 1 + 1 + 3),
        ({"SS": ["ab"]}, 3 + 3),
    ],
)
def test_an_items_size_is_the_sum_of_its_names_and_values(value: dict[str, object], bytes_: int) -> None:
    assert size({"name": value}) == 4 + bytes_


def test_a_write_costs_a_unit_for_each_started_kilobyte_of_the_larger_of_before_and_after() -> None:
    assert write_units(written(None, item(pk=1022)), BARE) == 1
    assert write_units(written(None, item(pk=1023)), BARE) == 2
    assert write_units(written(item(pk=3000), item(pk=10)), BARE) == 3


def test_a_transactional_write_costs_twice() -> None:
    assert write_units(written(None, item(pk=10), tx=True), BARE) == 2


def test_a_failed_condition_costs_the_item_found_and_no_index() -> None:
    found = item(pk=1500, owner=1, rank=1)
    assert write_units(written(found, None, failed=True), BY_OWNER) == 2


def test_an_index_is_written_only_if_its_attributes_change() -> None:
    before = item(pk=1, owner=1, rank=1, summary=1)
    assert write_units(written(None, before), BY_OWNER) == 1 + 1
    assert write_units(written(before, {**before, "state": text(9)}), BY_OWNER) == 1
    assert write_units(written(before, {**before, "summary": text(2)}), BY_OWNER) == 1 + 1
    assert write_units(written(before, {**before, "rank": text(2)}), BY_OWNER) == 1 + 2
    assert write_units(written(before, item(pk=1)), BY_OWNER) == 1 + 1
    assert write_units(written(item(pk=1), item(pk=1)), BY_OWNER) == 1


def test_a_read_costs_a_unit_for_each_started_four_kilobytes_and_one_for_a_missing_item() -> None:
    assert read_units([item(pk=10), item(pk=5000)], keys=3) == 1 + 2 + 1
