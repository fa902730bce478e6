"""The function's structured log, written by Powertools."""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


class _LazyLogger:
    """The function's logger, created on first use.

    Most invocations log nothing, and importing Powertools takes a sixth of a cold start.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(_create(), name)


@cache
def _create() -> "Logger":
    from aws_lambda_powertools import Logger

    return Logger()


logger = cast("Logger", _LazyLogger())
