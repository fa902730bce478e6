"""The shop's users, and the tokens that prove who they are."""

import secrets

import typer
from botocore.exceptions import ClientError

from ops.failure import Failure
from ops.outputs import Outputs
from ops.stage import Stage
from tidings.routes import OPERATORS

CUSTOMER = "customer"
OPERATOR = "operator"


def token_for(stage: Stage, outputs: Outputs, user: str, *, operator: bool = False) -> str:
    """An ID token of the user. The local stage creates the user; elsewhere the password is asked for.

    Failure where the user cannot be one of the stage's, or cannot sign in.
    """
    if stage.endpoint is None:
        if "@" not in user:
            raise Failure(
                f"the users of {stage.name} go by their e-mail addresses: say who asks with --user or TIDINGS_USER"
            )
        password = typer.prompt(f"Password of {user}", hide_input=True, err=True)
        return _sign_in(stage, outputs, user, password)
    # Users are known by their address; a bare name is enough where all of them are made up.
    address = user if "@" in user else f"{user}@example.com"
    return _sign_in(stage, outputs, address, _admit(stage, outputs, address, operator=operator))


def _admit(stage: Stage, outputs: Outputs, user: str, *, operator: bool) -> str:
    """Makes sure that the user exists and gives a new password, which therefore need not be kept anywhere."""
    client = stage.session.client("cognito-idp", endpoint_url=stage.endpoint)
    pool = outputs.user_pool
    try:
        client.admin_create_user(UserPoolId=pool, Username=user, MessageAction="SUPPRESS")
    except client.exceptions.UsernameExistsException:
        pass
    except ClientError as error:
        raise Failure(f"the user {user} cannot be created: {error.response['Error']['Message']}") from error
    password = f"{secrets.token_urlsafe(24)}aA1!"
    client.admin_set_user_password(UserPoolId=pool, Username=user, Password=password, Permanent=True)
    if operator:
        client.admin_add_user_to_group(UserPoolId=pool, Username=user, GroupName=OPERATORS)
    return password


def _sign_in(stage: Stage, outputs: Outputs, user: str, password: str) -> str:
    client = stage.session.client("cognito-idp", endpoint_url=stage.endpoint)
    try:
        # The administrator's way in: the public one never takes a bare password.
        answer = client.admin_initiate_auth(
            UserPoolId=outputs.user_pool,
            ClientId=outputs.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": password},
        )
    except ClientError as error:
        raise Failure(f"{user} cannot sign in: {error.response['Error']['Message']}") from error
    if "AuthenticationResult" not in answer:
        raise Failure(f"{user} cannot sign in yet: Cognito asks for {answer.get('ChallengeName')} first")
    return answer["AuthenticationResult"]["IdToken"]
