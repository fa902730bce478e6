"""The assembly of a service's executor from its declaration, for every runtime: Lambda, a test, a simulation."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from tidings.core.event import Event
from tidings.core.service import Service
from tidings.core.strategy import Batched, Log, Observer, Projection
from tidings.handling.executor import EventExecutor, HandlerExecutor
from tidings.messaging.consumer import Parse, parse_any, parse_typed, parse_untyped

S = TypeVar("S")
Receive = Callable[[Event[Any]], None]
"""Receives one event, for a service that receives every event."""


def parser_of(service: Service[Any]) -> Parse:
    """Return the parser of the events that a service subscribes to."""
    match service.strategy:
        case Log():
            return parse_any
        case Observer():
            return parse_untyped
        case _:
            return parse_typed(service.contracts)


def executor_of(
    service: Service[S], *, handlers: Callable[[], HandlerExecutor[S]], receive: Receive | None, threads: Executor
) -> EventExecutor:
    """Return the executor for a service's declared strategy.

    Args:
        service: The service.
        handlers: Returns the executor of its handlers, for a service that handles events.
        receive: Receives one event, for a log or an observer.
        threads: Commits groups of a batch in parallel.

    Raises:
        ValueError: If the service is a log or an observer, and `receive` is None.
    """
    # A function imports only its own strategy, because imports are most of the library's part of a cold start.
    match service.strategy:
        case Log() | Observer():
            if receive is None:
                raise ValueError(f"{service.name} is to receive every event, and has no function that does")
            from tidings.handling.every_event import EveryEventExecutor

            return EveryEventExecutor(receive)
        case Batched() | Projection():
            from tidings.handling.batch import BatchExecutor

            return BatchExecutor(handlers(), threads)
        case _:
            return handlers()
