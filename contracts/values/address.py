"""Postal addresses."""

from typing import Annotated

from msgspec import Meta, Struct

from contracts.values.country import Country
from contracts.values.text import PlainLine, is_plain_line
from tidings.core.explanation import NOT_THE_FORM

PostalCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=16,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]*\Z",
        description="A postal code has letters, digits, spaces and hyphens, and begins with a letter or a digit",
    ),
]


class Address(Struct, frozen=True, forbid_unknown_fields=False):
    """A delivery address. `country` is an ISO 3166-1 alpha-2 code."""

    name: PlainLine
    street: PlainLine
    city: PlainLine
    postal_code: PostalCode
    country: Country

    def check(self, field: str) -> None:
        """Refuse lines that are not plain, which the decoder does not check.

        Args:
            field: The address's field, for the error.

        Raises:
            ValueError: If a line is not plain.
        """
        for name, line in (("name", self.name), ("street", self.street), ("city", self.city)):
            if not is_plain_line(line):
                raise ValueError(f"{field}.{name}: {NOT_THE_FORM.format('the schema')}")
