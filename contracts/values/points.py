"""Loyalty points."""

from typing import Annotated

from msgspec import Meta

Points = Annotated[int, Meta(ge=1, le=10**12)]
