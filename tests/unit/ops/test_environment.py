"""Errors of the environment, as the command line shows them: one sentence with the cause and the remedy."""

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import boto3
import httpx
import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSOTokenLoadError,
)
from botocore.stub import Stubber
from typer.testing import CliRunner

from ops.cli import app
from ops.environment import describe
from ops.outputs import Outputs, Pool
from ops.stage import DeployedStage
from tests.unit.ops.sessions import OneClient
from tidings.core.errors import described
from tidings.recovery import RecoveryError

OUTPUTS = Outputs("http://api.example", None, "eu-west-1", "topic", Pool("pool", "client"), Pool("pool", "client"), {})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A command of a user whose AWS settings are empty."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TIDINGS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    files = {name: str(tmp_path / "none") for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    return CliRunner(env={"TIDINGS_LOCAL": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", **files})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"AWS_PROFILE": "nope"}, "AWS has no profile 'nope' here; set AWS_PROFILE to"),
        ({}, "no AWS region is set; set AWS_DEFAULT_REGION, or AWS_PROFILE"),
        (
            {"AWS_DEFAULT_REGION": "eu-west-1"},
            "the stacks of the stage dev cannot be read: no AWS credentials were found; sign in with aws sso login",
        ),
    ],
    ids=["profile", "region", "credentials"],
)
@pytest.mark.parametrize("command", [["outputs"], ["alarms"], ["dlq", "list"], ["orders", "show", str(UUID(int=1))]])
def test_an_error_of_the_environment_is_one_sentence_with_its_remedy(
    run: CliRunner, command: list[str], settings: Mapping[str, str], sentence: str
) -> None:
    answer = run.invoke(app, ["--stage", "dev", *command], env=settings)
    assert answer.exit_code == 1
    assert answer.output.startswith(f"Error: {sentence}")
    assert answer.output.count("\n") == 1


def test_an_address_that_does_not_answer_is_named_with_the_remedy(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Between the attempts of a call.
    monkeypatch.setattr("time.sleep", lambda _: None)
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    elsewhere = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    answer = run.invoke(app, ["--stage", "dev", "outputs"], env={**keys, **elsewhere})
    assert answer.exit_code == 1
    assert answer.output == (
        "Error: the stacks of the stage dev cannot be read: http://127.0.0.1:1/ cannot be reached; "
        "check the network, the region and AWS_ENDPOINT_URL, and try again\n"
    )


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("ExpiredToken", "the AWS credentials have expired (ExpiredToken); sign in again"),
        (
            "InvalidClientTokenId",
            "AWS refuses the credentials (InvalidClientTokenId); sign in again, or set AWS_PROFILE",
        ),
        (
            "AccessDenied",
            "the AWS credentials lack a right (AccessDenied); use a role that may call Describe",
        ),
    ],
)
def test_refused_credentials_are_named_with_their_remedy(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch, code: str, sentence: str
) -> None:
    client = boto3.client("cloudformation", "eu-west-1")
    stage = DeployedStage("dev", "eu-west-1", OneClient(client))
    monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: stage)
    with Stubber(client) as stub:
        stub.add_client_error("describe_stacks", code, "The security token is not valid.")
        answer = run.invoke(app, ["--stage", "dev", "alarms"])
    assert answer.exit_code == 1
    assert answer.output.startswith(f"Error: the stacks of the stage dev cannot be read: {sentence}")
    assert answer.output.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (
            "User: arn:aws:iam::1:user/x is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:r:1:q "
            "because no policy allows it for Ann",
            "sqs:SendMessage on arn:aws:sqs:r:1:q",
        ),
        ("User: x is not authorized to perform: sqs:ListQueues", "sqs:ListQueues"),
        ("Ann may not do this.", "AccessDenied"),
    ],
)
def test_a_missing_right_is_named_without_the_rest_of_the_text(text: str, right: str) -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": text}}, "SendMessage")
    assert describe(error) == f"the AWS credentials lack a right ({right}); use a role that may call SendMessage"


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_a_stage_without_stacks_is_not_deployed(run: CliRunner, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    client = boto3.client("cloudformation", "eu-west-1")
    endpoint = "http://cloud" if name == "local" else None
    stage = DeployedStage(name, "eu-west-1", OneClient(client), endpoint)
    monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: stage)
    with Stubber(client) as stub:
        stub.add_response("describe_stacks", {"Stacks": []})
        answer = run.invoke(app, ["--stage", name, "alarms"])
    assert answer.exit_code == 1
    remedy = "make run deploys it" if name == "local" else f"make deploy STAGE={name} deploys it; if it is elsewhere,"
    assert answer.output.startswith(
        f"Error: the stage {name} is not deployed: eu-west-1 has no stack tidings-{name}-bus; {remedy}"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("local", "The local cloud evaluates no alarms. tidings dlq list shows the messages that failed.\n"),
        ("dev", "No alarm is active.\n"),
    ],
)
def test_the_local_cloud_is_not_called_healthy(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    client = boto3.client("cloudwatch", "eu-west-1")
    stage = DeployedStage(name, "eu-west-1", OneClient(client))
    monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: stage)
    monkeypatch.setattr("ops.context.outputs_of", lambda _: OUTPUTS)
    with Stubber(client) as stub:
        stub.add_response("describe_alarms", {})
        answer = run.invoke(app, ["--stage", name, "alarms"])
    assert (answer.exit_code, answer.output) == (0, text)


def test_an_expired_token_is_named_with_its_remedy(run: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(_client: httpx.Client, request: httpx.Request, **_options: object) -> httpx.Response:
        return httpx.Response(401, json={"message": "Unauthorized"}, request=request)

    monkeypatch.setattr(httpx.Client, "send", send)
    monkeypatch.setattr("ops.context.outputs_of", lambda _: OUTPUTS)
    stage = DeployedStage("dev", "eu-west-1", boto3.Session())
    monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: stage)
    answer = run.invoke(app, ["--stage", "dev", "orders", "show", str(UUID(int=1))], env={"TIDINGS_TOKEN": "expired"})
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: 401 Unauthorized: the token has expired, is not one of this stage, or ")
    assert answer.output.count("\n") == 1


def test_an_address_of_aws_that_is_none_is_named_with_its_remedy(run: CliRunner) -> None:
    settings = {"AWS_ENDPOINT_URL": "nonsense", "AWS_DEFAULT_REGION": "eu-west-1"}
    answer = run.invoke(app, ["--stage", "dev", "alarms"], env=settings)
    assert answer.exit_code == 1
    assert answer.output == (
        "Error: AWS cannot be reached (Invalid endpoint: nonsense); check AWS_ENDPOINT_URL and the region\n"
    )


@pytest.mark.parametrize("command", ["outputs", "up", "down"])
def test_a_folder_that_is_a_file_is_named(run: CliRunner, tmp_path: Path, command: str) -> None:
    file = tmp_path / "file"
    file.touch()
    answer = run.invoke(app, ["--local", str(file), command])
    assert answer.exit_code == 1
    assert answer.output.startswith(f"Error: {file}")
    assert " cannot be used (" in answer.output
    assert answer.output.count("\n") == 1


@pytest.mark.parametrize("error", [KeyError("a fault"), ConnectionResetError()])
def test_an_error_of_the_code_keeps_its_traceback(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_name: str, _cloud: object) -> None:
        raise error

    monkeypatch.setattr("ops.context.stage_named", fail)
    assert run.invoke(app, ["outputs"]).exception is error


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Publish")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NoCredentialsError(), "no AWS credentials were found"),
        (PartialCredentialsError(provider="env", cred_var="x"), "the AWS credentials cannot be used (Partial"),
        (CredentialRetrievalError(provider="sso", error_msg="no"), "the AWS credentials cannot be used"),
        (SSOTokenLoadError(error_msg="expired"), "the AWS credentials cannot be used"),
        (EndpointConnectionError(endpoint_url="https://sqs.x"), "https://sqs.x cannot be reached"),
        (ReadTimeoutError(endpoint_url="https://sqs.x"), "https://sqs.x cannot be reached"),
        (refused("SignatureDoesNotMatch"), "AWS refuses the credentials"),
    ],
)
def test_each_error_of_aws_settings_and_connections_has_a_sentence(error: Exception, sentence: str) -> None:
    assert describe(error).startswith(sentence)


def test_the_context_of_a_wrapped_error_remains() -> None:
    cause = NoCredentialsError()
    error = RecoveryError(f"the queue cannot be read: {described(cause)}")
    error.__cause__ = cause
    assert describe(error).startswith("the queue cannot be read: no AWS credentials were found; ")


def test_any_other_error_of_aws_is_described_by_its_code() -> None:
    assert describe(refused("Throttling")) == "ClientError: Throttling of Publish, HTTP None, request unknown"


def test_an_error_of_anything_else_keeps_its_text() -> None:
    assert describe(RecoveryError("the queue is gone")) == "the queue is gone"
