"""The plan of a chaos test: which fault happens when. It follows from a seed and a duration."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tests.invariants.services import SERVICES

GROUP = 3
"""Maximum number of consumers and relays that are stopped at once, if the duration allows single groups."""


class Fault(StrEnum):
    """A kind of fault."""

    KILL = "functions are killed"
    STOP = "consumers and relays are stopped"
    GATEWAY = "the gateway refuses"
    AGE = "a table ages and is recovered"
    RELEASE = "a release is deployed and rolled back"
    CONSUMER = "a consumer is added and retired"


SECONDS = {
    Fault.KILL: 25,
    Fault.STOP: 25,
    Fault.GATEWAY: 45,
    Fault.AGE: 110,
    Fault.RELEASE: 120,
    Fault.CONSUMER: 210,
}
"""The time for each kind of fault on two cores, until the shop has caught up."""

RECOVERED = ("fraud", "inventory", "loyalty", "notification", "orders", "payment", "warehouse")
"""The services of which one's table ages. Privacy's has nothing to lose here: no customer asks for an erasure."""

NEW_CONSUMER = "popularity"


class Step(NamedTuple):
    """One fault.

    Attributes:
        at: Seconds from the beginning of the load until it happens, or as soon as the fault before it has ended.
        fault: Its kind.
        targets: The services or the functions to which it happens.
        kills: The number of functions to kill.
    """

    at: int
    fault: Fault
    targets: tuple[str, ...] = ()
    kills: int = 0


@dataclass(frozen=True)
class ChaosPlan:
    """The faults of one test, in their sequence.

    Attributes:
        seed: The seed.
        seconds: The duration of the load. It goes on until the last fault has ended, if that takes longer.
        steps: The faults.
    """

    seed: int
    seconds: int
    steps: Sequence[Step]

    @property
    def restored(self) -> str:
        """The service whose table ages; empty if none does."""
        return next((step.targets[0] for step in self.steps if step.fault is Fault.AGE), "")


def mapped_functions() -> list[str]:
    """Return the names of all consumers and relays."""
    consumers = [f"{service.name}-consumer" for service in SERVICES if service.consumes]
    return sorted([*consumers, *(f"{service.name}-relay" for service in SERVICES if service.announces)])


def make_plan(seed: int, minutes: float) -> ChaosPlan:
    """Return the plan that follows from a seed and a duration.

    Each consumer and each relay is stopped once, functions are killed, and the gateway refuses. The other kinds of
    faults take longer, and happen if there is time. Then more faults happen for as long as there is time.

    Args:
        seed: The seed.
        minutes: The duration of the load in minutes.
    """
    rng = random.Random(seed)  # noqa: S311 - not for secrecy
    functions = mapped_functions()
    rng.shuffle(functions)
    left = round(minutes * 60)
    chosen: list[tuple[Fault, tuple[str, ...], int]] = []
    restored = rng.choice(RECOVERED)
    targets = {Fault.AGE: (restored,), Fault.CONSUMER: (NEW_CONSUMER,)}

    def choose(fault: Fault) -> bool:
        nonlocal left
        if SECONDS[fault] > left:
            return False
        left -= SECONDS[fault]
        services = sorted(rng.sample([service.name for service in SERVICES], 3)) if fault is Fault.RELEASE else ()
        chosen.append((fault, targets.get(fault, tuple(services)), rng.randint(2, 5) if fault is Fault.KILL else 0))
        return True

    for fault in (Fault.KILL, Fault.GATEWAY):
        choose(fault)
    # Few groups if there is little time, so that each function is stopped.
    size = GROUP if left >= len(functions) / GROUP * SECONDS[Fault.STOP] else len(functions) // 2
    groups = list(_groups(functions, size))
    left -= len(groups) * SECONDS[Fault.STOP]
    chosen += [(Fault.STOP, group, 0) for group in groups]
    for fault in (Fault.AGE, Fault.RELEASE, Fault.CONSUMER):
        choose(fault)
    while choose(rng.choice((Fault.KILL, Fault.KILL, Fault.GATEWAY, Fault.AGE))):
        pass
    rng.shuffle(chosen)
    return ChaosPlan(seed, round(minutes * 60), tuple(_timed(chosen)))


def _groups(functions: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(functions), size):
        yield tuple(functions[start : start + size])


def _timed(chosen: Sequence[tuple[Fault, tuple[str, ...], int]]) -> Iterator[Step]:
    at = 0
    for fault, targets, kills in chosen:
        yield Step(at, fault, targets, kills)
        at += SECONDS[fault]
