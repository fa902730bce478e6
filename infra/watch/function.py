"""The Lambda function of the watch. It runs on a schedule, or when an operator asks."""

import os
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tidings.aws import clients, lambdas
from tidings.aws.watch import METRICS, RUN, SERVICE, Watch, WatchedService
from tidings.observability.log import logger
from tidings.observability.metrics import Metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


_stage = os.environ["STAGE"]
_watch = Watch(
    msgspec.json.decode(os.environ["WATCHED"], type=tuple[WatchedService, ...]),
    os.environ["PREFIX"],
    float(os.environ["MAX_ITERATOR_SECONDS"]),
    clients.lambda_,
    clients.dynamodb,
    clients.cloudwatch,
)


@lambdas.without_texts
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
    """Report each problem in the answer and in the log, and their number by service and kind as metrics."""
    report = _watch.run()
    found: dict[str, Counter[str]] = {}
    for problem in report.problems:
        logger.error("events are stopped", extra=msgspec.structs.asdict(problem))
        found.setdefault(problem.service, Counter())[METRICS[problem.kind]] += 1
    for service, counts in found.items():
        Metrics(_stage, service).emit(counts)
    Metrics(_stage, SERVICE).emit({RUN: len(report.problems)})
    answer: dict[str, Any] = msgspec.to_builtins(report)
    return answer
