"""Shortens a failing history: fewer orders, and as few choices as possible that are not the plainest ones."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.simulation.evidence import check
from tests.simulation.history import History
from tests.simulation.random_source import RecordedSource, SeededSource
from tests.simulation.violation import ViolationError

SMALLER = (1, 2, 3, 5, 8)
SEARCHED = 400
"""Number of histories of each of these numbers of orders that are tried."""


@dataclass(frozen=True)
class Failure:
    """A history that breaks an invariant.

    Attributes:
        violation: The broken invariant.
        choices: The history's choices.
        orders: Its number of orders.
        restored: The service whose table goes back; empty for none.
    """

    violation: ViolationError
    choices: Sequence[int]
    orders: int
    restored: str = ""

    @property
    def unplain(self) -> list[int]:
        """The positions of its choices that are not the plainest."""
        return [n for n, made in enumerate(self.choices) if made]


def failure(
    choices: Sequence[int], orders: int, trace: Callable[[str], None] | None = None, restored: str = ""
) -> Failure | None:
    """Play a history again. Return its failure, if it fails."""
    return failure_of(History(RecordedSource(choices), orders, trace, restored), orders)


def failure_of(history: History, orders: int) -> Failure | None:
    """Play a history. Return its failure, if it fails."""
    try:
        history.run()
        check(history)
    except ViolationError as violation:
        return Failure(violation, history.choices.made, orders, history.restored)
    return None


def shrink(found: Failure, seconds: float) -> Failure:
    """Return the shortest history that was found in this time and breaks the same invariant."""
    begun = time.monotonic()
    found = _with_fewer_orders(found, begun + seconds / 2)
    return _shorter(_plainer(found, begun + seconds), begun + seconds)


def _with_fewer_orders(found: Failure, until: float) -> Failure:
    """Look for another history with fewer orders: an error that many orders show is mostly shown by few."""
    for orders in SMALLER:
        for seed in range(SEARCHED):
            if orders >= found.orders or time.monotonic() > until:
                return found
            new = failure_of(History(SeededSource(seed), orders, restored=found.restored), orders)
            if _same(new, found):
                return new or found
    return found


def _try(found: Failure, choices: Sequence[int], orders: int) -> Failure | None:
    new = failure(choices, orders, restored=found.restored)
    return new if _same(new, found) else None


def _same(new: Failure | None, found: Failure) -> bool:
    return new is not None and new.violation.invariant == found.violation.invariant


def _plainer(found: Failure, until: float) -> Failure:
    """Set choices to 0, by halves, quarters and so on (delta debugging)."""
    parts = 2
    while time.monotonic() < until:
        places = found.unplain
        size = max(1, len(places) // parts)
        for start in range(0, len(places), size):
            if time.monotonic() > until:
                return found
            chosen = set(places[start : start + size])
            plainer = [0 if n in chosen else made for n, made in enumerate(found.choices)]
            if new := _try(found, plainer, found.orders):
                found = new
        if size == 1:
            return found
        parts *= 2
    return found


def _shorter(found: Failure, until: float) -> Failure:
    """Cut choices out, so that the later ones move up."""
    size = len(found.choices) // 2
    while size >= 8 and time.monotonic() < until:
        start = 0
        while start < len(found.choices) and time.monotonic() < until:
            new = _try(found, [*found.choices[:start], *found.choices[start + size :]], found.orders)
            if new and len(new.unplain) <= len(found.unplain):
                found = new
            else:
                start += size
        size //= 2
    return found
