"""Copies of the project, which tests change and synthesize as the CDK's command line does."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra.discovery import ROOT
from tests.infra.synthesis import CONTEXT, OWNED, PLACEHOLDER, PUBLISHABLE_KEY, Synthesis

FOLDERS = ("tidings", "contracts", "functions", "infra")


def copy_project(target: Path) -> Path:
    """Copy what a synthesis needs, without anything that was built, and set an operator's own addresses and key."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "cdk.json", *(path.name for path in ROOT.glob("requirements*.txt"))):
        shutil.copy(ROOT / name, target)
    settings = target / "infra" / "shop.py"
    text = settings.read_text().replace(PLACEHOLDER, OWNED)
    with_key = text.replace('gateway="stripe",', f'gateway="stripe",\n        publishable_key="{PUBLISHABLE_KEY}",')
    settings.write_text(with_key)
    return target


def run_app(project: Path, *command: str, **context: str) -> "subprocess.CompletedProcess[str]":
    """Run a project's app, or another command of Python, with the CDK's environment."""
    environment = {"CDK_OUTDIR": str(project / "cdk.out"), "CDK_CONTEXT_JSON": json.dumps(CONTEXT | context)}
    return subprocess.run(  # noqa: S603 - the project's own code
        [sys.executable, *(command or ("app.py",))],
        cwd=project,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def synthesize_project(project: Path) -> Synthesis:
    """Synthesize the stage `dev` of a project."""
    done = run_app(project)
    assert done.returncode == 0, done.stderr
    return Synthesis("dev", project / "cdk.out")


def changed_stacks(before: Synthesis, after: Synthesis) -> set[str]:
    """Return the stacks of both whose template differs, with everything that it refers to by a hash."""
    old, new = before.templates, after.templates
    return {name for name in old.keys() & new.keys() if old[name] != new[name]}


def code_of(synthesis: Synthesis) -> dict[str, str]:
    """Return the hash of each function's code, by the function's name."""
    return {
        function.properties["FunctionName"]: function.properties["Code"]["S3Key"]
        for function in synthesis.resources("AWS::Lambda::Function")
    }
