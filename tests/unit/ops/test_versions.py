"""The versions of functions on the local cloud."""

from typing import Any

from ops.local.versions import delete_old_versions


class NoAliasError(Exception):
    pass


class Functions:
    """A client with functions of three versions, of which one has no alias, and with one of a single version."""

    def __init__(self) -> None:
        self.deleted: list[tuple[str, str]] = []

    class exceptions:  # noqa: N801 - boto3's name
        ResourceNotFoundException = NoAliasError

    def get_paginator(self, operation: str) -> "Functions":
        assert operation == "list_functions"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Functions": [{"FunctionName": name}]} for name in ("relay", "worker")]

    def get_alias(self, *, FunctionName: str, Name: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        assert (Name, FunctionName != "api") == ("live", True)
        if FunctionName == "worker":
            raise NoAliasError
        return {"FunctionVersion": "3"}

    def list_versions_by_function(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        versions = ("$LATEST", "7") if FunctionName == "api" else ("$LATEST", "1", "2", "3")
        return {"Versions": [{"Version": version} for version in versions]}

    def delete_function(self, *, FunctionName: str, Qualifier: str) -> None:  # noqa: N803 - boto3's names
        self.deleted.append((FunctionName, Qualifier))


def test_the_versions_that_no_alias_is_at_are_deleted() -> None:
    functions = Functions()
    delete_old_versions(functions)
    assert functions.deleted == [("relay", "1"), ("relay", "2")]
