"""The deployment of the shop on the local cloud, by the same tool and the same code as on AWS."""

import fcntl
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from ops.console import Step, step
from ops.errors import CommandError
from ops.local.cloud import ACCOUNT
from ops.local.versions import delete_old_versions
from ops.stage import ROOT, DeployedStage

CDK = ROOT / "node_modules" / ".bin" / "cdk"
TOOLKIT = "CDKToolkit"
ASSEMBLY = "cdk.out"
"""The folder of the synthesized templates, in that of the local cloud's files."""

LOG_LINES = 8

# CloudFormation's events as the CDK prints them: stack | done/all | time | status | type | logical id, reason
EVENT = re.compile(r"^(?P<stack>[\w-]+) \|\s*(?P<done>\d+)/(?P<all>\d+) \|[^|]*\| (?P<status>\w+) +\| (?P<rest>.*)$")
FINISHED = re.compile(r"^\s*✅\s+(?P<stack>[\w-]+)(?: \(no changes\))?$")


def deploy(stage: DeployedStage, directory: Path, app: Sequence[str] = ()) -> None:
    """Deploy all stacks. Bootstrap the local cloud first if necessary.

    Args:
        stage: The stage on the local cloud.
        directory: The folder for logs and templates.
        app: The command that synthesizes the stacks; empty for the project's own app.

    Raises:
        CommandError: If the deployment fails, or another one is in progress.
    """
    with _lock_of_deployments(directory):
        _deploy(stage, directory, app)


@contextmanager
def _lock_of_deployments(directory: Path) -> Iterator[None]:
    """Hold the lock of a local cloud's deployments. Two at once would delete each other's stacks."""
    with (directory / "deploy.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                "another command is deploying on this local cloud; wait until it has ended, and try again"
            ) from error
        yield


def _deploy(stage: DeployedStage, directory: Path, app: Sequence[str]) -> None:
    log = directory / "deploy.log"
    log.unlink(missing_ok=True)
    if not _is_bootstrapped(stage):
        with step("Bootstrapping") as shown:
            # In another folder, because the CDK would synthesize the app first.
            _run_cdk(stage, log, shown, directory, "bootstrap", f"aws://{ACCOUNT}/{stage.region}")
    with step("Deploying") as shown:
        shown.update("synthesizing the stacks")
        options = ["--all", "--require-approval", "never", "--concurrency", "4", "--progress", "events"]
        synthesized = directory / ASSEMBLY
        options += ["--output", str(synthesized), "-c", f"stage={stage.name}", "-c", f"port={_port(stage)}"]
        if app:
            options += ["--app", shlex.join(app)]
        _run_cdk(stage, log, shown, ROOT, "deploy", *options)
        delete_old_versions(stage.client("lambda"))
        enable_time_to_live(stage.client("dynamodb"), synthesized)
        allow_origins(stage.client("apigatewayv2"), synthesized, page_origins(stage.client("cloudformation")))


def enable_time_to_live(dynamodb: Any, synthesized: Path) -> None:
    """Switch on the deletion of expired items for each table whose template declares it.

    The local cloud's CloudFormation ignores the declaration. A table that has it already stays as it is.

    Args:
        dynamodb: The local cloud's client.
        synthesized: The folder of the deployed templates.
    """
    for table, attribute in _declared_times_to_live(synthesized):
        status = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]
        # DynamoDB refuses to enable it twice.
        if status == "DISABLED":
            enabled = {"Enabled": True, "AttributeName": attribute}
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=enabled)


def allow_origins(gateway: Any, synthesized: Path, pages: Sequence[str]) -> None:
    """Have each API admit the origins that its template declares, and those of the pages.

    The local cloud's CloudFormation ignores the declaration. A page's own origin is known only after its deployment,
    and is no part of it.

    Args:
        gateway: The local cloud's client.
        synthesized: The folder of the deployed templates.
        pages: The origins of the pages.
    """
    declared = {
        resource["Properties"]["Name"]: resource["Properties"]["CorsConfiguration"]
        for resource in _resources(synthesized, "AWS::ApiGatewayV2::Api")
        if "CorsConfiguration" in resource["Properties"]
    }
    for api in gateway.get_apis()["Items"]:
        if found := declared.get(api["Name"]):
            admitted = {**found, "AllowOrigins": [*found["AllowOrigins"], *pages]}
            gateway.update_api(ApiId=api["ApiId"], CorsConfiguration=admitted)


def page_origins(cloudformation: Any) -> list[str]:
    """Return the origins of the pages that are deployed on the local cloud."""
    return [
        output["OutputValue"]
        for stack in cloudformation.describe_stacks()["Stacks"]
        for output in stack.get("Outputs", ())
        if output["OutputKey"] == "PageUrl"
    ]


def _declared_times_to_live(synthesized: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the attribute of each table whose items expire, by the synthesized templates."""
    for table in _resources(synthesized, "AWS::DynamoDB::Table"):
        declared = table["Properties"].get("TimeToLiveSpecification", {})
        if declared.get("Enabled"):
            yield table["Properties"]["TableName"], declared["AttributeName"]


def _resources(synthesized: Path, kind: str) -> Iterator[Mapping[str, Any]]:
    """Yield the resources of a type in the synthesized templates."""
    # The folder may contain templates of an app that was deployed before. The manifest names this app's.
    artifacts = json.loads((synthesized / "manifest.json").read_text())["artifacts"].values()
    for artifact in artifacts:
        if artifact["type"] == "aws:cloudformation:stack":
            template = json.loads((synthesized / artifact["properties"]["templateFile"]).read_text())
            yield from (resource for resource in template["Resources"].values() if resource["Type"] == kind)


def _port(stage: DeployedStage) -> int | None:
    """Return the local cloud's port, which the addresses in the templates contain."""
    return urlsplit(str(stage.endpoint)).port


def environment(stage: DeployedStage) -> Mapping[str, str]:
    """Return the CDK's environment: the user's, without any setting of AWS."""
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


def _is_bootstrapped(stage: DeployedStage) -> bool:
    try:
        return bool(stage.client("cloudformation").describe_stacks(StackName=TOOLKIT)["Stacks"])
    except ClientError:
        return False


def _run_cdk(stage: DeployedStage, log: Path, shown: Step, folder: Path, *arguments: str) -> None:
    if not CDK.exists():
        raise CommandError("the CDK's command line is not installed; run make install")
    command = [str(CDK), *arguments, "--ci", "--no-notices"]
    status, lines = run_logged(command, folder, environment(stage), log, progress_of(shown))
    if status != 0:
        raise CommandError(
            f"{describe_failure(lines)}\nThe whole log is {log}. Correct the error, and run the command again."
        )


def run_logged(
    command: list[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    on_line: Callable[[str], None],
) -> tuple[int, list[str]]:
    """Run a command, and append its output to a log.

    Args:
        command: The command with its arguments.
        folder: Its working folder.
        environment: Its whole environment.
        log: The log file.
        on_line: Receives each line of its output.

    Returns:
        The exit status and the lines.
    """
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
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            kept.write(line)
            lines.append(line.rstrip())
            on_line(lines[-1])
    return process.returncode, lines


def progress_of(shown: Step) -> Callable[[str], None]:
    """Return a function that turns the CDK's lines into progress: the state of each stack, and the finished ones."""
    in_progress: dict[str, str] = {}

    def on_line(line: str) -> None:
        if finished := FINISHED.match(line):
            in_progress.pop(finished["stack"], None)
            shown.finish_part(finished["stack"])
        elif event := EVENT.match(line):
            in_progress[event["stack"]] = f"{event['done']}/{event['all']}"
        shown.update(" · ".join(f"{stack} {progress}" for stack, progress in in_progress.items()))

    return on_line


def describe_failure(lines: Sequence[str]) -> str:
    """Return CloudFormation's text about the first failed resource, or else the CDK's last lines."""
    for line in lines:
        event = EVENT.match(line)
        if event and event["status"].endswith("_FAILED"):
            return f"deploying {event['stack']} failed: {event['rest']}"
    return "\n".join(["the deployment failed:", *lines[-LOG_LINES:]])
