"""The facts about AWS that an emulator gets wrong."""

from collections.abc import Callable
from typing import Any, TypeVar

Fact = TypeVar("Fact", bound=Callable[..., Any])

NOT_MOTO: set[Callable[..., Any]] = set()
"""The facts that moto gets wrong. MiniStack shows them, and the ports in memory must agree with it."""


def not_moto(fact: Fact) -> Fact:
    """Mark a fact that moto gets wrong. A comment beside it says how."""
    NOT_MOTO.add(fact)
    return fact
