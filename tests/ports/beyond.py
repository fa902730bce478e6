"""What an emulator does not do as AWS does."""

from collections.abc import Callable
from typing import Any, TypeVar

Fact = TypeVar("Fact", bound=Callable[..., Any])

NOT_MOTO: set[Callable[..., Any]] = set()
"""The facts that moto gets wrong: MiniStack shows them, and the simulation must agree."""


def not_moto(fact: Fact) -> Fact:
    """Marks a fact that moto gets wrong; a comment beside it says how."""
    NOT_MOTO.add(fact)
    return fact
