"""Amounts of money in minor units of a currency."""

from typing import Annotated

from msgspec import Meta, Struct

MAX_AMOUNT = 10**12
"""Maximum number of minor units in an amount."""


class Money(Struct, frozen=True):
    """An amount in minor units of a currency (ISO 4217): 1999 EUR is nineteen euros and ninety-nine cents."""

    amount: Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]


_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"

DECIMALS = {**dict.fromkeys(_NO_DECIMALS.split(), 0), **dict.fromkeys(_THREE_DECIMALS.split(), 3)}
"""Decimal places of the currencies that do not have two (ISO 4217)."""


def decimals_of(currency: str) -> int:
    """Return the number of decimal places of a currency."""
    return DECIMALS.get(currency, 2)


def format_money(money: Money) -> str:
    """Format an amount in its currency: `19.99 EUR`."""
    places = decimals_of(money.currency)
    whole, fraction = divmod(money.amount, 10**places)
    return f"{whole}.{fraction:0{places}d} {money.currency}" if places else f"{whole} {money.currency}"
