"""Deploys the real app onto the local cloud, by the same tool and the same code as onto AWS."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from botocore.exceptions import ClientError

from ops.console import Step, step
from ops.failure import Failure
from ops.local import ACCOUNT
from ops.stage import ROOT, Stage

CDK = ROOT / "node_modules" / ".bin" / "cdk"
TOOLKIT = "CDKToolkit"
LOG_LINES = 8

# CloudFormation's events as the CDK prints them: stack | done/all | time | status | type | logical id, reason
EVENT = re.compile(r"^(?P<stack>[\w-]+) \|\s*(?P<done>\d+)/(?P<all>\d+) \|[^|]*\| (?P<status>\w+) +\| (?P<rest>.*)$")
FINISHED = re.compile(r"^\s*✅\s+(?P<stack>[\w-]+)(?: \(no changes\))?$")


def deploy(stage: Stage, directory: Path, app: Sequence[str] = ()) -> None:
    """Bootstraps the local cloud where that is to do, and deploys all stacks; logs in `directory`.

    `app` is the command that synthesizes them, where that is not the project's own app.
    """
    log = directory / "deploy.log"
    log.unlink(missing_ok=True)
    if not _is_bootstrapped(stage):
        with step("Bootstrapping") as shown:
            # Away from the app, which it would synthesize for nothing.
            _cdk(stage, log, shown, directory, "bootstrap", f"aws://{ACCOUNT}/{stage.region}")
    with step("Deploying") as shown:
        shown.says("synthesizing the stacks")
        options = ["--all", "--require-approval", "never", "--concurrency", "4", "--progress", "events"]
        options += ["--output", str(directory / "cdk.out"), "-c", f"stage={stage.name}"]
        if app:
            options += ["--app", shlex.join(app)]
        _cdk(stage, log, shown, ROOT, "deploy", *options)


def environment(stage: Stage) -> Mapping[str, str]:
    """The tool's environment: the user's own, without any AWS setting of theirs."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    tools = Path(sys.executable).parent
    return inherited | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_ENDPOINT_URL": str(stage.endpoint),
        "AWS_ENDPOINT_URL_S3": str(stage.endpoint),
        "AWS_REGION": stage.region,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "NO_COLOR": "1",
        # Node and the app's Python are those of the virtual environment, whatever else is installed.
        "PATH": os.pathsep.join([str(tools), inherited.get("PATH", os.defpath)]),
    }


def _is_bootstrapped(stage: Stage) -> bool:
    client = stage.session.client("cloudformation", endpoint_url=stage.endpoint)
    try:
        return bool(client.describe_stacks(StackName=TOOLKIT)["Stacks"])
    except ClientError:
        return False


def _cdk(stage: Stage, log: Path, shown: Step, folder: Path, *arguments: str) -> None:
    if not CDK.exists():
        raise Failure("the CDK's command line is not installed; make install does that")
    command = [str(CDK), *arguments, "--ci", "--no-notices"]
    status, lines = run_logged(command, folder, environment(stage), log, watch(shown))
    if status != 0:
        raise Failure(f"{failure_in(lines)}\nAll of it is in {log}; mend it, and make run again goes on here.")


def run_logged(
    command: list[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    on_line: Callable[[str], None],
) -> tuple[int, list[str]]:
    """Runs a command with its output appended to the log and handed to `on_line`; gives its status, and its lines."""
    lines = []
    with (
        log.open("a") as kept,
        subprocess.Popen(  # noqa: S603 - the pinned tool, with our own arguments
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            kept.write(line)
            lines.append(line.rstrip())
            on_line(lines[-1])
    return process.returncode, lines


def watch(shown: Step) -> Callable[[str], None]:
    """Turns the tool's lines into progress: how far each stack is, and which is finished."""
    under_way: dict[str, str] = {}

    def on_line(line: str) -> None:
        if finished := FINISHED.match(line):
            under_way.pop(finished["stack"], None)
            shown.done(finished["stack"])
        elif event := EVENT.match(line):
            under_way[event["stack"]] = f"{event['done']}/{event['all']}"
        shown.says(" · ".join(f"{stack} {progress}" for stack, progress in under_way.items()))

    return on_line


def failure_in(lines: Sequence[str]) -> str:
    """What went wrong first, in CloudFormation's words; else the tool's own last ones."""
    for line in lines:
        event = EVENT.match(line)
        if event and event["status"].endswith("_FAILED"):
            return f"deploying {event['stack']} failed: {event['rest']}"
    return "\n".join(["the deploy failed:", *lines[-LOG_LINES:]])
