"""The assembly of a service's executor from its declaration, for every runtime: Lambda, a test, a simulation."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from tidings.core.event import Event
from tidings.core.service import Service
from tidings.core.strategy import Batched, Log, Projection
from tidings.handling.executor import EventExecutor, HandlerExecutor
from tidings.messaging.consumer import Parse, parse_any, parse_typed

S = TypeVar("S")
Record = Callable[[Event[str]], None]


def parser_of(service: Service[Any]) -> Parse:
    """Return the parser of the events that a service subscribes to."""
    return parse_any if service.subscribes_to_all else parse_typed(service.contracts)


def executor_of(
    service: Service[S], *, handlers: Callable[[], HandlerExecutor[S]], record: Record | None, threads: Executor
) -> EventExecutor:
    """Return the executor for a service's declared strategy.

    Args:
        service: The service.
        handlers: Returns the executor of its handlers, for a service that handles events.
        record: Records one event, for a log.
        threads: Commits groups of a batch in parallel.

    Raises:
        ValueError: If the service is a log and `record` is None.
    """
    # A function imports only its own strategy, because imports are most of the library's part of a cold start.
    match service.strategy:
        case Log():
            if record is None:
                raise ValueError(f"{service.name} is a log, and nothing records its events")
            from tidings.handling.log import LogExecutor

            return LogExecutor(record)
        case Batched() | Projection():
            from tidings.handling.batch import BatchExecutor

            return BatchExecutor(handlers(), threads)
        case _:
            return handlers()
