"""The shop's users, and the tokens that identify them."""

import secrets

import typer
from botocore.exceptions import ClientError

from ops.errors import CommandError
from ops.outputs import Outputs
from ops.stage import DeployedStage
from tidings.http.routes import OPERATORS

CUSTOMER = "customer"
OPERATOR = "operator"


def token_for(stage: DeployedStage, outputs: Outputs, user: str, *, operator: bool = False) -> str:
    """Return an ID token of a user. The stage `local` creates the user; other stages ask for the password.

    Args:
        stage: The stage.
        outputs: Its resources.
        user: The user's e-mail address; on the stage `local` a name is enough.
        operator: Whether to make the user an operator, on the stage `local`.

    Raises:
        CommandError: If the user cannot be created or cannot sign in.
    """
    if stage.endpoint is None:
        if "@" not in user:
            raise CommandError(f"a user of {stage.name} is an e-mail address: name one with --user or TIDINGS_USER")
        password = typer.prompt(f"Password of {user}", hide_input=True, err=True)
        return _sign_in(stage, outputs, user, password)
    address = user if "@" in user else f"{user}@example.com"
    return _sign_in(stage, outputs, address, _create(stage, outputs, address, operator=operator))


def _create(stage: DeployedStage, outputs: Outputs, user: str, *, operator: bool) -> str:
    """Create the user if necessary, and return a new password, so that none is stored."""
    client = stage.client("cognito-idp")
    pool = outputs.user_pool
    try:
        client.admin_create_user(UserPoolId=pool, Username=user, MessageAction="SUPPRESS")
    except client.exceptions.UsernameExistsException:
        pass
    except ClientError as error:
        raise CommandError(f"the user {user} cannot be created: {error.response['Error']['Message']}") from error
    password = f"{secrets.token_urlsafe(24)}aA1!"
    client.admin_set_user_password(UserPoolId=pool, Username=user, Password=password, Permanent=True)
    if operator:
        client.admin_add_user_to_group(UserPoolId=pool, Username=user, GroupName=OPERATORS)
    return password


def _sign_in(stage: DeployedStage, outputs: Outputs, user: str, password: str) -> str:
    client = stage.client("cognito-idp")
    try:
        # Signing in without the administrator's rights never accepts a plain password.
        answer = client.admin_initiate_auth(
            UserPoolId=outputs.user_pool,
            ClientId=outputs.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": password},
        )
    except ClientError as error:
        raise CommandError(f"{user} cannot sign in: {error.response['Error']['Message']}") from error
    if "AuthenticationResult" not in answer:
        raise CommandError(f"{user} cannot sign in yet: Cognito requires {answer.get('ChallengeName')} first")
    token: str = answer["AuthenticationResult"]["IdToken"]
    return token
