from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from ops.cli import app
from ops.console import plain
from ops.dlq.queues import DeadLetterSelection, QueueStatus
from ops.dlq.report import FAILURES, advice, failing_again, format_counts, listing, listing_json, status_table
from ops.stage import ROOT
from ops.times import format_age, parse_since, parse_time
from tests.unit.ops.terminal import eighty_columns
from tidings.core.clock import from_rfc3339, now
from tidings.recovery import DeadLetterDetails
from tidings.recovery.dead_letters import REMEDIES
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
        (["--since", "0m"], "or a duration before now like 15m, 2h or 3d"),
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
    assert list(advice([status], "local")) == [
        "tidings relay --service orders --since TIME; then tidings dlq drop orders --relay"
    ]
    dated = replace(status, since="2026-01-31T12:00:00.000Z")
    assert "--since 2026-01-31T12:00:00.000Z;" in next(advice([dated], "local"))
    assert "--since TIME;" in next(advice([replace(dated, waiting=dated.examined + 1)], "local"))


def test_the_advice_about_a_relay_tells_refused_events_and_batches_apart() -> None:
    status = QueueStatus(
        "orders", "relay", 3, 0, 3, None, {"refused": 2, "MaxRecordAgeExceeded": 1}, NOON, {"refused": 2}
    )
    show = "tidings dlq show orders --relay; it says for each refused event what to do"
    drop = "tidings dlq drop orders --relay --reason MaxRecordAgeExceeded"
    batch = f"tidings relay --service orders --since {NOON}; then {drop}"
    assert list(advice([status], "local")) == [show, batch]
    assert list(advice([replace(status, waiting=2, examined=2, reasons={"refused": 2})], "local")) == [show]
    assert list(advice([replace(status, waiting=9, reasons={"refused": 2})], "local")) == [
        show,
        "tidings relay --service orders --since TIME; then tidings dlq drop orders --relay --reason REASON",
    ]


def dead_letters_of(**reasons: int) -> QueueStatus:
    named = {name.replace("_", "-"): number for name, number in reasons.items()}
    number = sum(reasons.values())
    return QueueStatus("payment", "dlq", number, 0, number, None, named)


def test_messages_that_failed_because_of_the_moment_are_redriven_together() -> None:
    status = dead_letters_of(gave_up=1, waited_too_long=2, received_too_often=1)
    assert list(advice([status], "local")) == ["tidings dlq show payment; then tidings dlq redrive payment"]


@pytest.mark.parametrize("reason", ["undecodable", "not-an-event", "oversized"])
def test_a_message_that_is_no_event_is_dropped(reason: str) -> None:
    status = QueueStatus("payment", "dlq", 1, 0, 1, None, {reason: 1})
    assert list(advice([status], "local")) == [
        f"tidings dlq show payment --reason {reason}; then tidings dlq drop payment --reason {reason}"
    ]


def test_an_event_of_another_source_is_dropped_once_its_publisher_is_known() -> None:
    (line,) = advice([dead_letters_of(wrong_source=1)], "local")
    assert line.endswith("; find out who published it; then tidings dlq drop payment --reason wrong-source")


@pytest.mark.parametrize(
    ("reason", "first"),
    [
        ("unknown-type", "deploy a version of the service that knows the event"),
        ("unknown-version", "deploy a version of the service that knows the event"),
        ("breaks-contract", "deploy a version of the service that knows the event"),
        ("from-the-future", "wait until the event's time has come"),
        ("unknown-order", "correct what the error's text says"),
    ],
)
def test_the_advice_names_what_must_happen_before_a_redrive_can_succeed(reason: str, first: str) -> None:
    status = QueueStatus("payment", "dlq", 1, 0, 1, None, {reason: 1})
    assert list(advice([status], "local")) == [f"tidings dlq show payment; {first}; then tidings dlq redrive payment"]


def test_what_is_never_handled_is_dropped_before_the_others_are_redriven_together() -> None:
    status = dead_letters_of(undecodable=1, gave_up=1, unknown_type=1, unknown_version=1, oversized=1)
    assert [line.partition("; ")[2] for line in advice([status], "local")] == [
        "then tidings dlq drop payment --reason oversized",
        "then tidings dlq drop payment --reason undecodable",
        "deploy a version of the service that knows the event; then tidings dlq redrive payment",
    ]


def test_messages_that_were_not_examined_are_shown_first() -> None:
    status = QueueStatus("payment", "dlq", 5, 0, 0, None, {})
    assert list(advice([status], "local")) == ["tidings dlq show payment"]


def test_the_advice_names_the_stage_unless_it_is_the_default() -> None:
    assert list(advice([dead_letters_of(gave_up=1)], "prod")) == [
        "tidings --stage prod dlq show payment; then tidings --stage prod dlq redrive payment"
    ]


def letter(reason: str, event: str = "orders/o/1") -> DeadLetterDetails:
    return DeadLetterDetails("m", ORDER, event, "OrderPlaced", reason, "", 1, NOON)


def test_the_shown_messages_are_followed_by_the_commands_that_help_them() -> None:
    selection = DeadLetterSelection(service="payment", order=ORDER)
    assert list(listing([letter("undecodable")], selection, "local"))[-1] == (
        f"tidings dlq show payment --order {ORDER} --reason undecodable; "
        f"then tidings dlq drop payment --order {ORDER} --reason undecodable"
    )


def test_the_advice_about_messages_of_a_reason_concerns_no_others() -> None:
    selection = DeadLetterSelection(service="payment", reason="gave-up")
    last = list(listing([letter("gave-up")], selection, "local"))[-1]
    assert last.endswith("then tidings dlq redrive payment --reason gave-up")


def test_a_redrive_names_the_messages_that_fail_again_unless_their_reason_was_asked_for() -> None:
    reasons = {"gave-up": 2, "undecodable": 1, "unknown-type": 3}
    everything = DeadLetterSelection(service="payment", kind="undelivered")
    assert failing_again(reasons, everything, "dev") == (
        "4 messages will fail again unless the cause is removed (undecodable 1, unknown-type 3); "
        "tidings --stage dev dlq show payment --undelivered says what helps."
    )
    assert failing_again(reasons, DeadLetterSelection(service="payment", reason="undecodable"), "dev") is None
    assert failing_again({"gave-up": 2}, everything, "dev") is None


def test_the_guide_names_each_reason_with_its_remedy() -> None:
    guide = (ROOT / "docs" / "guides" / "replay-and-redrive.md").read_text()
    for reason, remedy in REMEDIES.items():
        if reason != "undelivered":
            row = next(line for line in guide.splitlines() if line.startswith("|") and f"`{reason}`" in line)
            assert remedy.action in row.lower()


def test_a_table_of_dead_letters_breaks_no_word_in_eighty_columns() -> None:
    reasons = {"waited-too-long": 1_000, "received-too-often": 1_000, "MaxRecordAgeExceeded": 1_000}
    old = "2026-01-01T00:00:00.000Z"
    statuses = [QueueStatus("recommendation", kind, 12_000, 1_000, 3_000, old, reasons) for kind in FAILURES]
    page = eighty_columns(status_table(statuses, from_rfc3339(old) + 86_400_000 * 13 + 3_600_000 * 23))
    words = ("recommendation", "not delivered", "12,000", "+1,000", "in flight", "13 d 23 h", "(of the first 3,000)")
    for word in (*words, *(f"{reason} 1,000" for reason in reasons)):
        assert word in page


def test_the_detail_of_a_dead_letter_cannot_imitate_other_lines() -> None:
    details = replace(letter("gave-up"), detail="a fault\ntidings dlq drop payment\u2028--yes")
    lines = list(listing([details], DeadLetterSelection(service="payment", kind="dlq"), "local"))
    assert "    a fault tidings dlq drop payment --yes" in lines


def test_the_body_of_a_dead_letter_is_shown_on_request_only() -> None:
    details, selection = letter("gave-up"), DeadLetterSelection(service="payment", kind="dlq")
    assert listing_json([details])[0].keys() == listing_json([details], {"m": "text"})[0].keys() - {"body"}
    assert listing_json([details], {"m": "text"})[0]["body"] == "text"
    assert not [line for line in listing([details], selection, "local") if "body" in line]
    lines = list(listing([details], selection, "local", {"m": "a text\ntidings dlq drop payment"}))
    assert "    body: a text tidings dlq drop payment" in lines


def test_a_dead_letter_cannot_control_the_terminal() -> None:
    status = QueueStatus("payment", "dlq", 1, 0, 1, None, {"\x1b[2J[/x]": 1})
    assert "\x1b" not in eighty_columns(status_table([status], 0))
    assert plain("a\x1b[2J\tb\n") == "a\N{REPLACEMENT CHARACTER}[2J\tb\n"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7_200), ("3d", 259_200)])
def test_a_period_begins_a_duration_before_now(text: str, seconds: int) -> None:
    before = now()
    assert before - seconds * 1000 <= from_rfc3339(parse_since(text)) <= now() - seconds * 1000


@pytest.mark.parametrize("text", ["2026-11-22", "2026-11-22T01:30:00+01:00"])
def test_a_period_begins_at_a_time(text: str) -> None:
    assert parse_since(text) == parse_time(text)
