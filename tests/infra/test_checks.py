"""The checks that stand guard over the templates, and that they would notice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from infra import nag
from infra.application import build
from infra.services import discover
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, Synthesis


def test_dev_and_prod_leave_cdk_nag_nothing_to_find(dev: Synthesis, prod: Synthesis) -> None:
    for synthesis in (dev, prod):
        assert json.loads((synthesis.folder / "validation-report.json").read_text())["pluginReports"] == []


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_an_unsafe_queue_among_the_shops_stacks_stops_the_synthesis(stage: str, tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path), analytics_reporting=False)
    build(app, STAGES[stage], discover())
    sqs.Queue(Stack(app, "unsafe"), "queue")
    with pytest.raises(RuntimeError, match="AwsSolutions-SQS3"):
        app.synth()


def test_an_acknowledgement_excuses_its_own_finding_and_no_other(tmp_path: Path) -> None:
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
