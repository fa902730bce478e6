"""The versions of functions on the local cloud, which keeps a process of each for as long as it exists."""

from typing import Any

from tidings.aws.names import ALIAS


def delete_old_versions(functions: Any) -> None:
    """Delete the versions that no alias is at any more, which ends their processes.

    Args:
        functions: The local cloud's client of Lambda.
    """
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            try:
                current = functions.get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"]
            except functions.exceptions.ResourceNotFoundException:
                # It belongs to no stack of ours.
                continue
            for version in functions.list_versions_by_function(FunctionName=name)["Versions"]:
                if version["Version"] not in (current, "$LATEST"):
                    functions.delete_function(FunctionName=name, Qualifier=version["Version"])
