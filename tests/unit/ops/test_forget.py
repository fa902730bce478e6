"""The records of dropped messages on this machine, and their deletion."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ops.cli import app
from ops.dlq.drop import record
from tests.unit.facts import ORDER, order_placed
from tests.unit.facts import fact as placed
from tidings.core.event import encode
from tidings.recovery import DeadLetterMessage

OTHER = "00000000-0000-4000-8000-000000000099"
PLACED = encode(placed(order_placed()))


def run(directory: Path, *arguments: str, stage: str = "local", **options: str) -> Result:
    return CliRunner().invoke(
        app, ["--stage", stage, "--local", str(directory), "dlq", "forget", *arguments], **options
    )


def message(body: str, group: str | None = None) -> DeadLetterMessage:
    return DeadLetterMessage("m", "r", body, 0, group)


@pytest.fixture
def dropped(tmp_path: Path) -> Path:
    """The folder of two services' dropped messages."""
    folder = tmp_path / "dropped"
    record(folder / "local-payment-dlq.jsonl", [message(PLACED), message("poison", OTHER)])
    record(folder / "local-fraud-undelivered.jsonl", [message(PLACED)])
    record(folder / "dev-payment-dlq.jsonl", [message(PLACED)])
    return folder


def left(folder: Path) -> dict[str, int]:
    return {path.name: len(path.read_text().splitlines()) for path in sorted(folder.iterdir())}


def test_all_records_of_a_stage_are_forgotten(dropped: Path) -> None:
    assert run(dropped.parent, "--yes").stdout == "3 dropped messages forgotten\n"
    assert left(dropped) == {"dev-payment-dlq.jsonl": 1}


def test_the_records_of_one_service_are_forgotten(dropped: Path) -> None:
    assert run(dropped.parent, "fraud", "--yes").stdout == "1 dropped message forgotten\n"
    assert left(dropped) == {"dev-payment-dlq.jsonl": 1, "local-payment-dlq.jsonl": 2}


@pytest.mark.parametrize(("order", "body"), [(ORDER, "poison"), (OTHER, PLACED)])
def test_the_records_about_one_order_are_forgotten(dropped: Path, order: str, body: str) -> None:
    run(dropped.parent, "payment", "--order", order, "--yes")
    path = dropped / "local-payment-dlq.jsonl"
    assert [json.loads(line)["body"] for line in path.read_text().splitlines()] == [body]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_records_that_are_old_enough_are_forgotten(dropped: Path) -> None:
    path = dropped / "local-payment-dlq.jsonl"
    new, old = (json.loads(line) for line in path.read_text().splitlines())
    old["dropped_at"] = "2020-01-01T00:00:00.000Z"
    path.write_text("".join(json.dumps(line) + "\n" for line in (new, old)))
    assert run(dropped.parent, "--older-than", "30d", "--yes").stdout == "1 dropped message forgotten\n"
    assert json.loads(path.read_text()) == new


@pytest.mark.parametrize(("answer", "files"), [("y\n", 1), ("n\n", 3)])
def test_records_are_deleted_once_that_is_confirmed(dropped: Path, answer: str, files: int) -> None:
    done = run(dropped.parent, input=answer)
    assert "The records of 3 dropped messages will be deleted. Continue?" in done.stderr
    assert len(left(dropped)) == files


def test_nothing_is_asked_if_nothing_is_selected(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.stdout, done.stderr) == ("0 dropped messages forgotten\n", "")


def test_a_record_that_cannot_be_read_is_named_and_not_quoted(dropped: Path) -> None:
    path = dropped / "local-payment-dlq.jsonl"
    path.write_text('{"dropped_at": "Zebulon Quux"')
    done = run(dropped.parent, "--yes")
    assert done.exit_code == 1
    assert done.stderr == f"Error: {path} cannot be read or written; delete it yourself if it is not needed\n"


def test_a_stage_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert "no such stage exists" in run(tmp_path, stage="live").stderr
