"""The consumer: hands a batch of messages to a service's executor, and loses none.

A message that fails is retried by itself, after a growing delay. A message that can never be handled, or that the retry
policy gives up, goes to the dead-letter queue with its reason, and the batch goes on.
"""

import math
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from tidings.core.clock import Clock, now
from tidings.core.contract import Contract, ContractRegistry
from tidings.core.errors import NewerReleaseError, PermanentError, RetryableError, UntriedError, causes, described
from tidings.core.event import Event, decode, refuse_future, with_data, without_personal
from tidings.core.ports import DeadLetter, Message, Queue
from tidings.core.service import QueueKind
from tidings.handling.executor import EventExecutor, Handle
from tidings.handling.retries import Failure, GiveUp, PutBack, RetryPolicy, TryAgain
from tidings.observability.log import logger

MAX_DETAIL = 512
"""Maximum number of characters of an error's text that a dead letter carries."""

WAITING = "MessagesWaiting"
"""The metric of the messages that were put back because they could not be tried. SQS's metrics do not show them."""

Parse = Callable[[str], Event[Any]]
"""Parses a message's body; raises PermanentError if it is no event, and NewerReleaseError if it cannot be read yet."""


def parse_typed(contracts: Iterable[type[Contract]]) -> Parse:
    """Return the parser of events with these contracts."""
    registry = ContractRegistry(contracts)
    return lambda body: registry.decode(decode(body))


def parse_any(body: str) -> Event[str]:
    """Parse an event of any contract. Its data is the whole message, word for word."""
    return with_data(decode(body), body)


def parse_untyped(body: str) -> Event[Any]:
    """Parse an event of any contract. Its data is as decoded from JSON, and its personal data is withheld."""
    return without_personal(decode(body))


@dataclass(frozen=True)
class _Parsed:
    """A message with its event, or with the error that parsing it raised."""

    message: Message
    event: Event[Any] | None
    error: PermanentError | NewerReleaseError | None = None

    @property
    def key(self) -> str:
        return self.event.subject if self.event else self.message.group

    def require_event(self) -> Event[Any]:
        if self.error:
            raise self.error
        if self.event is None:
            raise PermanentError("not-an-event", "the message holds no event")
        return self.event


@dataclass(frozen=True)
class Consumer:
    """The consumer of a service's queue: entities in parallel, the messages of one entity one after another.

    Attributes:
        queue: The queue.
        kind: The queue's kind. On a FIFO queue the later messages of a failed message's entity are not tried.
        parse: Parses a message's body.
        executor: Executes the events.
        threads: Runs the entities' messages in parallel.
        policy: When a message is retried, and when it is given up.
        is_throttled: Whether an error of an adapter asks to slow down.
        randomness: Returns a random number from 0 to 1.
        clock: The current time.
        sleep: Waits for a number of seconds.
        count: Receives the number of messages that wait, as `MessagesWaiting`.
    """

    queue: Queue
    kind: QueueKind
    parse: Parse
    executor: EventExecutor
    threads: Executor
    policy: RetryPolicy
    is_throttled: Callable[[Exception], bool] = lambda _: False
    randomness: Callable[[], float] = random.random
    clock: Clock = now
    sleep: Callable[[float], None] = time.sleep
    count: Callable[[Mapping[str, int]], None] = lambda _: None

    def handle(self, records: Sequence[Mapping[str, Any]], deadline: int) -> dict[str, list[dict[str, str]]]:
        """Handle the records of Lambda's SQS event.

        Once half of the time is over, no message is begun and none is tried again within this invocation. Those that
        were not begun are put back at once. A function that runs out of time would return its whole batch, including
        what is done.

        Args:
            records: The records.
            deadline: When the function's time ends, in milliseconds since 1970.

        Returns:
            The failed messages, in the form of Lambda's `ReportBatchItemFailures`.
        """
        begun = self.clock()
        # With a deadline in the past nothing would ever be tried.
        latest = (begun + deadline) / 2 if deadline > begun else math.inf
        groups: dict[str, list[_Parsed]] = {}
        for record in records:
            parsed = self._parse(Message.of(record))
            groups.setdefault(parsed.key, []).append(parsed)
        every = [parsed for group in groups.values() for parsed in group]
        self._prepare([parsed.event for parsed in every if parsed.event and not parsed.error])
        failed: dict[Message, int] = {}
        # One entity needs no other thread.
        spread = self.threads.map if len(groups) > 1 else map
        for some in spread(lambda group: self._handle_group(group, latest, deadline), groups.values()):
            failed.update(some)
        if failed:
            self._retry_later(failed)
        return {"batchItemFailures": [{"itemIdentifier": message.id} for message in failed]}

    def _parse(self, message: Message) -> _Parsed:
        try:
            event = self.parse(message.body)
            refuse_future(event, self.clock())
            return _Parsed(message, event)
        except (PermanentError, NewerReleaseError) as error:
            return _Parsed(message, error.event, error)
        except Exception as error:  # noqa: BLE001 - no message may fail its batch
            return _Parsed(message, None, PermanentError("undecodable", described(error)))

    def _prepare(self, events: Sequence[Event[Any]]) -> None:
        try:
            self.executor.prepare(events)
        except Exception:
            # Events that are not prepared are handled one by one, or fail by themselves.
            logger.exception("could not prepare the batch")

    def _handle_group(self, group: Sequence[_Parsed], latest: float, deadline: int) -> dict[Message, int]:
        """Handle one entity's messages. Return those to put back, each with its delay in seconds.

        None is begun after `latest`.
        """
        handle = self._open(group[0].key)
        failed: dict[Message, int] = {}
        for n, parsed in enumerate(group):
            follows = n > 0 and self.kind == "fifo"
            delay = 0 if self.clock() > latest else self._try(handle, parsed, follows, latest, deadline)
            if delay is None:
                continue
            failed[parsed.message] = delay
            if self.kind == "fifo":
                # The entity's later messages must not overtake this one: they are put back with it, untried.
                return failed | {later.message: delay for later in group[n + 1 :]}
        return failed

    def _open(self, key: str) -> Handle:
        try:
            return self.executor.open_entity(key)
        except ValueError as error:
            # The key is that of no entity. Only these messages fail, and no other of the batch.
            return partial(_refuse, str(error))

    def _try(self, handle: Handle, parsed: _Parsed, follows: bool, latest: float, deadline: int) -> int | None:
        """Try to handle one message, several times if the retry policy says so.

        Args:
            handle: Handles an event of the message's entity.
            parsed: The message.
            follows: Whether a FIFO queue delivered it behind an earlier message of the entity.
            latest: The time in milliseconds since 1970 after which no try begins.
            deadline: When the function's time ends, in milliseconds since 1970.

        Returns:
            None if it is handled or dead-lettered, else its retry delay in seconds.
        """
        tries = 0
        while True:
            try:
                handle(parsed.require_event(), deadline)
                return None
            except PermanentError as error:
                return self._dead_letter(parsed, error.reason, str(error))
            except Exception as error:  # noqa: BLE001 - only this message fails, and it is not lost
                tries += 1
                text = described(error)
                failure = self._failure(parsed.message, error, tries, follows, latest)
                match self.policy.decide(failure, self.randomness()):
                    case GiveUp(reason):
                        return self._dead_letter(parsed, reason, text)
                    case PutBack():
                        logger.warning("message failed", extra=_log_fields(parsed, text))
                        if failure.waits:
                            self.count({WAITING: 1})
                        return self._delay(parsed.message, error)
                    case TryAgain(pause):
                        logger.warning("message failed, and is tried again", extra=_log_fields(parsed, text))
            self.sleep(pause)

    def _failure(self, message: Message, error: Exception, tries: int, follows: bool, latest: float) -> Failure:
        now = self.clock()
        return Failure(
            receives=message.receives,
            age=(now - message.sent) / 1000,
            waited=(now - message.first_received) / 1000,
            follows=follows,
            tries=tries,
            waits=any(isinstance(cause, UntriedError) for cause in causes(error)) or self.is_throttled(error),
            after=error.after if isinstance(error, RetryableError) else 0,
            left=(latest - now) / 1000,
        )

    def _dead_letter(self, parsed: _Parsed, reason: str, detail: str) -> int | None:
        event = parsed.event
        letter = DeadLetter(parsed.message, reason, detail[:MAX_DETAIL], event.type if event else None)
        logger.error("message goes to the dead-letter queue", extra=_log_fields(parsed, detail) | {"reason": reason})
        try:
            self.queue.dead_letter(letter)
        except Exception:
            # It is retried instead, and dead-lettered at a later delivery.
            logger.exception("the dead-letter queue did not take it", extra=_log_fields(parsed, detail))
            return self._delay(parsed.message)
        return None

    def _delay(self, message: Message, error: Exception | None = None) -> int:
        at_least = max(error.after, error.reserved) if isinstance(error, RetryableError) else 0
        return self.policy.delay(message.receives, at_least, self.randomness())

    def _retry_later(self, failed: Mapping[Message, int]) -> None:
        try:
            self.queue.retry_later({message.receipt_handle: delay for message, delay in failed.items()})
        except Exception:
            # They return in any case, when the queue's own visibility timeout ends.
            logger.exception("could not set the retry delay of the failed messages")


def _refuse(text: str, event: Event[Any], _deadline: int) -> None:
    raise PermanentError("not-an-event", text, event)


def _log_fields(parsed: _Parsed, error: str) -> dict[str, Any]:
    event = parsed.event
    return {
        "message_id": parsed.message.id,
        "receives": parsed.message.receives,
        "entity": parsed.key,
        "event_id": event.id if event else None,
        "correlation_id": event.correlationid if event else None,
        "error": error[:MAX_DETAIL],
    }
