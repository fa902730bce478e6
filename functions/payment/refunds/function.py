"""The Lambda function that looks at pending refunds again, on a schedule."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from functions.payment.gateways import chosen
from functions.payment.refunds.job import RefundJob
from functions.payment.refunds.pending import PendingRefunds
from functions.payment.service import service
from tidings.aws import clients, lambdas
from tidings.core import clock
from tidings.handling.pace import Pace

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_pace = Pace(float(os.environ["GATEWAY_RATE"]))
_pending = PendingRefunds(clients.dynamodb(), os.environ["TABLE"], os.environ["REFUNDS_INDEX"])
_metrics = lambdas.metrics()
_job = RefundJob(lambdas.executor(service, chosen(_pace)))


def handler(_event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Look at the pending refunds."""
    # The other half of the time remains for a refund that was begun.
    half = context.get_remaining_time_in_millis() // 2
    _pace.begin(half / 1000)
    report = _job.run(_pending.oldest_first(), clock.now() + half)
    _metrics.emit({"RefundsEnded": report.ended, "RefundCheckFailed": report.failed}, {"OldestRefund": report.oldest})
    answer: dict[str, Any] = msgspec.to_builtins(report)
    return answer
