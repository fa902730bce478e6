import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops.failure import Failure
from ops.scaffold import known_events, new_consumer
from ops.stage import ROOT

EVENTS = ["PaymentCaptured", "OrderPlaced"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "functions" / "orders").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["", "Popularity", "2nd", "most-liked", "most_liked", "class", "../x", "bus", "alarms", "x" * 33, "orders"]
)
def test_a_name_that_is_none_or_taken_is_refused(root: Path, name: str) -> None:
    with pytest.raises(Failure):
        new_consumer(root, name, EVENTS, known_events())
    assert [path.name for path in (root / "functions").iterdir()] == ["orders"]


def test_an_event_that_there_is_not_is_refused_with_those_that_there_are(root: Path) -> None:
    with pytest.raises(Failure, match=r"there is no event OrderLost; there are EmailFailed, OrderCancelled"):
        new_consumer(root, "popularity", ["OrderPlaced", "OrderLost"], known_events())
    assert not (root / "functions" / "popularity").exists()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A copy of the project in which the command wrote two consumers, and their files."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("tidings", "functions", "ops", "infra", "docs", "tests/unit"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*(ROOT / name for name in ("app.py", "cdk.json", "pyproject.toml")), *ROOT.glob("requirements*.txt")):
        shutil.copy(path, copy)
    shutil.copy(ROOT / "tests" / "__init__.py", copy / "tests")
    run(copy, "-m", "ops", "new", "consumer", "popularity", *(option for event in EVENTS for option in ("--on", event)))
    run(copy, "-m", "ops", "new", "consumer", "fame", "--on", "OrderConfirmed")
    names = ("popularity", "fame")
    return copy, [path for name in names for path in (f"functions/{name}", f"tests/unit/functions/test_{name}.py")]


def run(folder: Path, *arguments: str) -> str:
    """Runs one of Python's programs in a folder; gives what it printed."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(  # noqa: S603 - our own tools
        [sys.executable, *arguments], cwd=folder, env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_written_passes_the_projects_checks_and_its_own_tests(written: tuple[Path, list[str]]) -> None:
    copy, paths = written
    run(copy, "-m", "ruff", "check", *paths)
    run(copy, "-m", "ruff", "format", "--check", *paths)
    run(copy, "-m", "mypy", *paths)
    assert "2 passed" in run(copy, "-m", "pytest", "-q", *(path for path in paths if path.endswith(".py")))


def test_what_is_written_stands_in_the_published_documents(written: tuple[Path, list[str]]) -> None:
    copy, _ = written
    published = (copy / "docs" / "contracts" / "asyncapi.json").read_text()
    assert "popularity" in published
    assert "fame" in published
