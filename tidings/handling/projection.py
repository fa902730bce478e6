"""Projections: the increments that keep counters the sum of all entities' contributions."""

from collections import Counter
from typing import TypeVar

from tidings.core.decisions import Increment
from tidings.core.strategy import Contribution, CounterKey, Projection, counter_partition

S = TypeVar("S")


def projection_increments(
    projection: Projection[S], before: S | None, after: S | None, shard: int
) -> tuple[Increment, ...]:
    """Return the increments that a change of an entity's state makes in one shard, each row once.

    They are the difference between the entity's contribution before and after. So where states converge the counters
    do, and a duplicate adds nothing.

    Args:
        projection: The service's projection.
        before: The entity's state as stored; None if it is not stored yet.
        after: The entity's new state.
        shard: The shard of the rows to increment.
    """
    rows: dict[tuple[str, str], dict[str, int]] = {}
    for counter, by in difference(_contribution(projection, before), _contribution(projection, after)).items():
        rows.setdefault(counter[:2], {})[counter.name] = by
    return tuple(
        Increment(
            counter_partition(group, shard),
            add,
            start={name: first for name in add if (first := projection.start(CounterKey(group, row, name)))},
            row=row,
        )
        for (group, row), add in rows.items()
    )


def difference(before: Contribution, after: Contribution) -> Contribution:
    """Return the numbers to add when a contribution changes."""
    sums = Counter(after)
    sums.subtract(before)
    return {counter: by for counter, by in sums.items() if by}


def _contribution(projection: Projection[S], state: S | None) -> Contribution:
    return {} if state is None else projection.contribution(state)
