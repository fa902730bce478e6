"""Numbers of things in sentences."""

import re
from pathlib import Path

import pytest

import ops
from ops.counts import counted


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 dead letters"), (1, "1 dead letter"), (2, "2 dead letters"), (1200, "1,200 dead letters")],
)
def test_one_thing_is_named_in_the_singular(number: int, text: str) -> None:
    assert counted(number, "dead letter") == text


def test_a_noun_may_have_another_plural() -> None:
    assert [counted(number, "entity", "entities") for number in (1, 2)] == ["1 entity", "2 entities"]


def test_no_command_chooses_between_singular_and_plural_by_itself() -> None:
    own = re.compile(r"""["'](\w+)["'] if .* == 1 else ["']\1s["']""")
    found = [path.name for path in Path(ops.__path__[0]).rglob("*.py") if own.search(path.read_text())]
    assert found == []
