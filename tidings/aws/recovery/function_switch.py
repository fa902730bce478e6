"""The closing of functions of AWS Lambda, which refuses every invocation of a closed function."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tidings.aws.recovery.refusals import reporting

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class FunctionSwitch:
    """The functions whose names begin with a prefix, except some.

    A function is closed by a reserved concurrency of 0 (AWS Lambda Developer Guide, "Configuring reserved
    concurrency"). Callers of its API are answered with an error, and its schedule fails.

    Args:
        client: The client.
        prefix: The beginning of the functions' names.
        except_for: The ends of the names of those that stay open.
        pause: Waits for a number of seconds.
    """

    def __init__(
        self,
        client: "LambdaClient",
        prefix: str,
        except_for: Sequence[str] = (),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._except = tuple(except_for)
        self._pause = pause

    def names(self) -> list[str]:
        """Return the functions' names."""
        return sorted(self._timeouts())

    def close(self) -> None:
        """Close the functions, and wait until the longest invocation must have ended."""
        timeouts = self._timeouts()
        with reporting("the functions cannot be closed"):
            for name in timeouts:
                self._client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        self._pause(max(timeouts.values(), default=0))

    def open(self) -> None:
        """Open the functions."""
        with reporting("the functions cannot be opened"):
            for name in self._timeouts():
                self._client.delete_function_concurrency(FunctionName=name)

    def open_names(self) -> list[str]:
        """Return the names of the functions that are open."""
        with reporting("the functions cannot be read"):
            return [name for name in self.names() if not self._is_closed(name)]

    def _is_closed(self, name: str) -> bool:
        answer = self._client.get_function_concurrency(FunctionName=name)
        return answer.get("ReservedConcurrentExecutions") == 0

    def _timeouts(self) -> dict[str, int]:
        with reporting("the functions cannot be read"):
            pages = list(self._client.get_paginator("list_functions").paginate())
        return {
            each["FunctionName"]: each.get("Timeout", 0)
            for page in pages
            for each in page["Functions"]
            if each["FunctionName"].startswith(self._prefix) and not each["FunctionName"].endswith(self._except)
        }
