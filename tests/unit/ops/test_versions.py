"""The versions of functions on the local cloud."""

from typing import Any

from ops.local.versions import close_versions, delete_old_versions, open_versions


class Functions:
    """A client with a function of four versions, of which aliases are at some, one without an alias, and a new one."""

    def __init__(self, **aliases: str) -> None:
        self.aliases = aliases
        self.deleted: list[tuple[str, str]] = []

    def get_paginator(self, operation: str) -> "Functions":
        assert operation == "list_functions"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Functions": [{"FunctionName": name}]} for name in ("relay", "worker", "api")]

    def list_aliases(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName != "api"
        versions = self.aliases.values() if FunctionName == "relay" else ()
        return {"Aliases": [{"FunctionVersion": version} for version in versions]}

    def update_alias(self, *, FunctionName: str, Name: str, FunctionVersion: str) -> None:  # noqa: N803 - boto3's names
        assert FunctionName == "relay"
        self.aliases[Name] = FunctionVersion

    def list_versions_by_function(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        versions = ("$LATEST", "7") if FunctionName == "api" else ("$LATEST", "2", "4", "10", "3")
        return {"Versions": [{"Version": version} for version in versions]}

    def delete_function(self, *, FunctionName: str, Qualifier: str) -> None:  # noqa: N803 - boto3's names
        self.deleted.append((FunctionName, Qualifier))


def test_the_versions_that_no_alias_is_at_are_deleted() -> None:
    functions = Functions(live="3", previous="2")
    delete_old_versions(functions)
    assert functions.deleted == [("relay", "4"), ("relay", "10")]


def test_a_closed_function_is_at_no_version_keeps_them_all_and_is_opened_with_the_newest() -> None:
    functions = Functions(live="3")
    close_versions(functions, ["relay"])
    assert functions.aliases == {"live": "$LATEST"}
    delete_old_versions(functions)
    assert functions.deleted == []
    open_versions(functions, ["relay"])
    assert functions.aliases == {"live": "10"}
