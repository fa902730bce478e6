"""The documents whose commands and code the tests execute as they are printed."""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from ops.stage import ROOT

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial" / "first-consumer.md"
GUIDES = ROOT / "docs" / "guides"
FENCED = re.compile(r"^(<!-- needs an AWS account -->\n)?```(sh|python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONG = re.compile(r"^make (test|bench)\b.*\n", re.MULTILINE)
"""The commands that are not executed: one would run this test again, and the other measures for minutes."""

IN_A_COPY = ("add-a-projection", "add-a-route", "costs", "write-a-second-domain")
"""The guides whose commands change or deploy the project."""

ON_THE_SHOP = ("audit", "break-and-mend", "export-and-erase", "refunds-approvals-and-disputes", "replay-and-redrive")
"""The guides whose commands `test_guides.py` executes on a shop that has something to show."""


class Block(NamedTuple):
    """A fenced block of a document."""

    language: Literal["sh", "python", "diff"]
    text: str


def blocks(document: Path) -> list[Block]:
    """Return a document's blocks of commands and code, except those that are marked as needing an AWS account."""
    found = FENCED.findall(document.read_text())
    return [Block(language, text) for marked, language, text in found if not marked]


def commands(document: Path) -> list[str]:
    """Return a document's blocks of commands, without those that are not executed."""
    return [LONG.sub("", block.text) for block in blocks(document) if block.language == "sh"]
