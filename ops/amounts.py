"""Amounts of money as users write them."""

import re

from contracts.values.money import DECIMALS, Money
from ops.errors import CommandError

AMOUNT = re.compile(r"([0-9]{1,10})(?:\.([0-9]+))? ?([A-Za-z]{3})")


def parse_amount(text: str) -> Money:
    """Return an amount of money like `12.99EUR`: a whole number, or one with all decimal places of its currency.

    Raises:
        CommandError: If the text is not an amount of money.
    """
    found = AMOUNT.fullmatch(text)
    if not found:
        raise CommandError(f"{text!r} is not an amount of money; write the amount and the currency, like 12.99EUR")
    whole, decimals, currency = found[1], found[2] or "", found[3].upper()
    if currency not in DECIMALS:
        raise CommandError(f"{text!r} is not an amount of money: {currency} is no currency of ISO 4217, like EUR")
    places = DECIMALS[currency]
    if decimals and len(decimals) != places:
        digits = f"{places} decimal places" if places else "no decimal places"
        example = f"12{'.' + '9900'[:places] if places else ''}{currency}"
        raise CommandError(f"{text!r} is not an amount of money: {currency} has {digits}; write it like {example}")
    return Money(int(whole) * 10**places + int(decimals or 0), currency)
