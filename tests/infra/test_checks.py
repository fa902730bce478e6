"""The checks of the templates, and that they find problems."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from infra.build import build
from infra.constructs import nag
from infra.shop import shop
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, Synthesis


def test_cdk_nag_finds_nothing_in_dev_and_prod(dev: Synthesis, prod: Synthesis) -> None:
    for synthesis in (dev, prod):
        assert json.loads((synthesis.folder / "validation-report.json").read_text())["pluginReports"] == []


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_an_unsafe_queue_among_the_shops_stacks_stops_the_synthesis(stage: str, tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path), analytics_reporting=False)
    build(app, shop(STAGES[stage]))
    sqs.Queue(Stack(app, "unsafe"), "queue")
    with pytest.raises(RuntimeError, match="AwsSolutions-SQS3"):
        app.synth()


def test_an_acknowledgement_covers_its_own_finding_and_no_other(tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path), analytics_reporting=False)
    role = iam.Role(Stack(app, "unsafe"), "role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=["s3:*"], resources=["*"]))
    nag.acknowledge(role, "IAM5[Resource::*]", "For this test.")
    nag.check(app)
    with pytest.raises(RuntimeError, match=r"IAM5\[Action::s3:\*\]") as caught:
        app.synth()
    assert "Resource::*" not in str(caught.value)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_cfn_lint_finds_nothing(stage: str, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    files = map(str, synthesis.files.values())
    done = subprocess.run([str(cfn_lint), *files], capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0
