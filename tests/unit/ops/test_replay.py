from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.errors import CommandError
from ops.replay.options import ReplayOptions
from ops.replay.report import describe_gaps, describe_state, report
from ops.replay.subscription import effective_since
from ops.times import parse_time
from tidings.core.clock import from_rfc3339
from tidings.recovery import Gap, ReplayProgress, ReplayState
from tidings.testing import NOON


@pytest.fixture
def run(tmp_path: Path) -> CliRunner:
    return CliRunner(env={"TIDINGS_LOCAL": str(tmp_path), "TIDINGS_STAGE": "local"})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["history"], "history is the event log itself"),
        (["nobody"], "there is no service 'nobody'; there are"),
        (["payment"], "payment has side effects (mail, money)"),
        (["notification", "--order", str(UUID(int=1))], "--from"),
        (["fraud", "--order", "#stock"], "'#stock' is not an order's id"),
        (["fraud", "--order", "stock#probe"], "'stock#probe' is not an order's id"),
        (["fraud", "--from", "9999-12-31T23:59:59-01:00"], "is not a time"),
        (["fraud", "--from", "0001-01-01T00:00+01:00"], "is not a time"),
        (["fraud", "--type", "OrderPlaced", "--type", "Unknown"], "fraud does not subscribe to Unknown; it subscribes"),
        (["fraud", "--from", "noon"], "'noon' is not a time"),
        (["fraud", "--from", "0h"], "or a duration before now like 15m, 2h or 3d"),
        (["fraud", "--to", "2w"], "or a duration before now like 15m, 2h or 3d"),
        (["payment", "--rebuild"], "payment has side effects, so its state cannot be deleted"),
        (["inventory", "--rebuild"], "inventory announces events, so its state cannot be deleted"),
        (["history", "--rebuild"], "history is the event log itself"),
        (["live"], "live keeps no record of the events that it has handled, and would show past events as new ones"),
        (["live", "--from", "1h"], "no event can be replayed to it"),
        (["live", "--rebuild"], "no event can be replayed to it"),
    ],
)
def test_the_error_about_a_harmful_or_invalid_replay_is_one_line(
    run: CliRunner, arguments: list[str], text: str
) -> None:
    answer = run.invoke(app, ["replay", *arguments])
    assert answer.exit_code == 1
    assert answer.output.count("\n") == 1
    assert text in answer.output


@pytest.mark.parametrize(
    ("total", "dry_run", "text"),
    [
        (None, False, "1,800 messages sent"),
        (2000, False, "1,800 of 2,000 messages sent"),
        (None, True, "1,800 messages counted"),
    ],
)
def test_the_progress_shows_the_sent_messages_and_their_total_once_it_is_known(
    total: int | None, dry_run: bool, text: str
) -> None:
    assert describe_state(ReplayState(0, 1800, total), dry_run) == text


@pytest.mark.parametrize("rate", ["0", "-1", "fast"])
def test_an_invalid_rate_is_refused(run: CliRunner, rate: str) -> None:
    assert run.invoke(app, ["replay", "fraud", "--rate", rate]).exit_code == 2


def test_a_service_with_side_effects_receives_events_from_an_explicit_time_on() -> None:
    assert ReplayOptions(consumer="payment", start="2026-01-31").checked_service().name == "payment"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("2026-01-31T12:30", "2026-01-31T12:30:00.000Z"),
        ("2026-01-31T12:30:00.123Z", "2026-01-31T12:30:00.123Z"),
        ("2026-01-31T12:30:00+01:00", "2026-01-31T11:30:00.000Z"),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, time: str) -> None:
    assert parse_time(text) == time


def test_the_error_about_an_invalid_time_contains_an_example() -> None:
    with pytest.raises(CommandError, match="2026-11-22T01:30:00Z"):
        parse_time("yesterday")


class CloudFormationClient:
    """A client for one stack with a subscription that was changed at noon, and a function that was changed later."""

    def get_paginator(self, _name: str) -> "CloudFormationClient":
        return self

    def paginate(self, **request: str) -> list[dict[str, Any]]:
        assert request == {"StackName": "tidings-dev-analytics"}
        times = {"AWS::SNS::Subscription": 12, "AWS::Lambda::Function": 15}
        return [
            {
                "StackResourceSummaries": [
                    {"ResourceType": kind, "LastUpdatedTimestamp": datetime(2026, 1, 31, hour, tzinfo=UTC)}
                ]
            }
            for kind, hour in times.items()
        ]


def test_a_subscription_is_effective_a_delay_after_its_last_change() -> None:
    client: Any = CloudFormationClient()
    assert effective_since(client, "tidings-dev-analytics", 900) == from_rfc3339(NOON) + 900_000


def test_gaps_are_shown_by_order_and_source() -> None:
    gaps = [Gap("b", "payment", 1), Gap("a", "orders", 10), Gap("a", "orders", 2)]
    assert list(describe_gaps(gaps)) == [
        "Not recorded: of order a, from orders, number 2, 10",
        "Not recorded: of order b, from payment, number 1",
    ]


def test_of_many_gaps_the_first_are_shown_and_the_others_counted() -> None:
    lines = list(describe_gaps([Gap(f"order-{n:03d}", "orders", 1) for n in range(100)]))
    assert len(lines) == 21
    assert lines[-1] == "and 80 more"


def test_a_replay_that_could_not_send_an_event_ends_with_an_error_that_names_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = ReplayProgress(NOON, {"OrderPlaced": 3}, failed={"orders/b/1": "Invalid", "orders/a/1": "not-an-event"})
    with pytest.raises(CommandError) as error:
        report(ReplayOptions(consumer="loyalty"), outcome)
    assert str(error.value) == (
        "2 recorded events cannot be sent to loyalty: orders/a/1: not-an-event; orders/b/1: Invalid"
    )
    assert capsys.readouterr().out == "loyalty: 3 messages sent (OrderPlaced 3)\n"


def test_of_many_events_that_could_not_be_sent_the_first_are_named_and_the_others_counted() -> None:
    outcome = ReplayProgress(NOON, failed={f"orders/{n:03d}/1": "Invalid" for n in range(1_200)})
    with pytest.raises(CommandError, match=r"^1,200 recorded events .*; orders/019/1: Invalid; and 1,180 more$"):
        report(ReplayOptions(consumer="loyalty"), outcome)
