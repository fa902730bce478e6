"""The Lambda function that looks for orders pending too long, by the clock or when an operator asks."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec

from functions.orders.pending import Pending
from functions.orders.service import service
from functions.orders.sweeping import Sweep
from tidings import aws, clock

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_pending = Pending(aws.dynamodb(), os.environ["TABLE"], os.environ["PENDING_INDEX"])
_limit = float(os.environ["PENDING_LIMIT_SECONDS"])
_metrics = aws.metrics()
_sweep = Sweep(aws.reactor(service), ThreadPoolExecutor(aws.WORKERS))


def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Cancels what is older than the stage's limit, or than the event's `older_than` in seconds; tells what it did."""
    # The other half of the time is for ending what was begun.
    deadline = clock.now() + context.get_remaining_time_in_millis() // 2
    swept = _sweep.run(_pending.oldest_first(), event.get("older_than", _limit), deadline)
    _metrics.emit({"OrdersSwept": swept.cancelled, "SweepFailed": swept.failed}, {"OldestPending": swept.oldest})
    answer: dict[str, Any] = msgspec.to_builtins(swept)
    return answer
