"""Kinds of e-mail."""

from typing import Literal

EmailKind = Literal["receipt", "cancellation", "dispatch"]
