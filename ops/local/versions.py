"""The versions of functions on the local cloud, which keeps a process of each for as long as it exists."""

from typing import Any


def delete_old_versions(functions: Any) -> None:
    """Delete the versions that no alias is at any more, which ends their processes.

    Args:
        functions: The local cloud's client of Lambda.
    """
    for page in functions.get_paginator("list_functions").paginate():
        for name in (function["FunctionName"] for function in page["Functions"]):
            kept = {alias["FunctionVersion"] for alias in functions.list_aliases(FunctionName=name)["Aliases"]}
            if not kept:
                # It belongs to no stack of ours.
                continue
            for version in functions.list_versions_by_function(FunctionName=name)["Versions"]:
                if version["Version"] not in {*kept, "$LATEST"}:
                    functions.delete_function(FunctionName=name, Qualifier=version["Version"])
