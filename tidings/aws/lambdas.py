"""The Lambda handlers of a service, put together from its declaration and the function's environment."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from tidings.aws import clients
from tidings.aws.dynamodb import DynamoTable, stream_record
from tidings.aws.sqs import SqsQueue
from tidings.core import clock
from tidings.core.service import Service
from tidings.handling.executor import HandlerExecutor
from tidings.messaging.assembly import Record, executor_of, parser_of
from tidings.messaging.consumer import Consumer, Parse

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tidings.observability.metrics import Metrics

S = TypeVar("S")
Handler = Callable[[Mapping[str, Any], "LambdaContext"], dict[str, Any]]


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
    service: Service[Any], *, port: Any = None, parse: Parse | None = None, record: Record | None = None
) -> Handler:
    """Return the Lambda handler of a service's queue.

    Args:
        service: The service.
        port: The port through which its effects are performed.
        parse: Parses the queue's messages, if it receives more than the topic's events.
        record: Records one event, if the service is a log.
    """
    threads = ThreadPoolExecutor(clients.WORKERS)
    queue = Consumer(
        queue=SqsQueue(clients.sqs, os.environ["QUEUE"], os.environ["DLQ"], service.queue),
        kind=service.queue,
        parse=parse or parser_of(service),
        executor=executor_of(
            service,
            handlers=lambda: executor(service, port),
            record=record,
            threads=threads,
        ),
        threads=threads,
        max_receives=int(os.environ["MAX_RECEIVES"]),
        backoff=float(os.environ["BACKOFF_SECONDS"]),
    )

    def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
        deadline = clock.now() + context.get_remaining_time_in_millis()
        return queue.handle(event["Records"], deadline)

    return handler


def relay() -> Handler:
    """Return the Lambda handler of a table's stream, which publishes to the topic that `TOPIC` names."""
    # Imported here, because consumers and APIs need neither.
    from tidings.aws.sns import SnsTopic
    from tidings.messaging.relay import Relay

    topic = SnsTopic(clients.sns(), os.environ["TOPIC"])
    publisher = Relay(topic, ThreadPoolExecutor(clients.WORKERS), metrics().emit)

    def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
        return publisher.handle([stream_record(record) for record in event["Records"]])

    return handler
