from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.failure import Failure
from ops.moment import moment_of
from ops.replaying import Request, permitted, subscription_works, told
from ops.sequence import Gap
from tests.unit.facts import NOON_MILLIS


@pytest.fixture
def run(tmp_path: Path) -> CliRunner:
    return CliRunner(env={"TIDINGS_LOCAL": str(tmp_path), "TIDINGS_STAGE": "local"})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["history"], "history is the log itself"),
        (["nobody"], "there is no service 'nobody'; there are"),
        (["payment"], "payment acts outside (mail, money)"),
        (["notification", "--order", "1"], "--from"),
        (["fraud", "--type", "OrderPlaced", "--type", "Unheard"], "fraud does not subscribe to Unheard; it does to"),
        (["fraud", "--from", "noon"], "'noon' is no time"),
        (["payment", "--rebuild"], "payment acts outside, so it cannot forget"),
        (["inventory", "--rebuild"], "inventory announces events, so it cannot forget"),
        (["history", "--rebuild"], "history is the log itself"),
    ],
)
def test_what_would_harm_or_makes_no_sense_is_refused_in_one_line(
    run: CliRunner, arguments: list[str], told: str
) -> None:
    answer = run.invoke(app, ["replay", *arguments])
    assert answer.exit_code == 1
    assert answer.output.count("\n") == 1
    assert told in answer.output


@pytest.mark.parametrize("rate", ["0", "-1", "fast"])
def test_a_rate_that_is_none_is_refused(run: CliRunner, rate: str) -> None:
    assert run.invoke(app, ["replay", "fraud", "--rate", rate]).exit_code == 2


def test_who_acts_outside_is_replayed_to_from_a_time_that_is_spelled_out() -> None:
    assert permitted(Request(consumer="payment", start="2026-01-31")).name == "payment"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("2026-01-31T12:30", "2026-01-31T12:30:00.000Z"),
        ("2026-01-31T12:30:00.123Z", "2026-01-31T12:30:00.123Z"),
        ("2026-01-31T12:30:00+01:00", "2026-01-31T11:30:00.000Z"),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, moment: str) -> None:
    assert moment_of(text) == moment


def test_a_text_that_is_no_time_is_refused_with_an_example() -> None:
    with pytest.raises(Failure, match="2026-11-22T01:30:00Z"):
        moment_of("yesterday")


class Stacks:
    """CloudFormation, as much of it as is looked at."""

    def get_paginator(self, _name: str) -> "Stacks":
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        assert asked == {"StackName": "tidings-dev-analytics"}
        times = {"AWS::SNS::Subscription": 12, "AWS::Lambda::Function": 15}
        return [
            {"StackResourceSummaries": [{"ResourceType": kind, "LastUpdatedTimestamp": at(hour)}]}
            for kind, hour in times.items()
        ]


def at(hour: int) -> datetime:
    return datetime(2026, 1, 31, hour, tzinfo=UTC)


def test_a_subscription_surely_works_a_delay_after_its_last_change() -> None:
    stacks: Any = Stacks()
    assert subscription_works(stacks, "tidings-dev-analytics", 900) == NOON_MILLIS + 900_000


def test_gaps_are_told_by_order_and_source() -> None:
    gaps = [Gap("b", "payment", 1), Gap("a", "orders", 10), Gap("a", "orders", 2)]
    assert list(told(gaps)) == [
        "Not recorded: of order a, from orders, number 2, 10",
        "Not recorded: of order b, from payment, number 1",
    ]


def test_of_many_gaps_the_first_are_told_and_the_number_of_the_others() -> None:
    lines = list(told([Gap(f"order-{n:03d}", "orders", 1) for n in range(100)]))
    assert len(lines) == 21
    assert lines[-1] == "and the like for 80 more"
