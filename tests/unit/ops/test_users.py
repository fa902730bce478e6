from typing import Any

import boto3
import pytest
import typer
from botocore.stub import Stubber

from ops.errors import CommandError
from ops.outputs import Outputs, Pool
from ops.stage import DeployedStage, local_stage
from ops.users import OPERATOR, sign_in_of, token_for
from tests.unit.ops.sessions import OneClient

OUTPUTS = Outputs(
    "http://api", None, "eu-west-1", "topic", Pool("pool", "client"), Pool("operators", "operators-client"), {}
)


def test_a_user_on_aws_signs_in_with_the_entered_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "prompt", lambda text, **_: f"the answer to “{text}”")
    client = local_stage("http://nowhere").session.client("cognito-idp")
    with Stubber(client) as stub:
        stub.add_response(
            "admin_initiate_auth",
            {"AuthenticationResult": {"IdToken": "the token"}},
            {
                "UserPoolId": "pool",
                "ClientId": "client",
                "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
                "AuthParameters": {
                    "USERNAME": "me@example.com",
                    "PASSWORD": "the answer to “Password of me@example.com”",
                },
            },
        )
        assert token_for(DeployedStage("dev", "eu-west-1", OneClient(client)), OUTPUTS, "me@example.com") == "the token"


def test_an_impossible_user_name_on_aws_is_refused_before_a_password_is_asked_for() -> None:
    with pytest.raises(CommandError, match=r"a user of prod is an e-mail address: .* --user or TIDINGS_USER"):
        token_for(DeployedStage("prod", "eu-west-1", boto3.Session()), OUTPUTS, OPERATOR, operator=True)


# Users of the local cloud


class MemoryUsers:
    """The user pools and the secrets of a local cloud, as one client of both."""

    class exceptions:  # noqa: N801 - boto3's name
        class UsernameExistsException(Exception): ...  # noqa: N818

        class ResourceExistsException(Exception): ...  # noqa: N818

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.passwords: dict[str, str] = {}

    def create_secret(self, **request: str) -> None:
        if request["Name"] in self.secrets:
            raise self.exceptions.ResourceExistsException
        self.secrets[request["Name"]] = request["SecretString"]

    def get_secret_value(self, **request: str) -> Any:
        return {"SecretString": self.secrets[request["SecretId"]]}

    def admin_create_user(self, **request: Any) -> None:
        if request["Username"] in self.passwords:
            raise self.exceptions.UsernameExistsException
        self.passwords[request["Username"]] = ""

    def admin_set_user_password(self, **request: Any) -> None:
        assert request["Permanent"]
        self.passwords[request["Username"]] = request["Password"]


def test_a_user_of_the_local_cloud_keeps_a_random_password() -> None:
    users = MemoryUsers()
    stage = DeployedStage("local", "eu-west-1", OneClient(users), "http://127.0.0.1:4600")
    first, again, other = (sign_in_of(stage, OUTPUTS.users, name) for name in ("ann", "ann", "bob"))
    assert first == again == ("ann@example.com", users.passwords["ann@example.com"])
    assert other.password != first.password
    assert len(first.password) > 16
    # Its characters are restricted, and an address may have others.
    assert all(name.startswith("tidings-local-sign-in/pool/") and "@" not in name for name in users.secrets)


# Operators, whose pool requires a second factor

PASSWORD, NEW_PASSWORD, CODE = "A first password, 1", "A second password, 2", "123456"
SESSION = "a session of Cognito"


def sign_in(client: Any) -> str:
    return token_for(DeployedStage("dev", "eu-west-1", OneClient(client)), OUTPUTS, "me@example.com", operator=True)


def respond(challenge: str, session: str, **answers: str) -> dict[str, Any]:
    """Return the expected request that answers a challenge."""
    return {
        "UserPoolId": "operators",
        "ClientId": "operators-client",
        "ChallengeName": challenge,
        "ChallengeResponses": {"USERNAME": "me@example.com"} | answers,
        "Session": session,
    }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that were asked. Each gets its right answer."""
    questions: list[str] = []
    answers = {"Password": PASSWORD, "New password": NEW_PASSWORD, "Code": CODE}

    def prompt(text: str, **_: Any) -> str:
        questions.append(text)
        return answers[text.partition(" of ")[0]]

    monkeypatch.setattr(typer, "prompt", prompt)
    return questions


def test_an_operators_first_sign_in_sets_a_password_and_an_authenticator_app(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    client = local_stage("http://nowhere").session.client("cognito-idp")
    with Stubber(client) as stub:
        stub.add_response(
            "admin_initiate_auth", {"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "the session number 1"}
        )
        stub.add_response(
            "admin_respond_to_auth_challenge",
            {"ChallengeName": "MFA_SETUP", "Session": "the session number 2"},
            respond("NEW_PASSWORD_REQUIRED", "the session number 1", NEW_PASSWORD=NEW_PASSWORD),
        )
        stub.add_response(
            "associate_software_token",
            {"SecretCode": "THEKEYOFTHEAPP234", "Session": "the session number 3"},
            {"Session": "the session number 2"},
        )
        stub.add_response(
            "verify_software_token",
            {"Status": "SUCCESS", "Session": "the session number 4"},
            {"Session": "the session number 3", "UserCode": CODE},
        )
        stub.add_response(
            "admin_respond_to_auth_challenge",
            {"AuthenticationResult": {"IdToken": "the token"}},
            respond("MFA_SETUP", "the session number 4"),
        )
        assert sign_in(client) == "the token"
    assert asked == ["Password of me@example.com", "New password of me@example.com", "Code of the authenticator app"]
    shown = capsys.readouterr()
    assert "Add this key to an authenticator app: THEKEYOFTHEAPP234" in shown.err
    assert "otpauth://totp/Tidings:me%40example.com?secret=" in shown.err
    assert shown.out == ""


def test_a_challenge_is_answered_with_the_users_own_name_in_its_session(asked: list[str]) -> None:
    client = local_stage("http://nowhere").session.client("cognito-idp")
    with Stubber(client) as stub:
        stub.add_response(
            "admin_initiate_auth",
            {
                "ChallengeName": "SOFTWARE_TOKEN_MFA",
                "ChallengeParameters": {"USER_ID_FOR_SRP": "6f0a2f0e"},
                "Session": SESSION,
            },
        )
        stub.add_response(
            "admin_respond_to_auth_challenge",
            {"AuthenticationResult": {"IdToken": "the token"}},
            respond("SOFTWARE_TOKEN_MFA", SESSION, USERNAME="6f0a2f0e", SOFTWARE_TOKEN_MFA_CODE=CODE),
        )
        assert sign_in(client) == "the token"
    assert asked[-1] == "Code of the authenticator app"


@pytest.mark.usefixtures("asked")
def test_a_wrong_code_ends_the_command_with_cognitos_code() -> None:
    client = local_stage("http://nowhere").session.client("cognito-idp")
    with Stubber(client) as stub:
        challenge = {"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": SESSION}
        stub.add_response("admin_initiate_auth", challenge)
        stub.add_client_error(
            "admin_respond_to_auth_challenge", "CodeMismatchException", "Invalid code received for user"
        )
        with pytest.raises(CommandError, match=r"me@example.com cannot sign in: CodeMismatchException: "):
            sign_in(client)


@pytest.mark.usefixtures("asked")
def test_a_challenge_that_the_command_does_not_know_is_named() -> None:
    client = local_stage("http://nowhere").session.client("cognito-idp")
    with Stubber(client) as stub:
        stub.add_response("admin_initiate_auth", {"ChallengeName": "SMS_MFA", "Session": SESSION})
        with pytest.raises(CommandError, match=r"me@example.com cannot sign in by this command: .*SMS_MFA"):
            sign_in(client)
