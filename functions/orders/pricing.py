"""The price of an order, and all reasons for which the shop does not take it."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from contracts.values.goods import OrderLine
from contracts.values.money import MAX_AMOUNT, Currency, Money, format_money
from contracts.values.recipient import Recipient
from contracts.values.text import Email, is_plain
from functions.orders.catalogue import Product
from functions.orders.requests import AddressRequest, LineRequest, OrderRequest
from tidings.core.contract import Announcement
from tidings.http.problems import Problem, Rule, raise_all
from tidings.http.requests import Caller

NO_VERIFIED_ADDRESS = Rule(403, "No verified address", "The caller's ID token has no verified e-mail address.")
UNSUITABLE_ADDRESS = Rule(
    403,
    "Unsuitable address",
    "The shop cannot send e-mails to the caller's address, because it is too long or not in ASCII.",
)
NOT_PLAIN = Rule(
    422,
    "Not plain text",
    "A line of the delivery address contains a link or invisible characters that its pattern cannot name.",
)
REPEATED_SKU = Rule(422, "A SKU twice", "Two lines have the same SKU.")
UNKNOWN_SKU = Rule(422, "Unknown SKU", "A line has a SKU that no product has.")
SEVERAL_CURRENCIES = Rule(422, "Several currencies", "The products are sold in different currencies.")
UNACCEPTED_CURRENCY = Rule(422, "Currency not accepted", "The shop's payment gateway takes no money in the currency.")
UNACCEPTED_METHOD = Rule(422, "Payment method not accepted", "The shop's payment gateway has no such payment method.")
TOTAL_TOO_SMALL = Rule(422, "Total too small", "The order costs less than the payment gateway takes, and not nothing.")
TOTAL_TOO_LARGE = Rule(422, "Total too large", "The order costs more than the shop's payment gateway takes.")
ANOTHER_TOTAL = Rule(
    409,
    "Another total",
    "The order costs another amount than `expected_total`. `total` is what it costs now. Nothing was ordered.",
    {"total": Money},
)

PRICING_RULES = (
    NO_VERIFIED_ADDRESS,
    UNSUITABLE_ADDRESS,
    NOT_PLAIN,
    REPEATED_SKU,
    UNKNOWN_SKU,
    SEVERAL_CURRENCIES,
    UNACCEPTED_CURRENCY,
    UNACCEPTED_METHOD,
    TOTAL_TOO_SMALL,
    TOTAL_TOO_LARGE,
    ANOTHER_TOTAL,
)
"""The rules by which `price_order` refuses an order."""

Amount = Annotated[int, Meta(ge=1, le=MAX_AMOUNT)]


class TotalRange(NamedTuple):
    """The smallest and the largest total that the payment gateway takes, in a currency's minor units."""

    smallest: Amount
    largest: Amount


class PaymentTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """The payment methods and totals that the stage's payment gateway takes.

    Attributes:
        methods: The payment methods. `*` stands for any characters.
        totals: The totals, by currency.
    """

    methods: Annotated[tuple[str, ...], Meta(min_length=1)]
    totals: Annotated[dict[Currency, TotalRange], Meta(min_length=1)]

    def __post_init__(self) -> None:
        empty = [currency for currency, (smallest, largest) in self.totals.items() if smallest > largest]
        if empty:
            raise ValueError(f"no total is between the smallest and the largest one in {', '.join(empty)}")

    def refuse_currency(self, currency: str, field: str) -> Iterator[Problem]:
        """Iterate over the problem with a currency: none if the gateway takes it."""
        if currency not in self.totals:
            detail = f"The shop takes no {currency}, but {', '.join(sorted(self.totals))}."
            yield Problem(UNACCEPTED_CURRENCY, detail, field=field)


def decode_terms(text: str | bytes) -> PaymentTerms:
    """Decode payment terms from JSON.

    Raises:
        msgspec.ValidationError: If they are not valid.
    """
    return msgspec.json.decode(text, type=PaymentTerms)


def price_order(
    caller: Caller, body: OrderRequest, products: Mapping[str, Product], terms: PaymentTerms
) -> Announcement:
    """Price an order.

    Args:
        caller: The customer, whose verified address receives the order's e-mails.
        body: The request.
        products: The products of the request that exist, by SKU.
        terms: What the payment gateway takes.

    Returns:
        The order, with the products' prices and its recipient.

    Raises:
        Problem: If the shop does not take the order. It lists all reasons.
    """
    lines = tuple(
        OrderLine(line.sku, line.quantity, products[line.sku].price) for line in body.lines if line.sku in products
    )
    currencies = sorted({line.price.currency for line in lines})
    problems = [
        *_refuse_email(caller.email),
        *_refuse_address(body.address),
        *_refuse_lines(body.lines, products),
        *_refuse_currencies(currencies, terms),
        *_refuse_method(body.payment_method, terms),
    ]
    # Without the price of a line, or in several currencies, there is no total. Then there are problems.
    total = Money(sum(line.price.amount * line.quantity for line in lines), "".join(currencies))
    if len(lines) == len(body.lines) and len(currencies) == 1:
        problems += _refuse_total(total, body, terms)
    raise_all(problems)
    return Announcement(
        OrderPlaced(customer=caller.id, lines=lines, total=total, payment_method=body.payment_method),
        Recipient(email=caller.email, address=address_of(body.address)),
    )


def address_of(address: AddressRequest) -> Address:
    """Return the address of a request as events carry it."""
    return Address(address.name, address.street, address.city, address.postal_code, address.country)


def _refuse_email(email: str) -> Iterator[Problem]:
    if not email:
        yield Problem(NO_VERIFIED_ADDRESS, "Verify your e-mail address, and sign in again.")
        return
    try:
        msgspec.convert(email, Email)
    except msgspec.ValidationError:
        detail = (
            "The shop cannot send e-mails to your address: it has more than 254 characters, or letters with accents. "
            "Sign in with another one."
        )
        yield Problem(UNSUITABLE_ADDRESS, detail)


def _refuse_address(address: AddressRequest) -> Iterator[Problem]:
    for name, text in (("name", address.name), ("street", address.street), ("city", address.city)):
        if not is_plain(text):
            detail = "Write it without web and e-mail addresses, and without invisible characters."
            yield Problem(NOT_PLAIN, detail, field=f"address.{name}")


def _refuse_lines(lines: Sequence[LineRequest], products: Mapping[str, Product]) -> Iterator[Problem]:
    seen: set[str] = set()
    for n, line in enumerate(lines):
        field = f"lines[{n}].sku"
        if line.sku in seen:
            yield Problem(REPEATED_SKU, f"An earlier line has {line.sku} too: put both into one line.", field=field)
        elif line.sku not in products:
            yield Problem(UNKNOWN_SKU, f"There is no product {line.sku}.", field=field)
        seen.add(line.sku)


def _refuse_currencies(currencies: Sequence[str], terms: PaymentTerms) -> Iterator[Problem]:
    if len(currencies) > 1:
        detail = f"One order is paid in one currency; these products are sold in {', '.join(currencies)}."
        yield Problem(SEVERAL_CURRENCIES, detail, field="lines")
    for currency in currencies:
        yield from terms.refuse_currency(currency, "lines")


def _refuse_method(method: str, terms: PaymentTerms) -> Iterator[Problem]:
    if not any(fnmatchcase(method, known) for known in terms.methods):
        detail = f"The shop takes the payment methods {', '.join(terms.methods)}."
        yield Problem(UNACCEPTED_METHOD, detail, field="payment_method")


def _refuse_total(total: Money, body: OrderRequest, terms: PaymentTerms) -> Iterator[Problem]:
    taken = terms.totals.get(total.currency)
    # An order that costs nothing needs no payment.
    if taken and 0 < total.amount < taken.smallest:
        detail = f"An order must cost at least {_format(taken.smallest, total)}; this one costs {format_money(total)}."
        yield Problem(TOTAL_TOO_SMALL, detail, field="lines")
    if taken and total.amount > taken.largest:
        detail = (
            f"An order may cost {_format(taken.largest, total)} at most; this one costs {format_money(total)}. "
            "Place several."
        )
        yield Problem(TOTAL_TOO_LARGE, detail, field="lines")
    expected = body.expected_total
    if expected and (expected.amount, expected.currency) != (total.amount, total.currency):
        detail = f"The order costs {format_money(total)} now. If the customer agrees, expect that total."
        yield Problem(ANOTHER_TOTAL, detail, field="expected_total", members={"total": total})


def _format(amount: int, total: Money) -> str:
    return format_money(Money(amount, total.currency))
