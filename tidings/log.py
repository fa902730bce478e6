"""A function's log, in Powertools' JSON."""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


class _OnFirstUse:
    """Stands for the function's one logger, which is made when something is first logged.

    Most functions start to handle what there is nothing to be logged about, and loading Powertools takes long.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(_made(), name)


@cache
def _made() -> "Logger":
    from aws_lambda_powertools import Logger

    return Logger()


logger = cast("Logger", _OnFirstUse())
