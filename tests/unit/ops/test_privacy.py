"""The commands about personal data, against an API that answers by a table, and jobs whose results are given."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from botocore.stub import Stubber
from msgspec.structs import replace
from typer.testing import CliRunner

from ops.cli import app
from ops.errors import CommandError
from ops.jobs import PrivacyJobsResult, PrivacyResult, RetentionResult
from ops.outputs import Pool
from ops.privacy import describe_job
from ops.stage import DeployedStage, local_stage
from ops.users import customer_of
from tests.unit.ops.api import OUTPUTS, FakeApi, Install
from tests.unit.ops.sessions import OneClient

CUSTOMER = str(UUID(int=7))
ORDER = str(UUID(int=1))
PATH = f"/operators/customers/{CUSTOMER}"
URL = "https://exports.example/e-1?signature=abc"
JOB: dict[str, Any] = {
    "id": "j-1",
    "kind": "export",
    "status": "running",
    "requested_at": "2026-01-31T08:30:00.000Z",
    "requested_by": "operator",
    "orders": 0,
    "under_way": [],
    "url": None,
}
EXPORTED = JOB | {"status": "done", "orders": 2, "url": URL}
ERASURE = JOB | {"kind": "erasure"}
WAITING = ERASURE | {
    "status": "waiting",
    "orders": 1,
    "under_way": [{"order": ORDER, "what": "a refund of its payment"}],
}
AT = "2026-01-31T08:30:00.000Z"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two looks at a job."""
    monkeypatch.setattr("time.sleep", lambda _: None)


class Api(FakeApi):
    """An API whose job has another state at each look."""

    def __init__(self, kind: str, *states: dict[str, Any]) -> None:
        super().__init__({f"POST {PATH}/{kind}": JOB | {"kind": kind}})
        self._states = iter(states)

    def _send(self, request: httpx.Request, **options: object) -> httpx.Response:
        if request.url.host == "exports.example":
            return httpx.Response(200, content=b"the export", request=request)
        if request.method == "GET" and request.url.path == f"{PATH}/jobs/j-1":
            return httpx.Response(200, json=next(self._states), request=request)
        return super()._send(request, **options)


def run(monkeypatch: pytest.MonkeyPatch, api: FakeApi, *arguments: str, **options: Any) -> Any:
    """Run a command on AWS's stage `dev`."""
    api.install(monkeypatch)
    return CliRunner().invoke(app, ["--stage", "dev", *arguments], **options)


# Exports


def test_an_export_is_waited_for_and_downloaded_to_a_file_that_only_its_owner_can_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "export.zip"
    answer = run(monkeypatch, Api("export", JOB, JOB, EXPORTED), "customer", "export", CUSTOMER, "--to", str(file))
    assert answer.exit_code == 0, answer.output
    assert answer.stdout == f"export j-1: done, 2 orders, requested by an operator at {AT}\n"
    assert file.read_bytes() == b"the export"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "contains personal data" in answer.stderr
    assert URL not in answer.output


def test_an_export_without_a_file_ends_in_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(monkeypatch, Api("export", EXPORTED), "customer", "export", CUSTOMER)
    assert answer.stdout.splitlines()[1:] == [f"file, for 15 minutes: {URL}"]


def test_a_file_that_exists_is_refused_before_anything_is_exported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "export.zip"
    file.write_text("an older export")
    api = Api("export")
    answer = run(monkeypatch, api, "customer", "export", CUSTOMER, "--to", str(file))
    assert (answer.exit_code, api.sent, file.read_text()) == (1, [], "an older export")
    assert "exists; name a file that does not" in answer.stderr


def test_a_file_in_no_folder_is_refused_before_anything_is_exported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    api = Api("export")
    answer = run(monkeypatch, api, "customer", "export", CUSTOMER, "--to", str(tmp_path / "none" / "export.zip"))
    assert (answer.exit_code, api.sent) == (1, [])
    assert "does not exist; create it" in answer.stderr


def test_a_file_needs_the_end_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(monkeypatch, Api("export"), "customer", "export", CUSTOMER, "--to", "export.zip", "--no-wait")
    assert answer.stderr == "Error: name one of --to and --no-wait: the file exists once the job has run\n"


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (lambda _: httpx.Response(403), "the export's link was refused: 403 Forbidden"),
        (lambda request: _fail(request), "the export's link does not answer: ConnectError"),
    ],
)
def test_the_error_about_a_link_does_not_repeat_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: Callable[[httpx.Request], httpx.Response], text: str
) -> None:
    class Refusing(Api):
        def _send(self, request: httpx.Request, **options: object) -> httpx.Response:
            return reply(request) if request.url.host == "exports.example" else super()._send(request, **options)

    file = tmp_path / "export.zip"
    answer = run(monkeypatch, Refusing("export", EXPORTED), "customer", "export", CUSTOMER, "--to", str(file))
    assert answer.exit_code == 1
    assert text in answer.stderr
    assert URL not in answer.output
    assert not file.exists()


def _fail(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(f"no way to {request.url}")


def test_a_failed_job_is_an_error_that_names_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(monkeypatch, Api("export", JOB | {"status": "failed"}), "customer", "export", CUSTOMER)
    assert answer.exit_code == 1
    assert (
        "the job j-1 has failed again and again, and is tried again all the same; read tidings --stage dev logs"
        in answer.stderr
    )


def test_a_job_that_is_not_waited_for_is_named_with_the_command_that_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = run(monkeypatch, Api("export"), "customer", "export", CUSTOMER, "--no-wait")
    assert answer.exit_code == 0
    assert f"tidings --stage dev customer job {CUSTOMER} j-1 shows how far it is." in answer.stderr


def test_a_job_that_does_not_end_in_time_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 400))
    monkeypatch.setattr("tidings.recovery.polling.time.monotonic", lambda: next(clock))
    answer = run(monkeypatch, Api("export", *[JOB] * 9), "customer", "export", CUSTOMER)
    assert answer.exit_code == 0
    assert "The job has not ended within 10 minutes." in answer.stderr
    assert answer.stdout.startswith("export j-1: running")


@pytest.mark.parametrize("command", [["export", CUSTOMER], ["erase", CUSTOMER, "--yes"], ["job", CUSTOMER, "j-1"]])
def test_another_refusal_is_shown_as_it_is(api: Install, command: list[str]) -> None:
    busy = {"title": "Busy", "detail": "Try again."}
    paths = (f"POST {PATH}/export", f"POST {PATH}/erasure", f"GET {PATH}/jobs/j-1")
    answer = api({path: httpx.Response(503, json=busy) for path in paths}).run("--stage", "dev", "customer", *command)
    assert (answer.exit_code, answer.stderr) == (1, "Error: 503 Busy: Try again.\n")


def test_an_unknown_job_is_refused(api: Install) -> None:
    answer = api({}).run("--stage", "dev", "customer", "job", CUSTOMER, "j-2")
    assert (answer.exit_code, answer.stderr) == (1, f"Error: customer {CUSTOMER} has no job j-2\n")


# Erasures


def test_an_erasure_shows_what_is_under_way_and_when_it_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api("erasure", ERASURE, WAITING)
    answer = run(monkeypatch, api, "customer", "erase", CUSTOMER, input="y\n")
    assert answer.exit_code == 0, answer.output
    # The prompt echoes the answer.
    assert answer.stdout.splitlines()[-2:] == [
        f"erasure j-1: waiting, 1 order, requested by an operator at {AT}",
        f"under way: order {ORDER}, a refund of its payment",
    ]
    assert f"account of customer {CUSTOMER} on dev will be erased for good. Continue? [y/N]" in answer.stderr
    assert "runs again by itself within about an hour, for what was still under way." in answer.stderr
    assert f"tidings --stage dev customer job {CUSTOMER} j-1 shows it." in answer.stderr


def test_an_erasure_with_nothing_under_way_waits_for_orders_that_are_found_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = Api("erasure", ERASURE, WAITING | {"under_way": []})
    answer = run(monkeypatch, api, "customer", "erase", CUSTOMER, "--yes")
    assert "within about an hour, for orders that are found late." in answer.stderr


def test_an_erasure_that_is_not_confirmed_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api("erasure")
    answer = run(monkeypatch, api, "customer", "erase", CUSTOMER, input="n\n")
    assert (answer.exit_code, api.sent) == (0, [])
    assert answer.stderr.endswith("Nothing was erased.\n")


def test_each_request_has_a_key_and_a_given_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    class Keyed(Api):
        def _send(self, request: httpx.Request, **options: object) -> httpx.Response:
            keys.extend([request.headers["Idempotency-Key"]] if request.method == "POST" else [])
            return super()._send(request, **options)

    for more in (["--key", "k-1"], [], []):
        command = ("customer", "erase", CUSTOMER, "--yes", "--no-wait", *more)
        assert run(monkeypatch, Keyed("erasure"), *command).exit_code == 0
    assert keys[0] == "k-1"
    assert len(set(keys)) == 3


def test_an_ended_erasure_is_shown(api: Install) -> None:
    done = ERASURE | {"status": "done", "requested_by": "customer"}
    answer = api({f"GET {PATH}/jobs/j-1": done}).run("--stage", "dev", "customer", "job", CUSTOMER, "j-1")
    assert answer.output == f"erasure j-1: done, 0 orders, requested by the customer at {AT}\n"


def test_only_the_first_orders_that_are_under_way_are_shown() -> None:
    many = WAITING | {"under_way": [{"order": str(UUID(int=n)), "what": "a mail"} for n in range(23)]}
    lines = list(describe_job(many))
    assert len(lines) == 22
    assert lines[-1] == "under way: 3 more; --json names them all"


# The customer's id


@pytest.fixture
def users() -> Iterator[tuple[DeployedStage, Stubber]]:
    client = local_stage("http://nowhere").session.client("cognito-idp")
    with Stubber(client) as stub:
        yield DeployedStage("dev", "eu-west-1", OneClient(client)), stub


def test_a_customers_id_is_found_by_the_address_of_the_account(users: tuple[DeployedStage, Stubber]) -> None:
    stage, stub = users
    found = {"Username": "u", "UserAttributes": [{"Name": "email", "Value": "a@b.example"}, SUB]}
    stub.add_response("admin_get_user", found, {"UserPoolId": "pool", "Username": "a@b.example"})
    assert customer_of(stage, DEPLOYED, "a@b.example") == CUSTOMER


DEPLOYED = replace(OUTPUTS, users=Pool("pool", "client"))
SUB = {"Name": "sub", "Value": CUSTOMER}


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("UserNotFoundException", "no customer's account has this e-mail address"),
        (
            "InternalErrorException",
            "the account cannot be looked up: .*InternalErrorException of AdminGetUser",
        ),
    ],
)
def test_the_error_about_an_address_does_not_repeat_it(
    users: tuple[DeployedStage, Stubber], code: str, text: str
) -> None:
    stage, stub = users
    stub.add_client_error("admin_get_user", code, "The user ann@b.example cannot be found.")
    with pytest.raises(CommandError, match=text) as caught:
        customer_of(stage, DEPLOYED, "ann@b.example")
    assert "ann@b.example" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "Ann Smith", "ann@b.example", "a" * 65])
def test_a_text_that_is_no_customers_id_reaches_no_api(api: Install, name: str) -> None:
    shop = api({})
    answer = shop.run("--stage", "dev", "customer", "export", name)
    assert answer.stderr.startswith("Error: this is no customer's id, ")
    assert not name or name not in answer.stderr
    assert shop.sent == []


# Running the jobs


def result_of(*, failed: int = 0, finished: bool = True) -> PrivacyResult:
    return PrivacyResult(PrivacyJobsResult(2, 1, failed, finished), RetentionResult(3, 0, 0, finished=True))


def run_jobs(
    monkeypatch: pytest.MonkeyPatch, result: PrivacyResult, *options: str, answer: str = ""
) -> tuple[Any, list[dict[str, Any]]]:
    """Run `tidings privacy run`, whose job has this result. Return the command's outcome, and the job's options."""
    asked: list[dict[str, Any]] = []

    def jobs(_stage: object, **given: Any) -> PrivacyResult:
        asked.append(given)
        return result

    monkeypatch.setattr("ops.context.stage_named", lambda *_: type("Stage", (), {"name": "prod"}))
    monkeypatch.setattr("ops.privacy.commands.run_privacy", jobs)
    return CliRunner().invoke(app, ["--stage", "prod", "privacy", "run", *options], input=answer), asked


@pytest.mark.parametrize(("options", "everything"), [((), False), (("--all",), True)])
def test_a_run_says_how_many_jobs_and_retentions_have_ended(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], everything: bool
) -> None:
    answer, asked = run_jobs(monkeypatch, result_of(), *options)
    assert (answer.exit_code, asked) == (0, [{"everything": everything, "older_than": None}])
    assert answer.output == ("jobs: 2 done, 1 wait, 0 failed\nretention: 3 orders erased, 0 postponed, 0 failed\n")


@pytest.mark.parametrize(("options", "reply", "runs"), [((), "n\n", 0), ((), "y\n", 1), (("--yes",), "", 1)])
def test_another_retention_than_the_stages_is_confirmed(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], reply: str, runs: int
) -> None:
    _, asked = run_jobs(monkeypatch, result_of(), "--older-than", "90d", *options, answer=reply)
    assert asked == [{"everything": False, "older_than": 90 * 86_400}] * runs


def test_jobs_that_failed_are_an_error_that_names_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, _ = run_jobs(monkeypatch, result_of(failed=1, finished=False))
    assert answer.exit_code == 1
    assert "The job's time ran out. Its next run, within a minute, continues." in answer.stderr
    assert "read tidings --stage prod logs privacy-jobs --problems" in answer.stderr


def test_the_local_cloud_runs_the_jobs_that_a_command_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    def jobs(stage: DeployedStage) -> PrivacyResult:
        runs.append(stage.name)
        return result_of()

    monkeypatch.setattr("ops.privacy.commands.run_privacy", jobs)
    Api("export", JOB, EXPORTED).install(monkeypatch)
    answer = CliRunner().invoke(app, ["customer", "export", CUSTOMER])
    assert (answer.exit_code, runs) == (0, ["local", "local"])
