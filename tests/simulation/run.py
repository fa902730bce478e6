"""Runs histories, and tells of one that fails how to have it again."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from tests.simulation.choices import Drawn
from tests.simulation.history import History
from tests.simulation.shrink import Failure, failure, failure_of, shrink

ORDERS = 20
SHRINKING = 30.0
"""Seconds."""

MOST_LINES = 120

Note = Callable[[str], None]


@contextmanager
def quiet() -> Iterator[None]:
    """Nobody reads what the runtime logs of thousands of failures."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def first_failure(seeds: Iterable[int], orders: int = ORDERS) -> tuple[int, Failure] | None:
    """The first of these seeds whose history breaks an invariant, and how."""
    with quiet():
        for seed in seeds:
            if found := seeded(seed, orders):
                return seed, found
    return None


def seeded(seed: int, orders: int = ORDERS, note: Note | None = None) -> Failure | None:
    """How the history of a seed fails, where it does."""
    return failure_of(History(Drawn(seed), orders, note), orders)


def explained(seed: int, found: Failure, seconds: float = SHRINKING) -> str:
    """A failure in words: what is wrong, how to have it again, and the shortest history that shows it."""
    trace: list[str] = []
    with quiet():
        short = shrink(found, seconds)
        again = failure(short.choices, short.orders, trace.append) or short
    return "\n".join(
        [
            f"{found.violation}",
            f"make simulate SEED={seed} plays it again.",
            f"The shortest history found has {short.orders} orders and {len(short.unplain)} choices:",
            *concerning(trace, f"{again.violation}")[-MOST_LINES:],
            f"{again.violation}",
        ]
    )


def concerning(trace: Sequence[str], violation: str) -> list[str]:
    """The lines of a trace about the orders that a violation names; all of them where it names none."""
    orders = {order[:8] for order in _ORDER.findall(violation)}
    kept: list[str] = []
    invocations: set[str] = set()
    for line in trace:
        named = any(order in line for order in orders)
        number = _INVOCATION.search(line)
        if named and number:
            invocations.add(number[0])
        if not orders or named or not (number or _SHORT_ORDER.search(line)) or (number and number[0] in invocations):
            kept.append(line)
    return kept


_ORDER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHORT_ORDER = re.compile(r"\b[0-9a-f]{8}\b")
_INVOCATION = re.compile(r"#\d+")
