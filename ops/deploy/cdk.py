"""The CDK's command line for a stage on AWS, and the stacks that it synthesized."""

import json
import os
import subprocess
import sys
from pathlib import Path

from ops.errors import CommandError
from ops.local.deploy import CDK
from ops.stage import ROOT

ASSEMBLY = ROOT / "cdk.out"
"""The folder of the synthesized templates."""


def deploy_stacks(stage: str, *, first: bool, approve: bool) -> None:
    """Deploy all stacks of a stage by the user's own settings of AWS. The CDK talks to the user's terminal.

    Args:
        stage: The stage's name.
        first: Whether nothing is protected from deletion yet.
        approve: Whether to deploy changes of rights without a question.

    Raises:
        CommandError: If the CDK is not installed, or the deployment fails.
    """
    if not CDK.exists():
        raise CommandError("the CDK's command line is not installed; run make install")
    command = [str(CDK), "deploy", "--all", "--output", str(ASSEMBLY), "-c", f"stage={stage}"]
    command += ["-c", "first=yes"] if first else []
    command += ["--require-approval", "never"] if approve else []
    # Node and the app's Python are those of the virtual environment.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=False)  # noqa: S603 - the pinned tool
    if done.returncode != 0:
        raise CommandError("the stacks are not deployed; correct what the CDK says above, and run the command again")


def synthesized_stacks(assembly: Path = ASSEMBLY) -> frozenset[str]:
    """Return the names of the stacks in a cloud assembly."""
    artifacts = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    return frozenset(
        artifact["properties"].get("stackName", name)
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    )
