"""The schedules of a function."""

from pathlib import Path

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_lambda as lambda_

from infra.constructs.function import Function
from infra.constructs.schedule import invoke_on_schedule
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, Synthesis


@pytest.fixture
def scheduled(tmp_path: Path) -> Synthesis:
    """Return the synthesis of a stack with three schedules, two of which invoke the same function."""
    code, assembly = tmp_path / "code", tmp_path / "assembly"
    code.mkdir()
    app = App(context=CONTEXT, outdir=str(assembly), analytics_reporting=False)
    stack = Stack(app, "tidings-dev-desk")
    often, daily = (
        Function(
            stack,
            name,
            stage=STAGES["dev"],
            description="Does nothing",
            handler="index.handler",
            code=lambda_.Code.from_asset(str(code)),
        )
        for name in ("often", "daily")
    )
    invoke_on_schedule(stack, "often", often, "Runs every minute")
    invoke_on_schedule(stack, "seldom", often, "Runs every hour", Duration.hours(1), {"all": True})
    invoke_on_schedule(stack, "daily", daily, "Runs every day", Duration.days(1))
    app.synth()
    return Synthesis("dev", assembly)


def test_each_schedule_invokes_its_function_at_its_rate_with_its_event(scheduled: Synthesis) -> None:
    found = {
        each.properties["Name"]: (each.properties["ScheduleExpression"], each.properties["Target"]["Input"])
        for each in scheduled.resources("AWS::Scheduler::Schedule")
    }
    assert found == {
        "tidings-dev-desk-often": ("rate(1 minute)", "{}"),
        "tidings-dev-desk-seldom": ("rate(1 hour)", '{"all":true}'),
        "tidings-dev-desk-daily": ("rate(1 day)", "{}"),
    }


def test_the_schedules_of_a_function_share_a_role_that_may_invoke_no_other(scheduled: Synthesis) -> None:
    targets = [each.properties["Target"] for each in scheduled.resources("AWS::Scheduler::Schedule")]
    roles = {target["RoleArn"]["Fn::GetAtt"][0]: target["Arn"] for target in targets}
    allowed = {
        policy.properties["Roles"][0]["Ref"]: resource
        for policy, action, resource in scheduled.allowed()
        if action == "lambda:InvokeFunction"
    }
    assert len(targets) == 3
    assert len(roles) == 2
    assert roles == allowed
    assert len(scheduled.resources("AWS::Lambda::EventInvokeConfig")) == 2
