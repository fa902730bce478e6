"""The consumer: hands a batch of a queue's messages to a service's reactions, and sees to it that none is lost.

A message that fails goes back alone, for a time that grows. One that can never be handled, or has failed for the
last time, goes to the dead-letter queue with its reason, and the batch goes on.
"""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

from tidings.clock import Clock, now
from tidings.errors import PermanentError, RetryableError
from tidings.events import Contract, Contracts, Event, decode, unknown_type, with_data
from tidings.log import logger
from tidings.service import QueueKind

LONGEST_POSTPONEMENT = 900
"""Seconds that a message stays away at most."""

MAX_DETAIL = 512
"""Characters of an error's text that go with a dead letter."""


@dataclass(frozen=True)
class Message:
    """A message as the queue handed it over: `attempts` counts this one, `sent` is in milliseconds since 1970."""

    id: str
    receipt: str
    body: str
    attempts: int
    sent: int
    group: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Message":
        """The message in a record of Lambda's SQS event."""
        attributes = record["attributes"]
        return cls(
            id=record["messageId"],
            receipt=record["receiptHandle"],
            body=record["body"],
            attempts=int(attributes["ApproximateReceiveCount"]),
            sent=int(attributes["SentTimestamp"]),
            group=attributes.get("MessageGroupId", record["messageId"]),
        )


@dataclass(frozen=True)
class DeadLetter:
    """A message given up, and why: `reason` is a fixed word to select by, `detail` the error's own text."""

    message: Message
    reason: str
    detail: str
    type: str | None


class Queue(Protocol):
    """What the consumer needs of its queue, beside what Lambda does by itself."""

    def postpone(self, delays: Mapping[str, int]) -> None:
        """Hides each message, by receipt handle, for so many seconds from now."""

    def bury(self, letter: DeadLetter) -> None:
        """Sends a message to the dead-letter queue."""


React = Callable[[Event[Any], int], None]
"""Handles one event; the deadline is in milliseconds since 1970."""

Prepare = Callable[[Sequence[Event[Any]]], None]
"""Is shown all events of a batch before the first of them is handled."""

Parse = Callable[[str], Event[Any]]
"""Reads a message's body; PermanentError where it cannot be."""


def contracted(contracts: Iterable[type[Contract]]) -> Parse:
    """Reads events of these contracts."""
    known = Contracts(contracts)
    return lambda body: known.decode(decode(body))


def thin(contracts: Iterable[type[Contract]]) -> Parse:
    """Reads events of these types without what they say, so that no change of a contract concerns the reader."""
    known = {contract.__name__ for contract in contracts}

    def parse(body: str) -> Event[None]:
        event = decode(body)
        if event.type not in known:
            raise unknown_type(event)
        return with_data(event, None)

    return parse


def any_event(body: str) -> Event[str]:
    """Reads every event, whatever its contract; its data is the whole message, word for word."""
    return with_data(decode(body), body)


def unprepared(_events: Sequence[Event[Any]]) -> None:
    """What most services do with a batch as a whole: nothing."""


@dataclass(frozen=True)
class _Parsed:
    """A message, and what could be read of it: an event, or why not, with its envelope where there is one."""

    message: Message
    event: Event[Any] | None
    error: PermanentError | None = None

    @property
    def order(self) -> str:
        return self.event.subject if self.event else self.message.group

    def require_event(self) -> Event[Any]:
        """The event; PermanentError where the message is none that can be handled."""
        if self.error:
            raise self.error
        if self.event is None:
            raise PermanentError("not-an-event", "the message holds no event")
        return self.event


@dataclass(frozen=True)
class Consumer:
    """A service's queue, handled: messages of different orders at once, those of one order one after another.

    `open_order` gives the reaction to the events of one order; `prepare` sees the batch's events before that, and may
    do together what the reactions then need not do one by one. `backoff` is the first postponement in seconds; it
    doubles with each attempt. At `max_receives` attempts a message is given up.

    Once half of the function's time is over no message is begun that may come again: those that were not tried go back
    at once. A function that runs out of time would hand its whole batch back, also what is done.
    """

    queue: Queue
    kind: QueueKind
    parse: Parse
    open_order: Callable[[str], React]
    executor: Executor
    max_receives: int
    backoff: float
    randomness: Callable[[], float] = random.random
    prepare: Prepare = unprepared
    clock: Clock = now

    def handle(self, records: Sequence[Mapping[str, Any]], deadline: int) -> dict[str, list[dict[str, str]]]:
        """Handles the records of Lambda's SQS event; answers with those that failed (ReportBatchItemFailures).

        `deadline` is when the function's time is over (milliseconds since 1970).
        """
        begun = self.clock()
        # Going by a deadline that is over from the start would mean to hand everything back for ever.
        latest = (begun + deadline) / 2 if deadline > begun else math.inf
        groups: dict[str, list[_Parsed]] = {}
        for record in records:
            parsed = self._read(Message.of(record))
            groups.setdefault(parsed.order, []).append(parsed)
        every = [parsed for group in groups.values() for parsed in group]
        self._prepare([parsed.event for parsed in every if parsed.event and not parsed.error])
        failed: dict[Message, int] = {}
        # One order alone needs no other thread.
        spread = self.executor.map if len(groups) > 1 else map
        for some in spread(lambda group: self._handle_order(group, latest, deadline), groups.values()):
            failed.update(some)
        if failed:
            self._postpone(failed)
        return {"batchItemFailures": [{"itemIdentifier": message.id} for message in failed]}

    def _read(self, message: Message) -> _Parsed:
        try:
            return _Parsed(message, self.parse(message.body))
        except PermanentError as error:
            return _Parsed(message, error.event, error)
        except Exception as error:  # noqa: BLE001 - nothing that stands in one message may fail its batch
            return _Parsed(message, None, PermanentError("undecodable", f"{type(error).__name__}: {error}"))

    def _prepare(self, events: Sequence[Event[Any]]) -> None:
        try:
            self.prepare(events)
        except Exception:
            # What is not prepared is handled all the same, or fails by itself.
            logger.exception("could not prepare the batch")

    def _handle_order(self, group: Sequence[_Parsed], latest: float, deadline: int) -> dict[Message, int]:
        """The messages of one order that go back, each with the seconds for which it stays away.

        None is begun after `latest`, but for those that are here for the last time.
        """
        react = self.open_order(group[0].order)
        failed: dict[Message, int] = {}
        for n, parsed in enumerate(group):
            late = self.clock() > latest and parsed.message.attempts < self.max_receives
            delay = 0 if late else self._try(react, parsed, deadline)
            if delay is None:
                continue
            failed[parsed.message] = delay
            if self.kind == "fifo":
                # The rest of the group must not overtake: it goes back untried, and returns when this one does.
                return failed | {later.message: delay for later in group[n + 1 :]}
        return failed

    def _try(self, react: React, parsed: _Parsed, deadline: int) -> int | None:
        """None when the message is done with, handled or buried; else the seconds for which it stays away."""
        message = parsed.message
        try:
            react(parsed.require_event(), deadline)
        except PermanentError as error:
            return self._bury(parsed, error.reason, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, only this message fails, and it is not lost
            text = f"{type(error).__name__}: {error}"
            if message.attempts >= self.max_receives:
                return self._bury(parsed, "gave-up", text)
            logger.warning("message failed", extra=_about(parsed, text))
            return self._delay(message, error.after if isinstance(error, RetryableError) else 0)
        return None

    def _bury(self, parsed: _Parsed, reason: str, detail: str) -> int | None:
        event = parsed.event
        letter = DeadLetter(parsed.message, reason, detail[:MAX_DETAIL], event.type if event else None)
        logger.error("message goes to the dead-letter queue", extra=_about(parsed, detail) | {"reason": reason})
        try:
            self.queue.bury(letter)
        except Exception:
            # It goes back instead; past the last attempt the queue's own redrive policy takes it.
            logger.exception("the dead-letter queue did not take it", extra=_about(parsed, detail))
            return self._delay(parsed.message, 0)
        return None

    def _delay(self, message: Message, at_least: float) -> int:
        grown = self.backoff * 2 ** (message.attempts - 1)
        return min(LONGEST_POSTPONEMENT, 1 + int(max(at_least, grown * (0.5 + self.randomness() / 2))))

    def _postpone(self, failed: Mapping[Message, int]) -> None:
        try:
            self.queue.postpone({message.receipt: delay for message, delay in failed.items()})
        except Exception:
            # They come back all the same, when the queue's own visibility time-out ends.
            logger.exception("could not postpone the messages that failed")


def _about(parsed: _Parsed, error: str) -> dict[str, Any]:
    event = parsed.event
    return {
        "message_id": parsed.message.id,
        "attempts": parsed.message.attempts,
        "order": parsed.order,
        "event_id": event.id if event else None,
        "correlation_id": event.correlationid if event else None,
        "error": error[:MAX_DETAIL],
    }
