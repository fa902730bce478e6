"""Makes a failing history shorter: fewer orders, and as few choices as possible that are not the plainest ones."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.simulation.choices import Drawn, Replayed
from tests.simulation.history import History
from tests.simulation.invariants import check
from tests.simulation.violation import ViolationError

SMALLER = (1, 2, 3, 5, 8)
SEARCHED = 400
"""Histories of each of these numbers of orders."""


@dataclass(frozen=True)
class Failure:
    """A history that breaks an invariant: by which choices, and with how many orders."""

    violation: ViolationError
    choices: Sequence[int]
    orders: int

    @property
    def unplain(self) -> list[int]:
        """Where its choices are not the plainest."""
        return [n for n, made in enumerate(self.choices) if made]


def failure(choices: Sequence[int], orders: int, note: Callable[[str], None] | None = None) -> Failure | None:
    """How a history fails, where it does."""
    return failure_of(History(Replayed(choices), orders, note), orders)


def failure_of(history: History, orders: int) -> Failure | None:
    """Runs a history; how it fails, where it does."""
    try:
        history.run()
        check(history)
    except ViolationError as violation:
        return Failure(violation, history.choices.made, orders)
    return None


def shrink(found: Failure, seconds: float) -> Failure:
    """The shortest history found in that time which breaks the same invariant."""
    begun = time.monotonic()
    found = _smaller(found, begun + seconds / 2)
    return _shorter(_plainer(found, begun + seconds), begun + seconds)


def _smaller(found: Failure, until: float) -> Failure:
    """Another history with fewer orders: what is wrong with many is mostly wrong with few, and found by looking."""
    for orders in SMALLER:
        for seed in range(SEARCHED):
            if orders >= found.orders or time.monotonic() > until:
                return found
            new = failure_of(History(Drawn(seed), orders), orders)
            if _same(new, found):
                return new or found
    return found


def _try(found: Failure, choices: Sequence[int], orders: int) -> Failure | None:
    new = failure(choices, orders)
    return new if _same(new, found) else None


def _same(new: Failure | None, found: Failure) -> bool:
    return new is not None and new.violation.invariant == found.violation.invariant


def _plainer(found: Failure, until: float) -> Failure:
    """Sets choices to 0, by halves, quarters and so on (delta debugging)."""
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
    """Cuts choices out, so that what follows moves up."""
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
