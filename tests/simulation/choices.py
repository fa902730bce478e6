"""Everything that a seed decides, as one sequence of small numbers: it can be recorded, replayed and made shorter.

0 is always the plainest choice: no fault, the oldest message, the first in line.
"""

from collections.abc import Sequence
from random import Random
from typing import Protocol


class Choices(Protocol):
    """Where choices come from; `made` are those made so far. While it is `calm` all are 0, and none is recorded."""

    made: list[int]
    calm: bool

    def below(self, n: int) -> int:
        """A number from 0 to n - 1."""

    def chance(self, probability: float) -> bool:
        """Whether something happens."""

    def pick(self, edges: Sequence[float]) -> int:
        """0, or k where chance falls below the k-th of the growing `edges`."""


class Drawn:
    """Choices drawn by a seed."""

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

    def chance(self, probability: float) -> bool:
        if self.calm:
            return False
        happens = self._random() < probability
        self.made.append(int(happens))
        return happens

    def pick(self, edges: Sequence[float]) -> int:
        if self.calm:
            return 0
        found = self._random()
        made = 0
        if found < edges[-1]:
            made = 1 + next(n for n, edge in enumerate(edges) if found < edge)
        self.made.append(made)
        return made


class Replayed:
    """Choices made before; where they do not fit they are made to, and after the last one all are 0."""

    def __init__(self, recorded: Sequence[int]) -> None:
        self.made: list[int] = []
        self.calm = False
        self._recorded = recorded

    def below(self, n: int) -> int:
        return self._next(n) if n >= 2 else 0

    def chance(self, probability: float) -> bool:
        return bool(self._next(2 if probability else 1))

    def pick(self, edges: Sequence[float]) -> int:
        made = self._next(len(edges) + 1)
        if made and edges[made - 1] <= (edges[made - 2] if made > 1 else 0):
            # This one never happens in this history.
            self.made[-1] = made = 0
        return made

    def _next(self, n: int) -> int:
        if self.calm:
            return 0
        position = len(self.made)
        made = min(self._recorded[position], n - 1) if position < len(self._recorded) else 0
        self.made.append(made)
        return made
