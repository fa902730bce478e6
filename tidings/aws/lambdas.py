"""The Lambda handlers of a service, put together from its declaration and the function's environment."""

import math
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tidings.aws import clients
from tidings.aws.dynamodb import DynamoTable, stream_record
from tidings.aws.sqs import SqsQueue
from tidings.aws.throttling import is_throttled
from tidings.core import clock
from tidings.core.errors import described
from tidings.core.service import Service
from tidings.handling.executor import HandlerExecutor
from tidings.handling.retries import RetryPolicy
from tidings.messaging.assembly import Receive, executor_of, parser_of
from tidings.messaging.consumer import Consumer, Parse
from tidings.observability.log import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tidings.handling.pace import Pace
    from tidings.observability.metrics import Metrics

S = TypeVar("S")
Handler = Callable[[Mapping[str, Any], "LambdaContext"], dict[str, Any]]


class FunctionError(Exception):
    """The end of a function that failed. Its text has none of another system's words."""


def without_texts(handler: Handler) -> Handler:
    """Return a Lambda handler whose errors have none of another system's words; see `described`.

    Lambda writes an error's text to the log and returns it to the caller, and a provider's text may contain what was
    sent to it.

    Example:
        ```python
        @lambdas.without_texts
        def handler(event, context):
            return job.run()
        ```
    """

    @wraps(handler)
    def guarded(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
        try:
            return handler(event, context)
        except Exception as error:
            logger.exception("the function failed")
            raise FunctionError(described(error)) from None

    return guarded


def table(service: Service[Any]) -> DynamoTable:
    """Return the service's table, which `TABLE` names."""
    return DynamoTable(clients.dynamodb(), os.environ["TABLE"], service.strategy.sort_key)


def metrics() -> "Metrics":
    """Return the metrics of the function's stage and service (`STAGE`, `SERVICE`)."""
    from tidings.observability.metrics import Metrics

    return Metrics(os.environ["STAGE"], os.environ["SERVICE"])


def executor(service: Service[S], port: Any = None) -> HandlerExecutor[S]:
    """Return the executor of a service's handlers over the function's table.

    Args:
        service: The service.
        port: The port through which its effects are performed.
    """
    return HandlerExecutor(service, table(service), port)


def consumer(
    service: Service[Any],
    *,
    port: Any = None,
    pace: "Pace | None" = None,
    parse: Parse | None = None,
    receive: Receive | None = None,
) -> Handler:
    """Return the Lambda handler of a service's queue.

    Args:
        service: The service.
        port: The port through which its effects are performed.
        pace: The pace of the port's calls, if its provider limits their rate.
        parse: Parses the queue's messages, if it receives more than the topic's events.
        receive: Receives one event, if the service is a log or an observer.
    """
    threads = ThreadPoolExecutor(clients.WORKERS)
    queue = Consumer(
        queue=SqsQueue(clients.sqs, os.environ["QUEUE"], os.environ["DLQ"], service.queue),
        kind=service.queue,
        parse=parse or parser_of(service),
        executor=executor_of(
            service,
            handlers=lambda: executor(service, port),
            receive=receive,
            threads=threads,
        ),
        threads=threads,
        policy=msgspec.json.decode(os.environ["RETRY_POLICY"], type=RetryPolicy),
        is_throttled=is_throttled,
        count=lambda counts: metrics().emit(counts),
    )

    @without_texts
    def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
        remaining = context.get_remaining_time_in_millis()
        if pace:
            # As the consumer begins no message in the second half of its time, no call waits for a slot in it. With a
            # deadline in the past nothing would ever be called.
            pace.begin(remaining / 2000 if remaining > 0 else math.inf)
        return queue.handle(event["Records"], clock.now() + remaining)

    return handler


def relay() -> Handler:
    """Return the Lambda handler of the stream of a service's table.

    It publishes the events of `SERVICE` to the topic that `TOPIC` names, and sends those that can never be published to
    the dead-letter queue `DLQ`. It logs those whose types `LOGGED_EVENTS` lists, separated by commas.
    """
    # Imported here, because consumers and APIs need none of them.
    from tidings.aws.relay_dlq import SqsRelayDeadLetterQueue
    from tidings.aws.sns import SnsTopic
    from tidings.messaging.relay import Relay

    publisher = Relay(
        os.environ["SERVICE"],
        SnsTopic(clients.sns(), os.environ["TOPIC"]),
        SqsRelayDeadLetterQueue(clients.sqs, os.environ["DLQ"]),
        ThreadPoolExecutor(clients.WORKERS),
        metrics().emit,
        logged=os.environ.get("LOGGED_EVENTS", "").split(","),
    )

    @without_texts
    def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
        return publisher.handle([stream_record(record) for record in event["Records"]])

    return handler


def personal(service: Service[Any]) -> Handler:
    """Return the Lambda handler that answers questions about a person's entities; see `personal_answers`.

    The table is the one that `TABLE` names.
    """
    # Imported here, because no other function needs them.
    from tidings.aws.personal_answers import answer, lists_index
    from tidings.http.pagination import Pages

    entities = table(service)
    lists = Pages(clients.dynamodb(), os.environ["TABLE"], lists_index(service)) if service.list_of else None

    @without_texts
    def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
        return answer(service, entities, lists, event)

    return handler
