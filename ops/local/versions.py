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
            found = [each["Version"] for each in functions.list_versions_by_function(FunctionName=name)["Versions"]]
            published = [version for version in found if version != "$LATEST"]
            if len(published) < 2:
                # A deployment without changes publishes none, so it needs no further request.
                continue
            try:
                current = functions.get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"]
            except functions.exceptions.ResourceNotFoundException:
                # It belongs to no stack of ours.
                continue
            for version in published:
                if version != current:
                    functions.delete_function(FunctionName=name, Qualifier=version)
