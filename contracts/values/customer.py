"""Customers."""

from typing import Annotated

from msgspec import Meta

CustomerId = Annotated[
    str, Meta(pattern=r"^[0-9A-Za-z-]{1,64}\Z", description="A customer's id is the `sub` of the customer's tokens")
]
