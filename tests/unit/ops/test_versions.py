"""The versions of functions on the local cloud."""

from typing import Any

from ops.local.versions import close_versions, delete_old_versions, open_versions


class NoAliasError(Exception):
    pass


class Functions:
    """A client with one function that has three versions, and one without an alias."""

    def __init__(self) -> None:
        self.deleted: list[tuple[str, str]] = []
        self.current = "3"

    class exceptions:  # noqa: N801 - boto3's name
        ResourceNotFoundException = NoAliasError

    def get_paginator(self, operation: str) -> "Functions":
        assert operation == "list_functions"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Functions": [{"FunctionName": name}]} for name in ("relay", "worker")]

    def get_alias(self, *, FunctionName: str, Name: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        assert Name == "live"
        if FunctionName == "worker":
            raise NoAliasError
        return {"FunctionVersion": self.current}

    def update_alias(self, *, FunctionName: str, Name: str, FunctionVersion: str) -> None:  # noqa: N803 - boto3's names
        assert (FunctionName, Name) == ("relay", "live")
        self.current = FunctionVersion

    def list_versions_by_function(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "relay"
        return {"Versions": [{"Version": version} for version in ("$LATEST", "2", "10", "3")]}

    def delete_function(self, *, FunctionName: str, Qualifier: str) -> None:  # noqa: N803 - boto3's names
        self.deleted.append((FunctionName, Qualifier))


def test_the_versions_that_no_alias_is_at_are_deleted() -> None:
    functions = Functions()
    delete_old_versions(functions)
    assert functions.deleted == [("relay", "2"), ("relay", "10")]


def test_a_closed_function_is_at_no_version_keeps_them_all_and_is_opened_with_the_newest() -> None:
    functions = Functions()
    close_versions(functions, ["relay"])
    assert functions.current == "$LATEST"
    delete_old_versions(functions)
    assert functions.deleted == []
    open_versions(functions, ["relay"])
    assert functions.current == "10"
