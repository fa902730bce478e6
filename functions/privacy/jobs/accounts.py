"""The accounts of customers."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient


class Accounts(Protocol):
    """The accounts of customers, by the customer's id."""

    def read(self, person: str) -> Mapping[str, str] | None:
        """Return what a customer's account says; None if there is no such account."""
        ...

    def delete(self, person: str) -> None:
        """Delete a customer's account, if there is one."""


class CognitoAccounts:
    """The accounts of a user pool of Amazon Cognito; see `Accounts`.

    A customer's id is the `sub` of the user, which Cognito takes for the user's name (Amazon Cognito Developer Guide,
    "User attributes").
    """

    def __init__(self, client: "CognitoIdentityProviderClient", pool: str) -> None:
        self._client = client
        self._pool = pool

    def read(self, person: str) -> Mapping[str, str] | None:
        """Return the attributes of a customer's account; None if there is no such account."""
        try:
            found = self._client.admin_get_user(UserPoolId=self._pool, Username=person)
        except self._client.exceptions.UserNotFoundException:
            return None
        attributes = {each["Name"]: each.get("Value", "") for each in found.get("UserAttributes", [])}
        return attributes | {"created_at": found["UserCreateDate"].isoformat()}

    def delete(self, person: str) -> None:
        """Delete a customer's account, if there is one."""
        with suppress(self._client.exceptions.UserNotFoundException):
            self._client.admin_delete_user(UserPoolId=self._pool, Username=person)
