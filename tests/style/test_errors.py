"""The texts of errors that both the API and the command line show."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SHARED = ("Problem", "Rule", "RecoveryError", "reporting")
"""The calls whose texts reach callers of the API, or people at the command line, or both."""

OF_COMMANDS = re.compile(r"\btidings [a-z]|(^|\s)--[a-z]|\bcommands?\b|\bmake [a-z]+`|\brun (it|this) again")


def texts(source: str) -> Iterator[str]:
    """Iterate over the constant texts in the arguments of calls that make errors, and in variables for these."""
    for node in ast.walk(ast.parse(source)):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SHARED:
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("detail", "text"):
            values = [node.value]
        for value in values:
            for part in ast.walk(value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


@pytest.mark.parametrize(
    "source",
    [
        'raise RecoveryError(f"{n} are left; run the command again")',
        'Problem(RULE, "use `tidings relay`")',
        'detail = "use --since"',
    ],
)
def test_a_text_about_a_command_is_found(source: str) -> None:
    assert any(map(OF_COMMANDS.search, texts(source)))


@pytest.mark.parametrize("folder", ["functions", "tidings"])
def test_an_error_that_the_api_may_show_names_no_command(folder: str) -> None:
    files = (ROOT / folder).rglob("*.py")
    found = [f"{path.name}: {text}" for path in files for text in texts(path.read_text()) if OF_COMMANDS.search(text)]
    assert found == []
