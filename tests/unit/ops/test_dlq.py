from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from ops.cli import app
from ops.dlq.queues import QueueStatus
from ops.dlq.report import advice, format_counts
from ops.times import format_age
from tidings.testing import NOON

ORDER = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def run(tmp_path: Path) -> CliRunner:
    return CliRunner(env={"TIDINGS_LOCAL": str(tmp_path), "TIDINGS_STAGE": "local"})


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "0.01"])
@pytest.mark.parametrize("command", [["dlq", "redrive", "payment"], ["relay", "--order", ORDER]])
def test_an_invalid_rate_is_refused(run: CliRunner, command: list[str], rate: str) -> None:
    assert run.invoke(app, [*command, "--rate", rate]).exit_code == 2


@pytest.mark.parametrize("limit", ["0", "-1", "all"])
def test_an_invalid_limit_is_refused(run: CliRunner, limit: str) -> None:
    assert run.invoke(app, ["dlq", "show", "payment", "--limit", limit]).exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        ["dlq", "list"],
        ["dlq", "show", "payment"],
        ["dlq", "redrive", "payment"],
        ["dlq", "drop", "payment", "--yes"],
        ["relay", "--order", ORDER],
    ],
)
def test_the_error_about_an_unreachable_stage_is_one_line(run: CliRunner, command: list[str]) -> None:
    answer = run.invoke(app, command)
    assert answer.exit_code == 1
    assert answer.output == "Error: the local cloud does not run; start it with make run\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "--order ID"),
        (["--service", "orders"], "--since TIME"),
        (["--since", "yesterday"], "'yesterday' is not a time"),
        (["--since", "2999-01-01"], "lies in the future"),
        (["--order", ORDER, "--since", "13:00"], "'13:00' is not a time"),
    ],
)
def test_the_error_about_invalid_options_of_relay_is_one_line(run: CliRunner, arguments: list[str], text: str) -> None:
    answer = run.invoke(app, ["relay", *arguments])
    assert answer.exit_code == 1
    assert answer.output.count("\n") == 1
    assert text in answer.output


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
def test_an_age_is_shown_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert format_age(seconds * 1000) == text


def test_a_number_of_messages_is_shown_with_each_reason() -> None:
    assert (
        format_counts({"undecodable": 1, "gave-up": 1_200}, "dropped")
        == "1,201 messages dropped (gave-up 1,200, undecodable 1)"
    )
    assert format_counts({"gave-up": 1}, "dropped") == "1 message dropped (gave-up 1)"
    assert format_counts({}, "dropped") == "0 messages dropped"


def test_the_advice_about_a_relay_names_a_time_only_if_all_its_batches_were_examined() -> None:
    status = QueueStatus("orders", "relay", 1, 0, 1, None, {"not-relayed": 1})
    assert list(advice([status])) == [
        "tidings relay --service orders --since TIME; then tidings dlq drop orders --relay"
    ]
    dated = replace(status, since="2026-01-31T12:00:00.000Z")
    assert "--since 2026-01-31T12:00:00.000Z;" in next(advice([dated]))
    assert "--since TIME;" in next(advice([replace(dated, waiting=dated.examined + 1)]))


def test_the_advice_about_a_relay_tells_refused_events_and_batches_apart() -> None:
    status = QueueStatus(
        "orders", "relay", 3, 0, 3, None, {"refused": 2, "MaxRecordAgeExceeded": 1}, NOON, {"refused": 2}
    )
    show = "tidings dlq show orders --relay; it says for each refused event what to do"
    drop = "tidings dlq drop orders --relay --reason MaxRecordAgeExceeded"
    batch = f"tidings relay --service orders --since {NOON}; then {drop}"
    assert list(advice([status])) == [show, batch]
    assert list(advice([replace(status, waiting=2, examined=2, reasons={"refused": 2})])) == [show]
    assert list(advice([replace(status, waiting=9, reasons={"refused": 2})])) == [
        show,
        "tidings relay --service orders --since TIME; then tidings dlq drop orders --relay --reason REASON",
    ]
