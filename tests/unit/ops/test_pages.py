"""The configuration, the upload and the addresses of the pages."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace
from typer.testing import CliRunner

from ops.cli import app
from ops.errors import CommandError
from ops.outputs import Outputs, PagesOutputs, Pool, outputs_of
from ops.pages import upload
from ops.pages.config import config_of
from ops.stage import DeployedStage
from tests.unit.ops.api import OUTPUTS
from tidings.recovery import RecoveryError

PAGES = PagesOutputs("https://shop.tidings.net", "files", "D1", {"title": "Tidings", "gateway": "simulated"})
USERS = Pool("eu-west-1_Users", "client-1", "https://users.auth.example")
OPERATORS = Pool("eu-west-1_Operators", "client-2", "https://operators.auth.example")
DEPLOYED = replace(OUTPUTS, users=USERS, operators=OPERATORS, pages=PAGES, live="wss://live.example/dev")
LOCAL = "http://127.0.0.1:4600"


class MemoryFiles(boto3.Session):
    """A session with a bucket and a distribution in memory. `ages` says how long ago objects were uploaded."""

    def __init__(self, ages: Mapping[str, timedelta] | None = None, failure: Exception | None = None) -> None:
        super().__init__(region_name="eu-west-1")
        now = datetime.now(UTC)
        self.objects: dict[str, dict[str, Any]] = {}
        self.times = {key: now - age for key, age in (ages or {}).items()}
        self.puts: list[str] = []
        self.deletions: list[int] = []
        self.invalidated: list[Any] = []
        self._failure = failure

    def client(self, *_: Any, **__: Any) -> Any:
        return self

    def put_object(self, **request: Any) -> None:
        if self._failure:
            raise self._failure
        self.puts.append(request["Key"])
        self.objects[request["Key"]] = request
        self.times[request["Key"]] = datetime.now(UTC)

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self, **_request: Any) -> list[Mapping[str, Any]]:
        return [{"Contents": [{"Key": key, "LastModified": time} for key, time in self.times.items()]}, {}]

    def delete_objects(self, **request: Any) -> None:
        self.deletions.append(len(request["Delete"]["Objects"]))
        for deleted in request["Delete"]["Objects"]:
            del self.times[deleted["Key"]]

    def create_invalidation(self, **request: Any) -> None:
        self.invalidated.append(request)


def stage_with(session: boto3.Session, endpoint: str | None = None) -> DeployedStage:
    return DeployedStage("dev", "eu-west-1", session, endpoint)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder of built pages."""
    names = ("index.html", "console/index.html", "assets/shop-1.js", "assets/shop-2.css", "icon.svg", ".built")
    for name in (*names, "config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"the file {name}")
    return tmp_path


def test_every_file_is_uploaded_with_its_type_and_how_long_it_may_be_cached(built: Path) -> None:
    files = MemoryFiles()
    assert upload(stage_with(files), PAGES, {"stage": "dev"}, built) == 6
    immutable, fresh = "public, max-age=31536000, immutable", "no-cache"
    assert {key: (put["ContentType"], put["CacheControl"]) for key, put in files.objects.items()} == {
        "assets/shop-1.js": ("text/javascript; charset=utf-8", immutable),
        "assets/shop-2.css": ("text/css; charset=utf-8", immutable),
        "config.json": ("application/json", fresh),
        "console/index.html": ("text/html; charset=utf-8", fresh),
        "icon.svg": ("image/svg+xml", fresh),
        "index.html": ("text/html; charset=utf-8", fresh),
    }
    assert files.objects["assets/shop-1.js"]["Body"] == b"the file assets/shop-1.js"
    assert {put["Bucket"] for put in files.objects.values()} == {"files"}


def test_the_configuration_is_the_stages_and_not_that_of_the_build(built: Path) -> None:
    files = MemoryFiles()
    upload(stage_with(files), PAGES, {"stage": "dev"}, built)
    assert msgspec.json.decode(files.objects["config.json"]["Body"]) == {"stage": "dev"}


def test_the_pages_are_uploaded_after_everything_that_they_load(built: Path) -> None:
    files = MemoryFiles()
    upload(stage_with(files), PAGES, {}, built)
    assert set(files.puts[-2:]) == {"index.html", "console/index.html"}


def test_what_keeps_its_name_is_invalidated(built: Path) -> None:
    files = MemoryFiles()
    upload(stage_with(files), PAGES, {}, built)
    (request,) = files.invalidated
    assert request["DistributionId"] == "D1"
    paths = request["InvalidationBatch"]["Paths"]
    assert paths == {"Quantity": 4, "Items": ["/", "/index.html", "/console/*", "/config.json"]}


OLD, LAST = "assets/shop-8.js", "assets/shop-9.js"


@pytest.mark.parametrize(
    ("ages", "deleted"),
    [
        # The last build was uploaded long ago, and pages of it are open until now.
        ({LAST: timedelta(days=30)}, set()),
        ({OLD: timedelta(days=30), LAST: timedelta(days=8)}, {OLD}),
        ({OLD: timedelta(days=30), LAST: timedelta(days=6)}, set()),
        ({OLD: timedelta(days=30), LAST: timedelta(days=30, minutes=-1)}, set()),
    ],
)
def test_files_of_earlier_builds_are_kept_for_a_week_after_they_were_replaced(
    built: Path, ages: dict[str, timedelta], deleted: set[str]
) -> None:
    files = MemoryFiles(ages | {"index.html": max(ages.values())})
    upload(stage_with(files), PAGES, {}, built)
    assert (ages.keys() | {"index.html"}) - files.times.keys() == deleted


def test_many_replaced_files_are_deleted_by_several_requests(built: Path) -> None:
    files = MemoryFiles({f"assets/{n}.js": timedelta(days=30) for n in range(1500)} | {LAST: timedelta(days=8)})
    upload(stage_with(files), PAGES, {}, built)
    assert files.deletions == [1000, 500]


@pytest.mark.parametrize("missing", ["index.html", "console/index.html"])
def test_an_incomplete_build_is_refused_before_anything_is_uploaded(built: Path, missing: str) -> None:
    (built / missing).unlink()
    files = MemoryFiles()
    with pytest.raises(CommandError, match=r"has no built pages; make web builds them"):
        upload(stage_with(files), PAGES, {}, built)
    assert files.puts == files.invalidated == []


def test_a_refused_upload_ends_with_awss_code_and_changes_no_page(built: Path) -> None:
    refusal = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")
    files = MemoryFiles(failure=refusal)
    with pytest.raises(RecoveryError, match=r"the pages cannot be uploaded: .*AccessDenied"):
        upload(stage_with(files), PAGES, {}, built)
    assert files.invalidated == []


# The configuration


def test_the_configuration_names_the_stages_resources() -> None:
    issuer = "https://cognito-idp.eu-west-1.amazonaws.com"
    assert config_of("dev", DEPLOYED, PAGES) == {
        "title": "Tidings",
        "gateway": "simulated",
        "stage": "dev",
        "api": "/v1",
        "live": "wss://live.example/dev",
        "users": {
            "authority": f"{issuer}/eu-west-1_Users",
            "metadataUrl": None,
            "clientId": "client-1",
            "domain": "https://users.auth.example",
        },
        "operators": {
            "authority": f"{issuer}/eu-west-1_Operators",
            "metadataUrl": None,
            "clientId": "client-2",
            "domain": "https://operators.auth.example",
        },
    }


def test_the_local_cloud_has_the_metadata_of_its_issuer() -> None:
    users = config_of("local", replace(DEPLOYED, endpoint=LOCAL), PAGES)["users"]
    assert users["metadataUrl"] == f"{LOCAL}/eu-west-1_Users/.well-known/openid-configuration"


# The outputs


class Stacks(boto3.Session):
    """A session with CloudFormation's answer: the outputs by stack."""

    def __init__(self, stacks: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__(region_name="eu-west-1")
        self._stacks = [
            {
                "StackName": f"tidings-dev-{name}",
                "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
            }
            for name, outputs in stacks.items()
        ]

    def client(self, *_: Any, **__: Any) -> Any:
        return self

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self) -> list[Any]:
        return [{"Stacks": self._stacks}]


BARE: Mapping[str, Mapping[str, str]] = {
    "bus": {"Topic": "topic"},
    "api": {"ApiId": "a1", "ApiUrl": "https://a1.example/"},
    "users": {"UserPool": "p1", "Client": "c1", "OperatorPool": "p2", "OperatorClient": "c2"},
}
WITH_PAGES = {
    **BARE,
    "api": {**BARE["api"], "WebSocketApiId": "w1", "WebSocketUrl": "wss://w1.example/dev"},
    "users": {**BARE["users"], "UserDomain": "https://u.example", "OperatorDomain": "https://o.example"},
    "web": {
        "PageUrl": "https://d1.example",
        "Bucket": "files",
        "Distribution": "D1",
        "DistributionDomain": "d1.example",
        "Page": '{"title":"Tidings"}',
    },
}


def test_the_outputs_name_the_pages_the_websocket_and_the_sign_in_pages() -> None:
    outputs = outputs_of(stage_with(Stacks(WITH_PAGES)))
    assert outputs.pages == PagesOutputs("https://d1.example", "files", "D1", {"title": "Tidings"})
    assert outputs.pages.console == "https://d1.example/console/"
    assert outputs.live == "wss://w1.example/dev"
    assert (outputs.users.domain, outputs.operators.domain) == ("https://u.example", "https://o.example")


def test_the_local_addresses_are_those_of_the_local_cloud() -> None:
    outputs = outputs_of(stage_with(Stacks(WITH_PAGES), LOCAL))
    assert outputs.api == f"{LOCAL}/_aws/execute-api/a1"
    assert outputs.live == "ws://127.0.0.1:4600/_aws/execute-api/w1/dev"
    assert (outputs.users.domain, outputs.operators.domain) == (LOCAL, LOCAL)


@pytest.mark.parametrize("endpoint", [None, LOCAL])
def test_an_application_without_pages_has_outputs_too(endpoint: str | None) -> None:
    outputs = outputs_of(stage_with(Stacks(BARE), endpoint))
    assert (outputs.pages, outputs.live, outputs.users.domain) == (None, None, None)


def test_a_stage_whose_users_are_missing_is_not_deployed() -> None:
    without = {name: outputs for name, outputs in WITH_PAGES.items() if name != "users"}
    with pytest.raises(CommandError, match="the stage dev is not deployed: eu-west-1 has no stack tidings-dev-users"):
        outputs_of(stage_with(Stacks(without)))


# The commands


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command on the stage `dev`, with its outputs and its files."""

    def invoke(*arguments: str, outputs: Outputs = DEPLOYED, files: MemoryFiles | None = None) -> Any:
        stage = stage_with(files or MemoryFiles())
        monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: stage)
        monkeypatch.setattr("ops.context.outputs_of", lambda _stage: outputs)
        return CliRunner().invoke(app, ["--stage", "dev", "pages", *arguments])

    return invoke


ADDRESSES = """\
The shop's page is https://shop.tidings.net/
The operators' console is https://shop.tidings.net/console/
"""


def test_upload_uploads_a_folder_and_prints_the_addresses_without_a_sign_in(
    run: Callable[..., Any], built: Path
) -> None:
    files = MemoryFiles()
    answer = run("upload", "--from", str(built), files=files)
    assert answer.stdout == ADDRESSES
    assert msgspec.json.decode(files.objects["config.json"]["Body"]) == config_of("dev", DEPLOYED, PAGES)


def test_show_prints_the_addresses(run: Callable[..., Any]) -> None:
    assert run("show").stdout == ADDRESSES


def test_config_prints_the_configuration(run: Callable[..., Any]) -> None:
    assert msgspec.json.decode(run("config").stdout) == config_of("dev", DEPLOYED, PAGES)


@pytest.mark.parametrize("command", ["upload", "show", "config"])
def test_a_stage_without_pages_is_refused(run: Callable[..., Any], command: str) -> None:
    answer = run(command, outputs=replace(DEPLOYED, pages=None))
    assert answer.exit_code == 1
    assert answer.stderr == "Error: the stage dev has no pages\n"
