"""Amounts of money, and the currencies of ISO 4217 compared with those of the Unicode CLDR, which babel contains."""

import msgspec
import pytest
from babel.core import get_global
from babel.numbers import get_currency_precision

from contracts.values.money import DECIMALS, Money, format_money

NO_MINOR_UNIT = set("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split())  # noqa: SIM905 - as ISO prints codes

ONLY_ISO = {
    "SVC": "El Salvador's colon, which has been replaced by the US dollar and is still listed",
    "XAD": "the Arab Accounting Dinar, which is newer than babel's data",
}
ONLY_CLDR = {
    "BGN": "the lev, which the euro replaced on 2026-01-01, and which is in use in babel's data",
    "CNH": "the renminbi outside China, which has no code of ISO",
}
PRINTED_DIFFERENTLY = {
    **dict.fromkeys(("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER"), (2, 0)),
    "IQD": (3, 0),
}
"""The decimal places of ISO, and those that CLDR prints: it leaves out minor units that nobody pays with any more."""


def in_use() -> set[str]:
    """Return the codes that CLDR knows in some territory today."""
    territories = get_global("territory_currencies").values()
    return {code for currencies in territories for code, _start, end, _tender in currencies if end is None}


def test_the_currencies_are_those_in_use_that_have_a_minor_unit() -> None:
    assert DECIMALS.keys() - in_use() == ONLY_ISO.keys()
    assert in_use() - DECIMALS.keys() == NO_MINOR_UNIT | ONLY_CLDR.keys()


def test_the_decimal_places_are_those_of_cldr_except_those_that_it_does_not_print() -> None:
    found = {code: (places, get_currency_precision(code)) for code, places in DECIMALS.items()}
    assert {code: both for code, both in found.items() if both[0] != both[1]} == PRINTED_DIFFERENTLY


@pytest.mark.parametrize("currency", sorted(DECIMALS))
def test_each_currency_can_be_decoded(currency: str) -> None:
    money = Money(1999, currency)
    assert msgspec.json.decode(msgspec.json.encode(money), type=Money) == money


@pytest.mark.parametrize("currency", ["ABC", "ANG", "BGN", "EURO", "EU", "", "eur", "EUR\n", *sorted(NO_MINOR_UNIT)])
def test_a_code_without_a_minor_unit_and_a_text_that_is_no_code_are_refused(currency: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.currency"):
        msgspec.convert({"amount": 1999, "currency": currency}, Money)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1999, "EUR", "19.99 EUR"),
        (5, "EUR", "0.05 EUR"),
        (0, "EUR", "0.00 EUR"),
        (100_000, "EUR", "1000.00 EUR"),
        (1999, "JPY", "1999 JPY"),
        (1999, "KWD", "1.999 KWD"),
        (7, "KWD", "0.007 KWD"),
        (7, "CLF", "0.0007 CLF"),
    ],
)
def test_an_amount_is_formatted_with_its_currencys_decimal_places(amount: int, currency: str, text: str) -> None:
    assert format_money(Money(amount, currency)) == text
