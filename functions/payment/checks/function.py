"""The Lambda function that checks payments, on a schedule or when an operator asks."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from functions.payment.checks.job import CheckJob
from functions.payment.gateways import chosen_ports
from functions.payment.service import service
from tidings.aws import clients, lambdas
from tidings.aws.pending import PendingEntities
from tidings.core import clock
from tidings.handling.pace import Pace

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_pace = Pace(float(os.environ["GATEWAY_RATE"]))
_ports = chosen_ports(_pace)
_pending = PendingEntities(clients.dynamodb(), os.environ["TABLE"], os.environ["PENDING_INDEX"])
_metrics = lambdas.metrics()
_job = CheckJob(lambdas.executor(service, _ports), _ports)


@lambdas.without_texts
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Check the payments that are due; all that wait if the event says `all`.

    If the event says `disputes`, report the payments whose disputes began in the last days instead.
    """
    # The other half of the time remains for a payment that was begun.
    remaining = context.get_remaining_time_in_millis() // 2
    _pace.begin(remaining / 1000)
    deadline = clock.now() + remaining
    if event.get("disputes"):
        return {"reported": _job.report_disputes(deadline)}
    report = _job.run(_pending.oldest_first(), deadline, early=bool(event.get("all")))
    _metrics.emit({"ChecksFailed": report.failed}, {"OldestCheck": report.oldest})
    answer: dict[str, Any] = msgspec.to_builtins(report)
    return answer
