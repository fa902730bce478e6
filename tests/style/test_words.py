"""The words that the code may use: the library knows no shop, and prose is plain English."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("tidings", "contracts", "functions", "infra", "ops", "bench", "examples", "tests")
PROSE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs")

SHOP = re.compile(r"order|customer|sku|money|payment|receipt|stock", re.IGNORECASE)
ALLOWED = re.compile(r"\bin order\b|\bout of order\b|\bordered\b|receipt_?handle", re.IGNORECASE)

HABITS = re.compile(
    r"\b(so many|is told|are told|is off|at it|stands? in|for ever|there is none|of (its|their) own|nothing but)\b",
    re.IGNORECASE,
)
RIDDLE = re.compile(r"(?:^(?:\s*[-*>] )?|[.;!?]\**\s+)(What|Whatever|Whoever|Whether|That which)\b(?![^.?!]*\?)")
"""A sentence whose subject is a clause. A question is none."""

FIRST_WORDS = re.compile(
    r"^(What|Whether|Whoever|Whatever|Who|How|Where|When|Why|That|If|"
    r"Reads?|Writes?|Gives?|Tells?|Executes?|Commits?|Returns?|Puts?|Decides?|Holds?|Handles?|Sends?|Publishes|Serves?|"
    r"Makes?|Finds?|Looks?|Says?|Asks?|Takes?|Keeps?|Counts?|Runs?|Starts?|Stops?|Waits?|Checks?|Chooses|Shows?|Sums?|"
    r"Builds?|Creates?|Deploys?|Places?|Cancels?|Parses?|Encodes?|Decodes?|Projects|Relays|Notes|Compares|Does|Adds?)\b"
)
"""First words with which a class's or module's docstring is not a noun phrase."""


def files(folders: tuple[str, ...], suffix: str) -> list[Path]:
    roots = [ROOT / folder for folder in folders]
    found = [path for root in roots for path in ([root] if root.is_file() else root.rglob(f"*{suffix}"))]
    # This file contains the words themselves.
    return sorted(path for path in found if "__pycache__" not in path.parts and path != Path(__file__))


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def shop_words(text: str) -> list[str]:
    return SHOP.findall(ALLOWED.sub("", text))


def english_of(source: str) -> Iterator[tuple[int, str]]:
    """The comments, docstrings and other texts of a module, by line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#! ")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, " ".join(node.value.split())


def habits(text: str) -> list[str]:
    return [found[0] for found in HABITS.finditer(text)] + [found[0] for found in RIDDLE.finditer(text)]


def test_the_library_contains_no_word_of_the_shop() -> None:
    found = [
        f"{place(path, n)}: {word} in {line.strip()!r}"
        for path in [*files(("tidings",), ".py"), *files(("tidings",), ".md"), *files(("tidings",), ".toml")]
        for n, line in enumerate(path.read_text().splitlines(), start=1)
        for word in shop_words(line)
    ]
    assert not found, "\n".join(found)


def test_no_module_of_the_library_is_named_by_a_word_of_the_shop() -> None:
    assert not [path for path in files(("tidings",), ".py") if shop_words(str(path.relative_to(ROOT)))]


@pytest.mark.parametrize(
    "text", ["place_order", "OrderPlaced", "two orders", "Stock", "RECEIPTS", "the sku", "payments"]
)
def test_a_word_of_the_shop_is_found_also_within_an_identifier(text: str) -> None:
    assert shop_words(text)


@pytest.mark.parametrize("text", ["ReceiptHandle", "receipt_handle", "in order", "out of order", "an ordered set"])
def test_words_that_only_contain_one_of_the_shop_are_allowed(text: str) -> None:
    assert not shop_words(text)


def test_the_code_speaks_plain_english() -> None:
    found = [
        f"{place(path, line)}: {habit!r} in {text[:100]!r}"
        for path in files(CODE, ".py")
        for line, text in english_of(path.read_text())
        for habit in habits(text)
    ]
    assert not found, "\n".join(found)


def test_the_documents_speak_plain_english() -> None:
    found = [
        f"{place(path, n)}: {habit!r}"
        for path in files(PROSE, ".md")
        for n, line in enumerate(path.read_text().splitlines(), start=1)
        for habit in habits(line)
    ]
    assert not found, "\n".join(found)


def test_classes_and_modules_begin_with_a_noun_phrase() -> None:
    found = [
        f"{place(path, getattr(node, 'lineno', 1))}: {docstring.splitlines()[0]!r}"
        for path in files(CODE, ".py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Module | ast.ClassDef)
        and (docstring := ast.get_docstring(node))
        and FIRST_WORDS.match(docstring)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "What waits no longer stays as it is.",
        "Maximum. Whoever asks gets it.",
        "No more than so many.",
        "The goods are there for ever.",
        "- Whatever was stored is read.",
        "**It stays.** What was stored is read.",
    ],
)
def test_a_habit_is_found(text: str) -> None:
    assert habits(text)


@pytest.mark.parametrize("text", ["What happened to order 123?", "Cancel an order that is still pending."])
def test_plain_english_is_not_taken_for_a_habit(text: str) -> None:
    assert not habits(text)
