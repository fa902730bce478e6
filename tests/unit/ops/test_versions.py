"""The versions of functions on the local cloud."""

from typing import Any

from ops.local.versions import delete_old_versions


class Functions:
    """A client with one function that has four versions, of which aliases are at two, and one without an alias."""

    def __init__(self) -> None:
        self.deleted: list[tuple[str, str]] = []

    def get_paginator(self, operation: str) -> "Functions":
        assert operation == "list_functions"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Functions": [{"FunctionName": name}]} for name in ("relay", "worker")]

    def list_aliases(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        versions = {"relay": ("4", "2"), "worker": ()}[FunctionName]
        return {"Aliases": [{"FunctionVersion": version} for version in versions]}

    def list_versions_by_function(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "relay"
        return {"Versions": [{"Version": version} for version in ("$LATEST", "1", "2", "3", "4")]}

    def delete_function(self, *, FunctionName: str, Qualifier: str) -> None:  # noqa: N803 - boto3's names
        self.deleted.append((FunctionName, Qualifier))


def test_the_versions_that_no_alias_is_at_are_deleted() -> None:
    functions = Functions()
    delete_old_versions(functions)
    assert functions.deleted == [("relay", "1"), ("relay", "3")]
