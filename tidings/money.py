"""Amounts of money as people write them."""

from tidings.contracts import Money

WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"

MINOR_UNITS = {**dict.fromkeys(WHOLE.split(), 0), **dict.fromkeys(THOUSANDTHS.split(), 3)}
"""Decimal places of the currencies that have not two of them (ISO 4217)."""


def written(money: Money) -> str:
    """An amount of minor units in its currency: `19.99 EUR`."""
    places = MINOR_UNITS.get(money.currency, 2)
    whole, fraction = divmod(money.amount, 10**places)
    return f"{whole}.{fraction:0{places}d} {money.currency}" if places else f"{whole} {money.currency}"
