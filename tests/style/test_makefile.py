"""The Makefile: its recipes, for machines that have no Node but that of the virtual environment, and its help."""

import re
from pathlib import Path

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"


def test_every_recipe_that_imports_the_stacks_has_node() -> None:
    recipes = [line for line in MAKEFILE.read_text().splitlines() if "/python -m infra." in line]
    assert recipes
    assert [line for line in recipes if "$(WITH_NODE)" not in line] == []


def test_make_help_shows_the_names_of_targets_in_a_column() -> None:
    text = MAKEFILE.read_text()
    (width,) = re.findall(r"make %-(\d+)s", text)
    names = re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE)
    assert max(len(name) for name in names) == int(width)


def test_the_pages_are_built_again_when_a_document_that_they_contain_has_changed() -> None:
    (folders,) = re.findall(r"^WEB_SOURCES := \$\(shell find ([^\\]+) \\\(", MAKEFILE.read_text(), re.MULTILINE)
    root = MAKEFILE.parent
    imported = {
        (file.parent / path).resolve().relative_to(root).as_posix()
        for file in (root / "web" / "src").rglob("*.ts*")
        for path in re.findall(r'import\("([^"?]+)\?raw"\)', file.read_text())
    }
    assert imported
    assert [path for path in imported if not path.startswith(tuple(folders.split()))] == []
