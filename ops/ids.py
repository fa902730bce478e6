"""The ids of orders, SKUs, refunds and idempotency keys as users write them."""

import re

import msgspec

from contracts.values.goods import Sku
from contracts.values.order import is_order_id
from contracts.values.text import Id
from ops.errors import CommandError


def parse_order_id(text: str) -> str:
    """Return an order's id.

    Raises:
        CommandError: If the text does not have the form of one.
    """
    if not is_order_id(text):
        raise CommandError(f"{text!r} is not an order's id, which is a UUID in lower case")
    return text


def parse_sku(text: str) -> str:
    """Return a product's SKU.

    Raises:
        CommandError: If the text does not have the form of one.
    """
    try:
        return msgspec.convert(text, Sku)
    except msgspec.ValidationError as error:
        raise CommandError(
            f"{text!r} is not a SKU, which has 1 to 64 letters, digits, `.`, `_` or `-`, "
            "and begins with a letter or digit"
        ) from error


def parse_refund(text: str) -> str:
    """Return a refund's name.

    Raises:
        CommandError: If the text does not have the form of one.
    """
    try:
        return msgspec.convert(text, Id)
    except msgspec.ValidationError as error:
        raise CommandError(f"{text!r} is not a refund's name, which has 1 to 64 visible ASCII characters") from error


def parse_customer(text: str) -> str:
    """Return a customer's id.

    Raises:
        CommandError: If the text does not have the form of one. It is not repeated, because it may be an address.
    """
    if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", text):
        raise CommandError(
            "this is no customer's id, which has 1 to 64 letters, digits or `-`; tidings customer id finds it by the "
            "address of the customer's account"
        )
    return text


def parse_key(text: str) -> str:
    """Return an idempotency key.

    Raises:
        CommandError: If the text does not have the form of one. An empty text is none: a script whose variable is not
            set would place a second order under a new key.
    """
    if not re.fullmatch(r"[!-+\--~]{1,255}", text):
        raise CommandError(
            f"{text!r} is not an idempotency key, which has 1 to 255 visible ASCII characters but no comma"
        )
    return text
