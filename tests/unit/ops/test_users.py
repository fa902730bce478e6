import boto3
import pytest
import typer
from botocore.stub import Stubber

from ops.errors import CommandError
from ops.outputs import Outputs
from ops.stage import DeployedStage, local_stage
from ops.users import OPERATOR, token_for
from tests.unit.ops.sessions import OneClient

OUTPUTS = Outputs("http://api", None, "eu-west-1", "topic", "pool", "client", {})


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
