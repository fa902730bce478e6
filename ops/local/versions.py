"""The versions of functions on the local cloud, which keeps a process of each for as long as it exists."""

from collections.abc import Iterable
from typing import Any

from tidings.aws.names import ALIAS

UNPUBLISHED = "$LATEST"
"""The name of a function's code that is no version yet."""


def close_versions(functions: Any, names: Iterable[str]) -> None:
    """Move the aliases of functions off their versions, which the local cloud invokes whatever concurrency is reserved.

    On AWS a reserved concurrency of 0 stops all versions of a function (AWS Lambda Developer Guide, "Configuring
    reserved concurrency").

    Args:
        functions: The local cloud's client of Lambda.
        names: The functions' names.
    """
    for name in names:
        functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=UNPUBLISHED)


def open_versions(functions: Any, names: Iterable[str]) -> None:
    """Move the aliases of functions to their newest versions.

    Args:
        functions: The local cloud's client of Lambda.
        names: The functions' names.
    """
    for name in names:
        found = functions.list_versions_by_function(FunctionName=name)["Versions"]
        newest = max((each["Version"] for each in found if each["Version"] != UNPUBLISHED), key=int)
        functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=newest)


def delete_old_versions(functions: Any) -> None:
    """Delete the versions that no alias is at any more, which ends their processes.

    Args:
        functions: The local cloud's client of Lambda.
    """
    for page in functions.get_paginator("list_functions").paginate():
        for name in (function["FunctionName"] for function in page["Functions"]):
            versions = [each["Version"] for each in functions.list_versions_by_function(FunctionName=name)["Versions"]]
            if len(versions) < 3:
                # It has no old version, as after a deployment without changes, so it needs no further request.
                continue
            kept = {alias["FunctionVersion"] for alias in functions.list_aliases(FunctionName=name)["Aliases"]}
            # A function without an alias belongs to no stack of ours. A closed one is opened with its newest version.
            if not kept or UNPUBLISHED in kept:
                continue
            for version in versions:
                if version not in {*kept, UNPUBLISHED}:
                    functions.delete_function(FunctionName=name, Qualifier=version)
