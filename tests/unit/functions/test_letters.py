from typing import get_args

import pytest

from functions.notification.letters import letter
from tests.unit.facts import HOME, ORDER, line, order_placed
from tidings.contracts import Address, CancellationReason, EmailKind, Money, OrderLine, OrderPlaced

PLACED = order_placed(line("tea", 2, 1250), line("cup", 1, 499))


def priced_in(currency: str, amount: int) -> OrderPlaced:
    price = Money(amount, currency)
    return OrderPlaced(
        customer="customer-1",
        lines=(OrderLine("tea", 1, price),),
        total=price,
        email="customer@example.com",
        address=HOME,
        payment_method="pm_card_visa",
    )


@pytest.mark.parametrize("kind", get_args(EmailKind))
def test_every_letter_names_the_order_the_customer_and_the_total(kind: EmailKind) -> None:
    written = letter(kind, ORDER, PLACED, "")
    assert ORDER in written.subject
    for body in (written.text, written.html):
        assert "A. Customer" in body
        assert "29.99 EUR" in body


def test_a_letter_has_a_row_for_each_line() -> None:
    rows = letter("receipt", ORDER, PLACED, "").text.splitlines()
    assert any(row.startswith("2 x tea") and row.endswith("25.00 EUR") for row in rows)
    assert any(row.startswith("1 x cup") and row.endswith("4.99 EUR") for row in rows)


def test_each_kind_has_its_own_subject() -> None:
    kinds: tuple[EmailKind, ...] = get_args(EmailKind)
    assert len({letter(kind, ORDER, PLACED, "").subject for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("reason", get_args(CancellationReason))
def test_a_cancellation_says_why_in_words(reason: str) -> None:
    text = letter("cancellation", ORDER, PLACED, reason).text
    assert f": {reason}." not in text
    assert "is cancelled: " in text


def test_no_reader_is_told_of_a_suspicion_of_fraud() -> None:
    written = letter("cancellation", ORDER, PLACED, "fraud")
    assert "fraud" not in f"{written.subject}{written.text}{written.html}".lower()


def test_a_dispatch_tells_the_tracking_where_there_is_one() -> None:
    assert "Tracking: RR123" in letter("dispatch", ORDER, PLACED, "RR123").text
    assert "Tracking" not in letter("dispatch", ORDER, PLACED, "").text


@pytest.mark.parametrize(("currency", "text"), [("EUR", "12.34 EUR"), ("JPY", "1234 JPY"), ("BHD", "1.234 BHD")])
def test_money_has_its_currencys_decimal_places(currency: str, text: str) -> None:
    written = letter("receipt", ORDER, priced_in(currency, 1234), "")
    assert text in written.text
    assert text in written.html


def test_in_html_what_others_wrote_is_text() -> None:
    hostile = '<script>alert("1")</script>'
    address = Address(hostile, "1 Mill Lane", "Ghent", "9000", "BE")
    placed = OrderPlaced(
        customer="customer-1",
        lines=(line("tea", 1),),
        total=Money(1000, "EUR"),
        email="customer@example.com",
        address=address,
        payment_method="pm",
    )
    html = letter("dispatch", ORDER, placed, "<b>&</b>").html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in html


def test_in_text_what_others_wrote_stays_as_it_is() -> None:
    assert "{total} & <b>" in letter("dispatch", ORDER, PLACED, "{total} & <b>").text
