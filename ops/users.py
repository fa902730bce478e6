"""The shop's users and operators, and the tokens that identify them."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import typer
from botocore.exceptions import ClientError

from ops.console import print_note
from ops.errors import CommandError
from ops.outputs import Outputs, Pool
from ops.stage import DeployedStage
from tidings.core.errors import described

CUSTOMER = "customer"
OPERATOR = "operator"


def token_for(stage: DeployedStage, outputs: Outputs, user: str, *, operator: bool = False) -> str:
    """Return an ID token of a user. The stage `local` creates the user; other stages ask for the password.

    Args:
        stage: The stage.
        outputs: Its resources.
        user: The user's e-mail address; on the stage `local` a name is enough.
        operator: Whether the user is an operator. Operators and customers have different user pools.

    Raises:
        CommandError: If the user cannot be created or cannot sign in.
    """
    pool = outputs.operators if operator else outputs.users
    if stage.endpoint is None:
        if "@" not in user:
            raise CommandError(f"a user of {stage.name} is an e-mail address: name one with --user or TIDINGS_USER")
        password = typer.prompt(f"Password of {user}", hide_input=True, err=True)
        return _sign_in(stage, pool, user, password)
    return _sign_in(stage, pool, *sign_in_of(stage, pool, user))


class SignIn(NamedTuple):
    """An account of the local cloud: its address, and its password."""

    address: str
    password: str


def sign_in_of(stage: DeployedStage, pool: Pool, user: str) -> SignIn:
    """Return how a user of the local cloud signs in. Create the user if necessary.

    Args:
        stage: The stage on the local cloud.
        pool: The user's pool.
        user: The user's e-mail address, or a name.

    Raises:
        CommandError: If the user cannot be created.
    """
    address = user if "@" in user else f"{user}@example.com"
    password = _kept_password(stage, pool, address)
    _create(stage, pool, address, password)
    return SignIn(address, password)


def customer_of(stage: DeployedStage, outputs: Outputs, address: str) -> str:
    """Return the id of a customer, which events and orders name. No error's text repeats the address.

    Args:
        stage: The stage.
        outputs: Its resources.
        address: The e-mail address of the customer's account.

    Raises:
        CommandError: If no account has the address.
    """
    client = stage.client("cognito-idp")
    try:
        found = client.admin_get_user(UserPoolId=outputs.users.pool, Username=address)
    except client.exceptions.UserNotFoundException as error:
        raise CommandError("no customer's account has this e-mail address; it may be erased already") from error
    except ClientError as error:
        raise CommandError(f"the account cannot be looked up: {described(error)}") from error
    return str(next(each["Value"] for each in found["UserAttributes"] if each["Name"] == "sub"))


def _kept_password(stage: DeployedStage, pool: Pool, user: str) -> str:
    """Return the password that the local cloud's Secrets Manager keeps for a user, until the cloud is stopped.

    It is random. All commands have the same one, so none ends the sign-in that another has shown.
    """
    client = stage.client("secretsmanager")
    # An address may have characters that the name of a secret must not have.
    name = f"{stage.prefix}sign-in/{pool.pool}/{hashlib.sha256(user.encode()).hexdigest()}"
    try:
        client.create_secret(Name=name, SecretString=f"{secrets.token_urlsafe(12)}aA1!")
    except client.exceptions.ResourceExistsException:
        pass
    except ClientError as error:
        raise CommandError(f"the password of {user} cannot be kept: {described(error)}") from error
    return str(client.get_secret_value(SecretId=name)["SecretString"])


def _create(stage: DeployedStage, pool: Pool, user: str, password: str) -> None:
    """Create a user if necessary, with a password."""
    client = stage.client("cognito-idp")
    attributes = [{"Name": "email", "Value": user}, {"Name": "email_verified", "Value": "true"}]
    try:
        client.admin_create_user(
            UserPoolId=pool.pool, Username=user, UserAttributes=attributes, MessageAction="SUPPRESS"
        )
    except client.exceptions.UsernameExistsException:
        pass
    except ClientError as error:
        raise CommandError(f"the user {user} cannot be created: {described(error)}") from error
    client.admin_set_user_password(UserPoolId=pool.pool, Username=user, Password=password, Permanent=True)


def _sign_in(stage: DeployedStage, pool: Pool, user: str, password: str) -> str:
    """Sign in by the admin flow, and answer the challenges that Cognito requires.

    Signing in without the administrator's rights never accepts a plain password.
    """
    client = stage.client("cognito-idp")
    try:
        answer = client.admin_initiate_auth(
            UserPoolId=pool.pool,
            ClientId=pool.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": password},
        )
        while "AuthenticationResult" not in answer:
            answer = _respond(client, pool, user, answer)
    except ClientError as error:
        raise CommandError(f"{user} cannot sign in: {described(error)}") from error
    token: str = answer["AuthenticationResult"]["IdToken"]
    return token


def _respond(client: Any, pool: Pool, user: str, challenge: Mapping[str, Any]) -> Any:
    """Answer a challenge, and return what Cognito answers to that: tokens, or the next challenge.

    Raises:
        CommandError: If this command knows no answer to the challenge.
    """
    session = challenge["Session"]
    match challenge["ChallengeName"]:
        case "NEW_PASSWORD_REQUIRED":
            password = typer.prompt(f"New password of {user}", hide_input=True, confirmation_prompt=True, err=True)
            answers = {"NEW_PASSWORD": password}
        case "SOFTWARE_TOKEN_MFA":
            answers = {"SOFTWARE_TOKEN_MFA_CODE": _prompt_code()}
        case "MFA_SETUP":
            answers, session = {}, _set_up_app(client, user, session)
        case name:
            raise CommandError(
                f"{user} cannot sign in by this command: Cognito requires {name}, which it does not know"
            )
    # Cognito takes the user's own name here, and no alias such as the address (Amazon Cognito User Pools API Reference,
    # "AdminRespondToAuthChallenge").
    own_name = challenge.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP", user)
    return client.admin_respond_to_auth_challenge(
        UserPoolId=pool.pool,
        ClientId=pool.client,
        ChallengeName=challenge["ChallengeName"],
        ChallengeResponses={"USERNAME": own_name, **answers},
        Session=session,
    )


def _set_up_app(client: Any, user: str, session: str) -> str:
    """Register the user's authenticator app, and return the session in which to go on."""
    associated = client.associate_software_token(Session=session)
    key = associated["SecretCode"]
    print_note(f"{user} needs a second factor. Add this key to an authenticator app: {key}")
    # The form that such apps read (Google Authenticator wiki, "Key Uri Format").
    print_note(f"Apps open it by this address too: otpauth://totp/Tidings:{quote(user)}?secret={key}&issuer=Tidings")
    verified = client.verify_software_token(Session=associated["Session"], UserCode=_prompt_code())
    session_after: str = verified["Session"]
    return session_after


def _prompt_code() -> str:
    return str(typer.prompt("Code of the authenticator app", err=True)).strip()
