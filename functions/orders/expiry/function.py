"""The Lambda function that runs the expiry job, on a schedule or when an operator asks."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec

from functions.orders.expiry.brake import BrakeLimit, StoredBrake
from functions.orders.expiry.job import ExpiryJob
from functions.orders.service import service
from tidings.aws import clients, lambdas
from tidings.aws.pending import PendingEntities
from tidings.core import clock

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_pending = PendingEntities(clients.dynamodb(), os.environ["TABLE"], os.environ["PENDING_INDEX"])
_limit = float(os.environ["PENDING_LIMIT_SECONDS"])
_metrics = lambdas.metrics()
_brake = StoredBrake(lambdas.table(service), BrakeLimit.of(int(os.environ["EXPIRED_PER_HOUR"]), _limit), clock.now)
_job = ExpiryJob(lambdas.executor(service), _brake, ThreadPoolExecutor(clients.WORKERS))


@lambdas.without_texts
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Cancel the orders older than the stage's limit, or than the event's `older_than` in seconds.

    The event's `resume` first lets a job go on that the brake has stopped.
    """
    resumed = bool(event.get("resume")) and _brake.resume()
    # The other half of the time remains for orders that were begun.
    deadline = clock.now() + context.get_remaining_time_in_millis() // 2
    report = _job.run(_pending.oldest_first(), event.get("older_than", _limit), deadline)
    counts = {"OrdersExpired": report.cancelled, "ExpiryFailed": report.failed, "ExpiryStopped": int(report.stopped)}
    _metrics.emit(counts, {"OldestPending": report.oldest})
    answer: dict[str, Any] = msgspec.to_builtins(report)
    return answer | {"resumed": resumed}
