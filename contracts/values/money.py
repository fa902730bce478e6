"""Amounts of money in minor units of a currency."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

MAX_AMOUNT = 10**12
"""Maximum number of minor units in an amount."""

_TWO_DECIMALS = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
    CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
    MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG
    YER ZAR ZMW ZWG
"""

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"

DECIMALS = {
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
    **dict.fromkeys(_FOUR_DECIMALS.split(), 4),
}
"""The decimal places of each currency and fund of ISO 4217, list one, as published on 2026-01-01.

The codes of metals, units of account and tests (`XAU`, `XDR`, `XTS`, `XXX`) have no minor unit, so they are left out. A
code that ISO withdraws stays here, because events contain it. A code that ISO adds is a new value of an enumeration, so
it needs new versions of the contracts.
"""

if TYPE_CHECKING:
    Currency = str
else:
    # A type checker would repeat all codes in each of its messages, and every text of a table would need a conversion.
    Currency = Literal[tuple(sorted(DECIMALS))]


class Money(Struct, frozen=True):
    """An amount in minor units of a currency (ISO 4217): 1999 EUR is nineteen euros and ninety-nine cents."""

    amount: Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
    currency: Currency


def format_money(money: Money) -> str:
    """Format an amount in its currency: `19.99 EUR`."""
    places = DECIMALS[money.currency]
    whole, fraction = divmod(money.amount, 10**places)
    return f"{whole}.{fraction:0{places}d} {money.currency}" if places else f"{whole} {money.currency}"
