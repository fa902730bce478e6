"""Runs histories, and tells of one that fails how to have it again."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tests.simulation.choices import Drawn
from tests.simulation.history import History
from tests.simulation.shrink import Failure, failure, failure_of, shrink

ORDERS = 20
SHRINKING = 20.0
"""Seconds."""

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
            f"The shortest history found: {short.orders} orders, {len(short.unplain)} choices.",
            *trace[-TRACE_LINES:],
            f"{again.violation}",
        ]
    )


TRACE_LINES = 120
