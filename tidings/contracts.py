"""The events of the shop: what each one says. Every field is bounded, so that no event outgrows its envelope."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tidings.events import Contract

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Sku = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
Quantity = Annotated[int, Meta(ge=1, le=1000)]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s.]+\Z")]
Line = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=256)]


MOST = 10**12
"""Minor units that an amount may have."""


class Money(Struct, frozen=True):
    """An amount in a currency's minor units (ISO 4217): 1999 EUR is nineteen euros ninety-nine."""

    amount: Annotated[int, Meta(ge=0, le=MOST)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]


class Address(Struct, frozen=True, forbid_unknown_fields=False):
    """Where the goods go; `country` is an ISO 3166-1 alpha-2 code."""

    name: Line
    street: Line
    city: Line
    postal_code: Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]*\Z")]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]


class OrderLine(Struct, frozen=True):
    """So many of one product, at the shop's price for one."""

    sku: Sku
    quantity: Quantity
    price: Money


class Units(Struct, frozen=True):
    """So many of one product, whatever they cost."""

    sku: Sku
    quantity: Quantity


class Shortage(Struct, frozen=True):
    """A product that could not be reserved: how many were asked for, and how many there were."""

    sku: Sku
    requested: Quantity
    available: Annotated[int, Meta(ge=0)]


Lines = Annotated[tuple[OrderLine, ...], Meta(min_length=1, max_length=50)]
AllUnits = Annotated[tuple[Units, ...], Meta(max_length=50)]

Points = Annotated[int, Meta(ge=1, le=10**12)]

CancellationReason = Literal["payment_failed", "out_of_stock", "fraud", "customer", "timeout"]
EmailKind = Literal["receipt", "cancellation", "dispatch"]


class OrderPlaced(Contract, frozen=True, kw_only=True):
    """A customer placed an order."""

    customer: Id
    lines: Lines
    total: Money
    email: Email
    address: Address
    payment_method: Code


class OrderConfirmed(Contract, frozen=True, kw_only=True):
    """The order is paid and its goods are reserved. It carries the order, so that nobody need call back."""

    customer: Id
    lines: Lines
    total: Money
    email: Email
    address: Address


class OrderCancelled(Contract, frozen=True, kw_only=True):
    """The order is off; `detail` says more than the reason where there is more to say."""

    reason: CancellationReason
    detail: Text = ""


class OrderFlagged(Contract, frozen=True, kw_only=True):
    """The order looks like fraud, by these rules."""

    rules: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=20)]


class OrderDispatched(Contract, frozen=True, kw_only=True):
    """The goods have left the warehouse."""

    tracking: Text = ""


class ReturnRequested(Contract, frozen=True, kw_only=True):
    """The goods that have left must come back, since the order was off."""

    lines: AllUnits


class PaymentCaptured(Contract, frozen=True, kw_only=True):
    """The money has moved from the customer to the shop."""

    payment: Id
    amount: Money


class PaymentFailed(Contract, frozen=True, kw_only=True):
    """No money has moved, and none will: `code` is the gateway's decline code, or `voided`."""

    code: Code


class PaymentRefunded(Contract, frozen=True, kw_only=True):
    """The money that had moved went back to the customer."""

    payment: Id
    amount: Money


class StockReserved(Contract, frozen=True, kw_only=True):
    """All the order's goods are put aside for it."""

    lines: AllUnits


class StockRejected(Contract, frozen=True, kw_only=True):
    """Nothing was put aside, for these goods were not there."""

    short: Annotated[tuple[Shortage, ...], Meta(min_length=1, max_length=50)]


class StockReleased(Contract, frozen=True, kw_only=True):
    """The goods put aside for the order are for sale again."""

    lines: AllUnits


class ReceiptSent(Contract, frozen=True, kw_only=True):
    """The receipt was handed to the mail system under this message id."""

    message: Id


class EmailFailed(Contract, frozen=True, kw_only=True):
    """An e-mail could not be delivered and will not be tried again."""

    kind: EmailKind
    detail: Text


class PointsAwarded(Contract, frozen=True, kw_only=True):
    """The customer has earned points by the order."""

    customer: Id
    points: Points


class PointsRevoked(Contract, frozen=True, kw_only=True):
    """The points that the order had earned are taken back."""

    customer: Id
    points: Points
