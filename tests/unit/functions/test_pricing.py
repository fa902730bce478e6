"""The price of an order, and the reasons for which it is refused."""

from typing import Any

import msgspec
import pytest

from contracts.orders.order_placed import OrderPlaced
from contracts.values.money import Money
from contracts.values.recipient import Recipient
from functions.orders.catalogue import Product
from functions.orders.pricing import PaymentTerms, TotalRange, decode_terms, price_order
from functions.orders.requests import AddressRequest, ExpectedTotal, LineRequest, OrderRequest
from tidings.core.contract import Announcement
from tidings.http.problems import Problem
from tidings.http.requests import Caller

TERMS = PaymentTerms(
    ("pm_card_visa", "pm_live_*"), {"EUR": TotalRange(50, 1_000_000), "JPY": TotalRange(50, 1_000_000)}
)
PRODUCTS = {
    "tea": Product("tea", "Tea", Money(1250, "EUR")),
    "pin": Product("pin", "Pin", Money(1, "EUR")),
    "gift": Product("gift", "Gift", Money(0, "EUR")),
    "gold": Product("gold", "Gold", Money(10**9, "EUR")),
    "kimono": Product("kimono", "Kimono", Money(50_000, "JPY")),
    "jeans": Product("jeans", "Jeans", Money(50_00, "USD")),
}
LONG = f"{'x' * 64}@{'.'.join(['y' * 63] * 3)}.example"


def price(*lines: tuple[str, int], email: str = "ada@example.com", **changes: Any) -> Announcement:
    fields: dict[str, Any] = {
        "lines": tuple(LineRequest(sku, quantity) for sku, quantity in lines),
        "payment_method": "pm_card_visa",
        "address": AddressRequest("Ada", "1 Mill Lane", "Ghent", "9000", "BE"),
    }
    return price_order(Caller("customer-1", email), OrderRequest(**(fields | changes)), PRODUCTS, TERMS)


def order_of(*lines: tuple[str, int], **changes: Any) -> OrderPlaced:
    """Return the data of the order's event."""
    data = price(*lines, **changes).data
    assert isinstance(data, OrderPlaced)
    return data


def problems(*lines: tuple[str, int], **changes: Any) -> list[tuple[str, str | None]]:
    """Return the titles and fields of the problems with an order."""
    with pytest.raises(Problem) as raised:
        price(*lines, **changes)
    return [(each.rule.title, each.field) for each in (raised.value, *raised.value.others)]


def detail(*lines: tuple[str, int], **changes: Any) -> str:
    with pytest.raises(Problem) as raised:
        price(*lines, **changes)
    return raised.value.detail


def test_an_order_costs_the_sum_of_its_lines() -> None:
    announcement = price(("tea", 2), ("pin", 3))
    order, recipient = announcement.data, announcement.personal
    assert isinstance(order, OrderPlaced)
    assert isinstance(recipient, Recipient)
    assert order.total == Money(2503, "EUR")
    assert [(line.sku, line.quantity, line.price.amount) for line in order.lines] == [("tea", 2, 1250), ("pin", 3, 1)]
    assert (order.customer, recipient.email) == ("customer-1", "ada@example.com")


@pytest.mark.parametrize(
    "text", ["evil.\U0001d41c\U0001d428\U0001d426", "Ada\U000e0041", "evil.\u33c4", "evil\u2026com"]
)
def test_a_link_that_no_portable_pattern_refuses_is_refused_in_every_line_of_the_address(text: str) -> None:
    address = AddressRequest(text, text, text, "9000", "BE")
    assert problems(("tea", 1), address=address) == [
        ("Not plain text", f"address.{name}") for name in ("name", "street", "city")
    ]


def test_all_problems_with_an_order_are_found() -> None:
    lines = (("tea", 1), ("gin", 1), ("tea", 2), ("rum", 1), ("kimono", 1), ("jeans", 1), ("gin", 2))
    assert problems(*lines, email="", payment_method="cash") == [
        ("No verified address", None),
        ("Unknown SKU", "lines[1].sku"),
        ("A SKU twice", "lines[2].sku"),
        ("Unknown SKU", "lines[3].sku"),
        ("A SKU twice", "lines[6].sku"),
        ("Several currencies", "lines"),
        ("Currency not accepted", "lines"),
        ("Payment method not accepted", "payment_method"),
    ]


def test_a_caller_without_a_verified_address_is_forbidden_to_order() -> None:
    with pytest.raises(Problem) as raised:
        price(("tea", 1), email="")
    assert (raised.value.rule.status, raised.value.rule.title) == (403, "No verified address")


@pytest.mark.parametrize("email", ["m\u00fcller@example.com", LONG, "nobody", "a,b@example.com"])
def test_an_address_that_events_cannot_contain_is_refused_without_its_text(email: str) -> None:
    with pytest.raises(Problem) as raised:
        price(("tea", 1), email=email)
    assert (raised.value.rule.status, raised.value.rule.title) == (403, "Unsuitable address")
    assert email not in str(raised.value)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (("pin", 1), "An order must cost at least 0.50 EUR; this one costs 0.01 EUR."),
        (("pin", 49), "An order must cost at least 0.50 EUR; this one costs 0.49 EUR."),
    ],
)
def test_a_total_below_the_gateways_smallest_is_refused(line: tuple[str, int], found: str) -> None:
    assert problems(line) == [("Total too small", "lines")]
    assert detail(line) == found


def test_a_total_above_the_gateways_largest_is_refused() -> None:
    assert problems(("gold", 1000)) == [("Total too large", "lines")]
    assert detail(("kimono", 21)) == (
        "An order may cost 1000000 JPY at most; this one costs 1050000 JPY. Place several."
    )


@pytest.mark.parametrize("line", [("pin", 50), ("tea", 800), ("kimono", 20), ("gift", 1)])
def test_nothing_and_the_smallest_and_the_largest_total_are_accepted(line: tuple[str, int]) -> None:
    assert order_of(line).lines[0].sku == line[0]


def test_a_currency_that_the_gateway_does_not_take_is_refused_by_its_name() -> None:
    assert problems(("jeans", 1)) == [("Currency not accepted", "lines")]
    assert detail(("jeans", 1)) == "The shop takes no USD, but EUR, JPY."


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_live_", "pm_live_1A"])
def test_the_gateways_payment_methods_are_accepted(method: str) -> None:
    assert order_of(("tea", 1), payment_method=method).payment_method == method


@pytest.mark.parametrize("method", ["pm_card_visa2", "PM_CARD_VISA", "xpm_live_1A", "pm_live", "card"])
def test_another_payment_method_is_refused_with_the_accepted_ones(method: str) -> None:
    assert problems(("tea", 1), payment_method=method) == [("Payment method not accepted", "payment_method")]
    assert "pm_card_visa, pm_live_*" in detail(("tea", 1), payment_method=method)


@pytest.mark.parametrize("expected", [ExpectedTotal(1249, "EUR"), ExpectedTotal(1250, "USD"), ExpectedTotal(0, "EUR")])
def test_another_total_than_the_expected_one_is_refused_with_the_current_one(expected: ExpectedTotal) -> None:
    assert problems(("tea", 1), expected_total=expected) == [("Another total", "expected_total")]
    assert detail(("tea", 1), expected_total=expected).startswith("The order costs 12.50 EUR now.")


def test_an_expected_total_is_not_compared_while_the_order_has_no_total() -> None:
    assert problems(("tea", 1), ("gin", 1), expected_total=ExpectedTotal(1, "EUR")) == [("Unknown SKU", "lines[1].sku")]


# Terms


VALID = {"methods": ["pm_*"], "totals": {"EUR": [50, 100]}}


def test_terms_are_decoded() -> None:
    assert decode_terms(msgspec.json.encode(VALID)) == PaymentTerms(("pm_*",), {"EUR": TotalRange(50, 100)})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"methods": []}, "methods"),
        ({"methods": "pm_*"}, "methods"),
        ({"totals": {}}, "totals"),
        ({"totals": {"eur": [50, 100]}}, "totals"),
        ({"totals": {"EUR": [0, 100]}}, "totals"),
        ({"totals": {"EUR": [50, 10**13]}}, "totals"),
        ({"totals": {"EUR": [50]}}, "totals"),
        ({"totals": {"EUR": [50, 49]}}, "no total is between the smallest and the largest one in EUR"),
        ({"limits": {}}, "limits"),
    ],
)
def test_terms_that_are_not_valid_are_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=named):
        decode_terms(msgspec.json.encode(VALID | changes))
