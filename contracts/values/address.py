"""Postal addresses."""

from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.country import Country
from contracts.values.text import PlainLine


class Address(Struct, frozen=True, forbid_unknown_fields=False):
    """A delivery address. `country` is an ISO 3166-1 alpha-2 code."""

    name: PlainLine
    street: PlainLine
    city: PlainLine
    postal_code: Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]*\Z")]
    country: Country
