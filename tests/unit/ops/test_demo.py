from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ops.local.demo import EXAMPLES, outcomes_table
from tests.unit.ops.terminal import eighty_columns


def test_a_table_of_outcomes_breaks_no_word_in_eighty_columns() -> None:
    order: Mapping[str, Any] = {
        "id": str(UUID(int=1)),
        "total": {"amount": 15_000_000, "currency": "EUR"},
        "status": "CANCELLED",
        "reason": "payment_failed",
    }
    words = eighty_columns(outcomes_table([(example, order) for example in EXAMPLES])).split()
    assert words.count(order["id"]) == words.count("payment_failed") == words.count("CANCELLED") == len(EXAMPLES)
    assert words.count("EUR") == len(EXAMPLES)
    assert {word for example in EXAMPLES for word in example.title.split()} <= set(words)
