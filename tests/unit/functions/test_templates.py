from typing import get_args

import pytest
from msgspec.structs import replace

from contracts.orders.order_cancelled import CancellationReason
from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from contracts.values.email import EmailKind
from contracts.values.goods import OrderLine
from contracts.values.money import Money
from contracts.values.recipient import Recipient
from functions.notification.templates import greeted, render
from tests.unit.facts import ORDER, RECIPIENT, line, order_placed

PLACED = order_placed(line("tea", 2, 1250), line("cup", 1, 499))


def priced_in(currency: str, amount: int) -> OrderPlaced:
    price = Money(amount, currency)
    return OrderPlaced(
        customer="customer-1",
        lines=(OrderLine("tea", 1, price),),
        total=price,
        payment_method="pm_card_visa",
    )


def test_the_receipt_of_an_order_that_costs_nothing_names_no_payment() -> None:
    text = render("receipt", ORDER, priced_in("EUR", 0), RECIPIENT, "").text
    assert "There is nothing to pay." in text
    assert "your payment" not in text


def test_the_mail_about_the_cancellation_of_an_order_that_costs_nothing_names_no_payment() -> None:
    text = render("cancellation", ORDER, priced_in("EUR", 0), RECIPIENT, "customer").text
    assert "your order is cancelled: as you asked us to.\n" in text


def test_the_mail_about_a_cancellation_does_not_say_that_money_has_gone_back() -> None:
    # A refund may fail after the mail is sent.
    assert "We will refund any payment" in render("cancellation", ORDER, PLACED, RECIPIENT, "customer").text


@pytest.mark.parametrize("kind", get_args(EmailKind))
def test_every_email_names_the_order_the_customer_and_the_total(kind: EmailKind) -> None:
    email = render(kind, ORDER, PLACED, RECIPIENT, "")
    assert ORDER in email.subject
    for body in (email.text, email.html):
        assert "A. Customer" in body
        assert "29.99 EUR" in body


def test_an_email_has_a_row_for_each_line() -> None:
    rows = render("receipt", ORDER, PLACED, RECIPIENT, "").text.splitlines()
    assert any(row.startswith("2 x tea") and row.endswith("25.00 EUR") for row in rows)
    assert any(row.startswith("1 x cup") and row.endswith("4.99 EUR") for row in rows)


def test_each_kind_has_a_different_subject() -> None:
    kinds: tuple[EmailKind, ...] = get_args(EmailKind)
    assert len({render(kind, ORDER, PLACED, RECIPIENT, "").subject for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("reason", get_args(CancellationReason))
def test_a_cancellation_gives_its_reason_in_words(reason: str) -> None:
    text = render("cancellation", ORDER, PLACED, RECIPIENT, reason).text
    assert f": {reason}." not in text
    assert "is cancelled: " in text


def test_the_mail_about_an_operators_cancellation_says_that_the_shop_cancelled() -> None:
    email = render("cancellation", ORDER, PLACED, RECIPIENT, "operator")
    assert "your order is cancelled: we had to cancel it." in email.text
    assert "asked" not in email.text
    assert (
        "your order is cancelled: as you asked us to."
        in render("cancellation", ORDER, PLACED, RECIPIENT, "customer").text
    )


def named(name: str) -> Recipient:
    """A recipient as an event of an older version may carry it: structs are validated only when they are decoded."""
    return replace(RECIPIENT, address=Address(name, "1 Mill Lane", "Ghent", "9000", "BE"))


@pytest.mark.parametrize(
    "name",
    [
        *("Verify at http://evil.example/x", "evil.example", "x@evil.example", "Ann\u202e", "An\u200bn", "Ann\nBcc: x"),
        *("evil.\U0001d41c\U0001d428\U0001d426", "Ann\U000e0041", ""),
    ],
)
@pytest.mark.parametrize("kind", get_args(EmailKind))
def test_a_name_that_is_not_plain_reaches_no_email(kind: EmailKind, name: str) -> None:
    email = render(kind, ORDER, PLACED, named(name), "")
    assert greeted(name) == "Customer"
    assert email == render(kind, ORDER, PLACED, named("Customer"), "")


def test_an_email_greets_the_customer_by_a_plain_name() -> None:
    assert greeted("J.R.R. O'Brien") == "J.R.R. O'Brien"
    assert render("receipt", ORDER, PLACED, named("J.R.R. O'Brien"), "").text.startswith("Dear J.R.R. O'Brien,")


@pytest.mark.parametrize("kind", get_args(EmailKind))
def test_a_subject_contains_nothing_that_a_customer_wrote(kind: EmailKind) -> None:
    assert (
        render(kind, ORDER, PLACED, named("A. Customer"), "").subject
        == render(kind, ORDER, PLACED, named("Ann"), "").subject
    )


def test_an_email_does_not_mention_a_suspicion_of_fraud() -> None:
    email = render("cancellation", ORDER, PLACED, RECIPIENT, "fraud")
    assert "fraud" not in f"{email.subject}{email.text}{email.html}".lower()


def test_a_dispatch_contains_the_tracking_if_it_is_known() -> None:
    assert "Tracking: RR123" in render("dispatch", ORDER, PLACED, RECIPIENT, "RR123").text
    assert "Tracking" not in render("dispatch", ORDER, PLACED, RECIPIENT, "").text


@pytest.mark.parametrize(("currency", "text"), [("EUR", "12.34 EUR"), ("JPY", "1234 JPY"), ("BHD", "1.234 BHD")])
def test_money_has_its_currencys_decimal_places(currency: str, text: str) -> None:
    email = render("receipt", ORDER, priced_in(currency, 1234), RECIPIENT, "")
    assert text in email.text
    assert text in email.html


def test_in_html_the_texts_of_others_are_escaped() -> None:
    html = render("dispatch", ORDER, PLACED, named('<b>"Ann"</b>'), "<b>&</b>").html
    assert "<b>" not in html
    assert "Dear &lt;b&gt;&quot;Ann&quot;&lt;/b&gt;," in html
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in html


def test_in_text_the_texts_of_others_are_unchanged() -> None:
    assert "{total} & <b>" in render("dispatch", ORDER, PLACED, RECIPIENT, "{total} & <b>").text
