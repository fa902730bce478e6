import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ops.errors import CommandError
from ops.scaffold import known_events, new_consumer
from ops.scaffold.samples import SampleSource
from ops.stage import ROOT

EVENTS = ["PaymentCaptured", "OrderPlaced"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "functions" / "orders").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["", "Popularity", "2nd", "most-liked", "most_liked", "class", "../x", "bus", "alarms", "x" * 33, "orders"]
)
def test_an_invalid_or_taken_name_is_refused(root: Path, name: str) -> None:
    with pytest.raises(CommandError):
        new_consumer(root, name, EVENTS, known_events())
    assert [path.name for path in (root / "functions").iterdir()] == ["orders"]


def test_an_unknown_event_is_refused_with_the_list_of_known_ones(root: Path) -> None:
    with pytest.raises(CommandError, match="there is no event OrderLost; there are DisputeClosed, EmailFailed, "):
        new_consumer(root, "popularity", ["OrderPlaced", "OrderLost"], known_events())
    assert not (root / "functions" / "popularity").exists()


@pytest.mark.parametrize("event", sorted(known_events()))
def test_sample_data_is_valid_for_every_contract(event: str) -> None:
    contract = known_events()[event]
    samples = SampleSource()
    source = samples.of_contract(contract)
    data = eval(source, {each.__name__: each for each in samples.classes})  # noqa: S307 - source that we generated
    assert msgspec.json.decode(msgspec.json.encode(data), type=contract) == data


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the command created two consumers."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("tidings", "contracts", "functions", "ops", "infra", "docs", "tests/unit"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    for path in (*(ROOT / name for name in ("app.py", "cdk.json", "pyproject.toml")), *ROOT.glob("requirements*.txt")):
        shutil.copy(path, copy)
    shutil.copy(ROOT / "tests" / "__init__.py", copy / "tests")
    run(copy, "-m", "ops", "new", "consumer", "popularity", "--on", "OrderConfirmed")
    options = [option for event in EVENTS for option in ("--on", event)]
    run(copy, "-m", "ops", "new", "consumer", "fame", *options)
    return copy


def paths_of(*names: str) -> list[str]:
    return [path for name in names for path in (f"functions/{name}", f"tests/unit/functions/test_{name}.py")]


def run(folder: Path, *arguments: str) -> str:
    """Run Python in a folder, and return what it printed."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(  # noqa: S603 - our own tools
        [sys.executable, *arguments], cwd=folder, env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_sound(project: Path, *paths: str) -> None:
    run(project, "-m", "ruff", "check", *paths)
    run(project, "-m", "ruff", "format", "--check", *paths)
    run(project, "-m", "mypy", *paths)


def test_a_new_consumer_passes_the_projects_checks_and_its_own_tests(project: Path) -> None:
    paths = paths_of("popularity", "fame")
    assert_sound(project, *paths)
    assert "5 passed" in run(project, "-m", "pytest", "-q", *(path for path in paths if path.endswith(".py")))


def test_a_new_consumer_is_in_the_published_documents(project: Path) -> None:
    published = (project / "docs" / "contracts" / "asyncapi.json").read_text()
    assert "popularity" in published
    assert "fame" in published


def test_a_new_consumer_can_count_units_instead(project: Path) -> None:
    handlers, test = project / "functions/popularity/handlers.py", project / "tests/unit/functions/test_popularity.py"
    edit(handlers, "    events: tuple[str, ...] = ()\n", "    events: tuple[str, ...] = ()\n    units: int = 0\n")
    edit(
        handlers,
        "(entity: Entity[Seen], event: Event[OrderConfirmed])",
        "(_entity: Entity[Seen], event: Event[OrderConfirmed])",
    )
    edit(
        handlers,
        "return _remember(entity, event)",
        "return Save(Seen(units=sum(line.quantity for line in event.data.lines)))",
    )
    edit(test, 'EXPECTED = Seen(events=("OrderConfirmed",))', "EXPECTED = Seen(units=2)")
    assert_sound(project, *paths_of("popularity"))
    assert "2 passed" in run(project, "-m", "pytest", "-q", "tests/unit/functions/test_popularity.py")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new))
