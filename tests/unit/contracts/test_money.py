import pytest

from contracts.values.money import Money, format_money

# ISO 4217, list one: currencies whose minor unit is not a hundredth, without funds and units of account.
WHOLE = [
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"),
    *("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
]
THOUSANDTHS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]


@pytest.mark.parametrize(
    ("amount", "text"), [(1999, "19.99 EUR"), (5, "0.05 EUR"), (0, "0.00 EUR"), (100_000, "1000.00 EUR")]
)
def test_most_currencies_have_hundredths(amount: int, text: str) -> None:
    assert format_money(Money(amount, "EUR")) == text


@pytest.mark.parametrize("currency", WHOLE)
def test_some_currencies_have_no_fraction(currency: str) -> None:
    assert format_money(Money(1999, currency)) == f"1999 {currency}"


@pytest.mark.parametrize("currency", THOUSANDTHS)
def test_some_currencies_have_thousandths(currency: str) -> None:
    assert format_money(Money(1999, currency)) == f"1.999 {currency}"
    assert format_money(Money(7, currency)) == f"0.007 {currency}"
