"""The function's structured log, written by Powertools."""

import os
from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


FUNCTION_NAME, FUNCTION_VERSION = "function_name", "function_version"
"""The fields with the name and the version of the function that logs. An alarm counts a version's errors by them."""


class _LazyLogger:
    """The function's logger, created on first use.

    Most invocations log nothing, and importing Powertools takes a sixth of a cold start.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(_create(), name)


@cache
def _create() -> "Logger":
    from aws_lambda_powertools import Logger

    # The fields `exception` and `exception_name` describe an error. The further field of Powertools has its text.
    logger = Logger(serialize_stacktrace=False)
    # Lambda sets both (AWS Lambda Developer Guide, "Defined runtime environment variables").
    if version := os.environ.get("AWS_LAMBDA_FUNCTION_VERSION"):
        logger.append_keys(**{FUNCTION_NAME: os.environ["AWS_LAMBDA_FUNCTION_NAME"], FUNCTION_VERSION: version})
    logger.registered_formatter.formatException = lambda ei: trace(ei[1])  # type: ignore[method-assign]
    return logger


def trace(error: BaseException | None) -> str:
    """Return the traceback of an error and of its causes, without their texts; see `described`."""
    # Imported here, because most invocations log nothing.
    from traceback import format_tb

    from tidings.core.errors import causes, described

    chain = reversed(list(causes(error))) if error else ()
    return "\n".join("".join([*format_tb(each.__traceback__), described(each)]) for each in chain)


logger = cast("Logger", _LazyLogger())
