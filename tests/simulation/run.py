"""Plays histories, and explains a failed one: what is wrong, how to play it again, and its shortest form."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from tests.simulation.history import History
from tests.simulation.random_source import SeededSource
from tests.simulation.shrink import Failure, failure, failure_of, shrink

ORDERS = 20
SHRINKING = 30.0
"""Maximum number of seconds that a failed history is shortened."""

MAX_LINES = 120

Trace = Callable[[str], None]


@contextmanager
def quiet() -> Iterator[None]:
    """Switch logging off: thousands of failures would be logged."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def first_failure(seeds: Iterable[int], orders: int = ORDERS, restored: str = "") -> tuple[int, Failure] | None:
    """Play the histories of these seeds. Return the first seed whose history breaks an invariant, and how."""
    with quiet():
        for seed in seeds:
            if found := seeded(seed, orders, restored=restored):
                return seed, found
    return None


def seeded(seed: int, orders: int = ORDERS, trace: Trace | None = None, restored: str = "") -> Failure | None:
    """Play the history of a seed. Return its failure, if it fails."""
    return failure_of(History(SeededSource(seed), orders, trace, restored), orders)


def explained(seed: int, found: Failure, seconds: float = SHRINKING) -> str:
    """Explain a failure: what is wrong, how to play it again, and the trace of the shortest history that shows it."""
    trace: list[str] = []
    restored = f" RESTORED={found.restored}" if found.restored else ""
    with quiet():
        short = shrink(found, seconds)
        again = failure(short.choices, short.orders, trace.append, short.restored) or short
    return "\n".join(
        [
            f"{found.violation}",
            f"make simulate SEED={seed}{restored} plays it again.",
            f"The shortest history found has {short.orders} orders and {len(short.unplain)} choices:",
            *concerning(trace, f"{again.violation}")[-MAX_LINES:],
            f"{again.violation}",
        ]
    )


def concerning(trace: Sequence[str], violation: str) -> list[str]:
    """Return the lines of a trace about the orders that a violation names; all lines if it names none."""
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
