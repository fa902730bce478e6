"""The documents name only what exists: tests, deliberate faults, commands, files and decisions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from ops.cli import app
from tests.invariants.catalogue import INVARIANTS
from tests.simulation.mutations import MUTATIONS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PROMISE = DOCS / "concepts" / "promise.md"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

LINKED = re.compile(r"\[`(?P<shown>[\w/]+\.py)`\]\((?P<target>[^)]+)\)")
TEST = re.compile(r"`(test_\w+)`")
ITALIC = re.compile(r"(?<![*\w])\*([^*]+)\*(?!\*)")
CODE = re.compile(r"`((?:make|tidings)\b[^`\n]*)`|^((?:make|tidings|\.venv/bin/tidings) .+)$", re.MULTILINE)
TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)

TERMS = {"mutations", "generation"}
"""The words in italics that are no names."""

COMMANDS = get_command(app)
VALUED, HELP = {"--stage", "--local"}, {"--help", "-h"}


def paragraphs(text: str) -> list[str]:
    """Return paragraphs and items of lists, each as one line."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n|\n(?=- )", text)]


def named_tests(text: str) -> Iterator[tuple[str, str]]:
    """Iterate over the tests that a page names, each with the last file that is linked beside it."""
    for paragraph in paragraphs(text):
        files = [each["shown"] for each in LINKED.finditer(paragraph)]
        for found in TEST.finditer(paragraph):
            before = [each["shown"] for each in LINKED.finditer(paragraph, 0, found.start())]
            yield (before or files or [""])[-1], found[1]


def functions(path: Path) -> set[str]:
    """Return the names of a module's functions; none if it does not exist."""
    if not path.is_file():
        return set()
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def unknown_tests(text: str) -> list[str]:
    """Return the tests and the files that a page names and that do not exist."""
    links = [f"{each['shown']}: {each['target']}" for each in LINKED.finditer(text) if not _is_right(each)]
    tests = [f"{file}: {name}" for file, name in named_tests(text) if name not in functions(ROOT / "tests" / file)]
    return links + tests


def _is_right(link: re.Match[str]) -> bool:
    target = (PROMISE.parent / link["target"]).resolve()
    return target == ROOT / "tests" / link["shown"] and target.is_file()


def unknown_names(text: str) -> set[str]:
    """Return the names in italics that are neither an invariant nor a deliberate fault."""
    known = {*INVARIANTS, *(mutation.name for mutation in MUTATIONS), *TERMS}
    return {name for part in paragraphs(text) for name in ITALIC.findall(part)} - known


def unknown_commands(text: str) -> list[str]:
    """Return the commands that do not exist, or lack the option that is named."""
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    found = ["".join(each).partition("#")[0].split() for each in CODE.findall(text)]
    return [
        " ".join(words)
        for words in found
        if (words[0] == "make" and not targets.issuperset(words[1:2]))
        or (words[0].endswith("tidings") and not _exists(words[1:]))
    ]


def _exists(words: list[str]) -> bool:
    command = COMMANDS
    left = iter(words)
    for word in left:
        if word.startswith("-"):
            options = {name: each for each in command.params for name in (*each.opts, *each.secondary_opts)}
            if word not in options and word not in HELP:
                return False
            # The option of a group has its value before the command.
            if isinstance(command, TyperGroup) and word in VALUED:
                next(left)
        elif isinstance(command, TyperGroup):
            if word not in command.commands:
                return False
            command = command.commands[word]
    return True


def test_the_page_of_promises_names_tests_of_every_kind() -> None:
    folders = {file.partition("/")[0] for file, _ in named_tests(PROMISE.read_text())}
    assert folders >= {"simulation", "integration", "system", "releases", "contracts", "infra"}


def test_every_test_that_the_page_of_promises_names_exists_in_the_file_that_it_links() -> None:
    assert unknown_tests(PROMISE.read_text()) == []


def test_every_invariant_and_deliberate_fault_that_the_page_of_promises_names_exists() -> None:
    assert unknown_names(PROMISE.read_text()) == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_document_names_exists(document: Path) -> None:
    assert unknown_commands(document.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "- [`style/test_words.py`](../../tests/style/test_words.py) `test_nothing`.",
        "- [`style/test_nothing.py`](../../tests/style/test_nothing.py).",
        "- [`style/test_words.py`](../../tests/style/test_typing.py).",
        "`test_the_code_speaks_plain_english`",
    ],
)
def test_a_test_that_does_not_exist_is_found(text: str) -> None:
    assert unknown_tests(text)


def test_an_invariant_that_does_not_exist_is_found() -> None:
    assert unknown_names("*stock adds\n  up*, *nothing is ever wrong*") == {"nothing is ever wrong"}


@pytest.mark.parametrize(
    "text", ["`tidings hope`", "`tidings audit --mend`", "`make wishes`", ".venv/bin/tidings dlq x"]
)
def test_a_command_that_does_not_exist_is_found(text: str) -> None:
    assert unknown_commands(text)


def test_every_file_that_the_glossary_names_exists() -> None:
    rows = (DOCS / "glossary.md").read_text().splitlines()
    paths = [path for row in rows for path in re.findall(r"`((?:[\w*.-]+/)+[\w*.-]*)`", row)]
    assert len(paths) > 50
    assert [path for path in paths if not list(ROOT.glob(path.rstrip("/")))] == []


def test_decisions_are_numbered_without_a_gap_and_their_titles_begin_with_the_number() -> None:
    files = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(path.name[:3]) for path in files] == list(range(1, len(files) + 1))
    assert [path.name for path in files if not path.read_text().startswith(f"# {int(path.name[:3])}. ")] == []
