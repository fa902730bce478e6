import fcntl
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.errors import CommandError
from ops.local.deploy import (
    allow_origins,
    deploy,
    describe_failure,
    enable_time_to_live,
    environment,
    page_origins,
    progress_of,
)
from ops.stage import local_stage
from tests.integration.cloud import create_table, set_credentials

IN_PROGRESS = "tidings-local-bus | 1/9 | 1:10:22 AM | CREATE_IN_PROGRESS   | AWS::SNS::Topic | topic (topicBFC)"
COMPLETE = "tidings-local-bus | 2/9 | 1:10:23 AM | CREATE_COMPLETE      | AWS::SNS::Topic | topic (topicBFC)"
FAILED = "tidings-local-api | 3/7 | 1:10:24 AM | CREATE_FAILED        | AWS::X::Y | thing (thing1) no such type"


class MemoryStep:
    """A step that keeps what it is given to show."""

    def __init__(self) -> None:
        self.updates: list[str] = []
        self.finished: list[str] = []

    def update(self, detail: str) -> None:
        self.updates.append(detail)

    def finish_part(self, part: str) -> None:
        self.finished.append(part)


@pytest.fixture
def shown() -> MemoryStep:
    return MemoryStep()


@pytest.fixture
def on_line(shown: Any) -> Callable[[str], None]:
    return progress_of(shown)


def test_the_progress_of_each_stack_is_shown(shown: MemoryStep, on_line: Callable[[str], None]) -> None:
    for line in (IN_PROGRESS, COMPLETE, FAILED):
        on_line(line)
    assert shown.updates[-1] == "tidings-local-bus 2/9 · tidings-local-api 3/7"


@pytest.mark.parametrize("line", [" ✅  tidings-local-bus", "✅  tidings-local-bus (no changes)"])
def test_a_finished_stack_is_shown_once_and_is_no_longer_in_progress(
    shown: MemoryStep, on_line: Callable[[str], None], line: str
) -> None:
    on_line(IN_PROGRESS)
    on_line(line)
    assert shown.finished == ["tidings-local-bus"]
    assert shown.updates[-1] == ""


def test_a_failure_is_described_by_cloudformations_text_about_the_first_failed_resource() -> None:
    lines = [IN_PROGRESS, FAILED, FAILED.replace("no such type", "cancelled"), "❌ failed"]
    assert describe_failure(lines) == "deploying tidings-local-api failed: AWS::X::Y | thing (thing1) no such type"


def test_another_failure_is_described_by_the_last_lines() -> None:
    text = describe_failure([f"line {n}" for n in range(100)] + ["ModuleNotFoundError: no such module"]).splitlines()
    assert text[-1] == "ModuleNotFoundError: no such module"
    assert len(text) < 20


def test_no_aws_setting_of_the_user_reaches_the_cdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    settings = environment(local_stage("http://127.0.0.1:4566"))
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & settings.keys()
    assert settings["AWS_ENDPOINT_URL"] == settings["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:4566"


def table_resource(name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": name, **properties}}


def write_assembly(folder: Path, **templates: Mapping[str, Any]) -> None:
    """Write the files of a synthesized app with these stacks."""
    artifacts: dict[str, Any] = {"Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}}}
    for stack, resources in templates.items():
        file = f"{stack}.template.json"
        artifacts[stack] = {"type": "aws:cloudformation:stack", "properties": {"templateFile": file}}
        (folder / file).write_text(json.dumps({"Resources": resources}))
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))


def test_expired_items_are_deleted_from_the_tables_whose_templates_declare_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_credentials(monkeypatch)
    declared = {"TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True}}
    write_assembly(tmp_path, old={"gone": table_resource("gone", **declared)})
    write_assembly(
        tmp_path,
        one={"own": table_resource("expiring", **declared), "queue": {"Type": "AWS::SQS::Queue"}},
        two={"own": table_resource("lasting")},
    )
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1")
        for name in ("expiring", "lasting"):
            create_table(dynamodb, name)
        for _ in range(2):
            enable_time_to_live(dynamodb, tmp_path)
        found = [
            dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"] for name in ("expiring", "lasting")
        ]
    assert found == [{"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}, {"TimeToLiveStatus": "DISABLED"}]


class CountingTables:
    """The tables of a cloud that refuses to switch on twice what is on."""

    def __init__(self) -> None:
        self.enabled: list[Any] = []

    def describe_time_to_live(self, **_: Any) -> Any:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED" if self.enabled else "DISABLED"}}

    def update_time_to_live(self, **request: Any) -> None:
        self.enabled.append(request)


def test_what_is_switched_on_is_not_switched_on_again(tmp_path: Path) -> None:
    write_assembly(
        tmp_path, one={"own": table_resource("t", TimeToLiveSpecification={"AttributeName": "x", "Enabled": True})}
    )
    tables = CountingTables()
    for _ in range(2):
        enable_time_to_live(tables, tmp_path)
    assert tables.enabled == [{"TableName": "t", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "x"}}]


class MemoryApis:
    """The APIs of a local cloud, by name, with the origins that they admit."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.updated: dict[str, Any] = {}

    def get_apis(self) -> Any:
        return {"Items": [{"Name": name, "ApiId": f"id-of-{name}"} for name in self.names]}

    def update_api(self, **request: Any) -> None:
        self.updated[request["ApiId"]] = request["CorsConfiguration"]


def api_resource(name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": name, **properties}}


def test_an_api_that_declares_origins_admits_these_and_the_pages(tmp_path: Path) -> None:
    declared = {"AllowOrigins": ["http://localhost:5173"], "AllowMethods": ["GET"]}
    write_assembly(
        tmp_path,
        api={"http": api_resource("shop", CorsConfiguration=declared), "other": api_resource("websocket")},
    )
    apis = MemoryApis("shop", "websocket", "helpdesk")
    allow_origins(apis, tmp_path, ["http://page.localhost"])
    admitted = {"AllowOrigins": ["http://localhost:5173", "http://page.localhost"], "AllowMethods": ["GET"]}
    assert apis.updated == {"id-of-shop": admitted}


def test_the_pages_origins_are_those_of_the_deployed_stacks() -> None:
    class Stacks:
        def describe_stacks(self) -> Any:
            page = {"OutputKey": "PageUrl", "OutputValue": "http://page.localhost"}
            return {"Stacks": [{"Outputs": [{"OutputKey": "Bucket", "OutputValue": "b"}, page]}, {}]}

    assert page_origins(Stacks()) == ["http://page.localhost"]


def test_two_deployments_at_once_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "deploy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="another command is deploying on this local cloud; wait until"):
            deploy(local_stage("http://127.0.0.1:1"), tmp_path)
