"""The bodies of requests to orders' routes."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.values.address import Address
from contracts.values.goods import MAX_LINES, Quantity, Sku
from contracts.values.money import Money
from contracts.values.text import PLAIN_PATTERN, PlainLine

CheckedLine = Annotated[PlainLine, Meta(pattern=PLAIN_PATTERN)]
"""A plain line that its decoder checks, so that a refusal names each field."""

PaymentMethod = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_-]+\Z",
        description="The name of a payment method has letters, digits, _ and -",
    ),
]


class LineRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A quantity of one product."""

    sku: Sku
    quantity: Quantity


class AddressRequest(Address, frozen=True, forbid_unknown_fields=True):
    """A delivery address. `country` is an ISO 3166-1 alpha-2 code."""

    name: CheckedLine
    street: CheckedLine
    city: CheckedLine


class ExpectedTotal(Money, frozen=True, forbid_unknown_fields=True):
    """The total that the customer agreed to pay, in minor units of a currency (ISO 4217)."""


class OrderRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to place, without prices. E-mails go to the verified address of the caller's ID token.

    With `expected_total` the order is placed only if it costs that much now. It is a condition and no part of the
    order: a repeat of a request gets its first answer, whatever total it expects.
    """

    lines: Annotated[tuple[LineRequest, ...], Meta(min_length=1, max_length=MAX_LINES)]
    payment_method: PaymentMethod
    address: AddressRequest
    expected_total: ExpectedTotal | UnsetType = UNSET
