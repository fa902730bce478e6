from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from ops.cli import app
from ops.dlq import Summary, advice, age, counted


@pytest.fixture
def run(tmp_path: Path) -> CliRunner:
    return CliRunner(env={"TIDINGS_LOCAL": str(tmp_path), "TIDINGS_STAGE": "local"})


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "0.01"])
@pytest.mark.parametrize("command", [["dlq", "redrive", "payment"], ["relay", "--order", "1"]])
def test_a_rate_that_is_none_is_refused(run: CliRunner, command: list[str], rate: str) -> None:
    assert run.invoke(app, [*command, "--rate", rate]).exit_code == 2


@pytest.mark.parametrize("limit", ["0", "-1", "all"])
def test_a_limit_that_is_none_is_refused(run: CliRunner, limit: str) -> None:
    assert run.invoke(app, ["dlq", "show", "payment", "--limit", limit]).exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        ["dlq", "list"],
        ["dlq", "show", "payment"],
        ["dlq", "redrive", "payment"],
        ["dlq", "drop", "payment", "--yes"],
        ["relay", "--order", "1"],
    ],
)
def test_a_stage_that_cannot_be_reached_is_told_in_one_line(run: CliRunner, command: list[str]) -> None:
    answer = run.invoke(app, command)
    assert answer.exit_code == 1
    assert answer.output == "Error: the local cloud does not run; start it with make run\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--order ID"),
        (["--service", "orders"], "--since TIME"),
        (["--since", "yesterday"], "'yesterday' is no time"),
        (["--since", "2999-01-01"], "lies in the future"),
        (["--order", "1", "--since", "13:00"], "'13:00' is no time"),
    ],
)
def test_a_relaying_that_makes_no_sense_is_refused_in_one_line(run: CliRunner, arguments: list[str], told: str) -> None:
    answer = run.invoke(app, ["relay", *arguments])
    assert answer.exit_code == 1
    assert answer.output.count("\n") == 1
    assert told in answer.output


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (3_660, "1 h 1 min"),
        (86_400 * 13 + 3_600 * 5, "13 d 5 h"),
    ],
)
def test_an_age_is_told_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert age(seconds * 1000) == text


def test_a_count_tells_of_each_reason() -> None:
    assert (
        counted({"undecodable": 1, "gave-up": 1_200}, "dropped")
        == "1,201 messages dropped (gave-up 1,200, undecodable 1)"
    )
    assert counted({"gave-up": 1}, "dropped") == "1 message dropped (gave-up 1)"
    assert counted({}, "dropped") == "0 messages dropped"


def test_what_a_relay_gave_up_without_a_time_is_relayed_since_one_that_the_operator_knows() -> None:
    summary = Summary("orders", "relay", 1, 0, 1, None, {"not-relayed": 1})
    assert list(advice([summary])) == [
        "tidings relay --service orders --since TIME; then tidings dlq drop orders --relay"
    ]
    seen = replace(summary, since="2026-01-31T12:00:00.000Z")
    assert "--since 2026-01-31T12:00:00.000Z;" in next(advice([seen]))
    # Of more than were looked at, an earlier one may be among the others.
    assert "--since TIME;" in next(advice([replace(seen, waiting=seen.examined + 1)]))
