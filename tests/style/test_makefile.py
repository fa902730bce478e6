"""The recipes of the Makefile, for machines that have no Node but that of the virtual environment."""

from pathlib import Path

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"


def test_every_recipe_that_imports_the_stacks_has_node() -> None:
    recipes = [line for line in MAKEFILE.read_text().splitlines() if "/python -m infra." in line]
    assert recipes
    assert [line for line in recipes if "$(WITH_NODE)" not in line] == []
