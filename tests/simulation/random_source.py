"""The random source of a history: every choice in it, as one sequence of small numbers.

The sequence can be recorded, replayed and shortened. The choice 0 is always the plainest one: no fault, the oldest
message, the first in line.
"""

from bisect import bisect_right
from collections.abc import Sequence
from random import Random
from typing import Protocol


class RandomSource(Protocol):
    """A source of choices.

    Attributes:
        made: The choices made so far.
        calm: Whether all choices are 0 from now on. Such choices are not recorded.
    """

    made: list[int]
    calm: bool

    def below(self, n: int) -> int:
        """Return a number from 0 to n - 1."""

    def happens(self, probability: float) -> bool:
        """Return whether something of this probability happens."""

    def pick(self, edges: Sequence[float]) -> int:
        """Return k if a random number is between the (k - 1)-th and the k-th of the ascending edges; 0 if above."""


class SeededSource:
    """Choices that follow from a seed."""

    def __init__(self, seed: int) -> None:
        self.made: list[int] = []
        self.calm = False
        self._random = Random(seed).random  # noqa: S311 - not for secrecy

    def below(self, n: int) -> int:
        if self.calm or n < 2:
            return 0
        made = int(self._random() * n)
        self.made.append(made)
        return made

    def happens(self, probability: float) -> bool:
        if self.calm:
            return False
        happens = self._random() < probability
        self.made.append(int(happens))
        return happens

    def pick(self, edges: Sequence[float]) -> int:
        if self.calm:
            return 0
        found = self._random()
        made = 1 + bisect_right(edges, found) if found < edges[-1] else 0
        self.made.append(made)
        return made


class RecordedSource:
    """Choices made before. A choice that does not fit is reduced to one that does; after the last one all are 0."""

    def __init__(self, recorded: Sequence[int]) -> None:
        self.made: list[int] = []
        self.calm = False
        self._recorded = recorded

    def below(self, n: int) -> int:
        return self._next(n) if n >= 2 else 0

    def happens(self, probability: float) -> bool:
        return bool(self._next(2 if probability else 1))

    def pick(self, edges: Sequence[float]) -> int:
        made = self._next(len(edges) + 1)
        if made and edges[made - 1] <= (edges[made - 2] if made > 1 else 0):
            # This one has no probability in this history.
            self.made[-1] = made = 0
        return made

    def _next(self, n: int) -> int:
        if self.calm:
            return 0
        position = len(self.made)
        made = min(self._recorded[position], n - 1) if position < len(self._recorded) else 0
        self.made.append(made)
        return made
