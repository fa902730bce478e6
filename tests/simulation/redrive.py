"""How dead letters are brought back: sent to the queue that they came from, and only then deleted."""

import msgspec

from tests.simulation.faults import Calls
from tests.simulation.ports.queue import MemoryQueue, Stored

PERMANENT = {"undecodable", "not-an-event", "unknown-type", "unknown-version", "breaks-contract", "oversized"}
"""Reasons for which a message would only fail again."""


class _Id(msgspec.Struct):
    id: str


_id = msgspec.json.Decoder(_Id)


def redrive(queue: MemoryQueue, dlq: MemoryQueue, run: str, calls: Calls) -> None:
    """Brings back what may be handled after all. Each sending has a deduplication id of its own."""
    attempt = 0
    while letters := dlq.receive(10):
        for letter in letters:
            if letter.attributes.get("reason") in PERMANENT:
                continue
            attempt += 1
            bring_back(queue, dlq, letter, deduplication_id(letter, run, attempt), calls)


def deduplication_id(letter: Stored, run: str, attempt: int) -> str:
    """New for each sending: a repeated one would be swallowed for five minutes."""
    return f"{_event_id(letter)}#{run}#{attempt}"


def _event_id(letter: Stored) -> str:
    try:
        return _id.decode(letter.body).id
    except msgspec.MsgspecError:
        # It is no event, and was given up by the queue itself before anybody could say so.
        return letter.id


def bring_back(queue: MemoryQueue, dlq: MemoryQueue, letter: Stored, deduplication: str, calls: Calls) -> None:
    """A crash between the two leaves it in both, which is a duplicate and no loss."""
    calls.make("send", lambda: queue.send(letter.body, letter.group, deduplication))
    calls.make("delete", lambda: dlq.delete(letter.receipt))
