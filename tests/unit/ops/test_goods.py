"""The commands for products, stock, shipments and sales, against an API that answers by a table."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from contracts.values.money import Money
from ops.amounts import parse_amount
from ops.errors import CommandError
from ops.goods.tables import products_table, shipments_table
from ops.sales import sales_table
from tests.unit.ops.api import Install
from tests.unit.ops.terminal import eighty_columns

ORDER = str(UUID(int=1))
MUG = {"sku": "mug", "name": "Blue mug", "price": {"amount": 1299, "currency": "EUR"}}
TEA = {"sku": "tea", "name": "Tea", "price": {"amount": 500, "currency": "JPY"}}
LEVEL = {"sku": "mug", "on_hand": 1200, "reserved": 2, "available": 1198}
SHIPMENT = {"id": ORDER, "status": "dispatched", "lines": [{"sku": "mug", "quantity": 2}], "tracking": "AB 1"}
CATALOGUE = "GET /products?limit=100"
DAY_PATH = "/operators/sales?from=2026-01-31&to=2026-01-31"
NO_LINES: Mapping[str, Any] = {"items": [], "next": None}


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.99EUR", Money(1299, "EUR")),
        ("12.99 eur", Money(1299, "EUR")),
        ("12EUR", Money(1200, "EUR")),
        ("0.05USD", Money(5, "USD")),
        ("500JPY", Money(500, "JPY")),
        ("1.250KWD", Money(1250, "KWD")),
    ],
)
def test_an_amount_has_the_decimal_places_of_its_currency(text: str, amount: Money) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("12.9EUR", "EUR has 2 decimal places; write it like 12.99EUR"),
        ("12.990EUR", "EUR has 2 decimal places; write it like 12.99EUR"),
        ("500.00JPY", "JPY has no decimal places; write it like 12JPY"),
        ("1.25KWD", "KWD has 3 decimal places; write it like 12.990KWD"),
        ("1.25CLF", "CLF has 4 decimal places; write it like 12.9900CLF"),
        ("1.25EUX", "EUX is no currency of ISO 4217, like EUR"),
        *((text, "write the amount and the currency, like 12.99EUR") for text in ("12,99EUR", "12.99", "-1EUR", "EUR")),
    ],
)
def test_a_text_that_is_no_amount_is_refused_with_the_form_of_one(text: str, sentence: str) -> None:
    with pytest.raises(CommandError) as refusal:
        parse_amount(text)
    assert str(refusal.value).startswith(f"{text!r} is not an amount of money")
    assert str(refusal.value).endswith(sentence)


def test_all_pages_of_the_catalogue_are_listed(api: Install) -> None:
    pages = {CATALOGUE: {"items": [MUG], "next": "a b"}, f"{CATALOGUE}&cursor=a+b": {"items": [TEA], "next": None}}
    answer = api(pages).run("products", "list")
    assert [line.split() for line in answer.stdout.splitlines()[2:]] == [
        ["mug", "Blue", "mug", "12.99", "EUR"],
        ["tea", "Tea", "500", "JPY"],
    ]


def test_a_product_is_shown(api: Install) -> None:
    assert api({"GET /products/mug": MUG}).run("products", "show", "mug").stdout == "mug: Blue mug, 12.99 EUR\n"


@pytest.mark.parametrize(
    ("options", "terms"),
    [
        (["--price", "15.00EUR"], {"name": "Blue mug", "price": {"amount": 1500, "currency": "EUR"}}),
        (["--name", "Mug"], {"name": "Mug", "price": MUG["price"]}),
        (["--name", "Mug", "--price", "500JPY"], {"name": "Mug", "price": TEA["price"]}),
    ],
)
def test_what_is_not_set_of_a_product_stays(api: Install, options: list[str], terms: Mapping[str, Any]) -> None:
    shop = api({"GET /products/mug": MUG, "PUT /operators/products/mug": MUG})
    assert shop.run("products", "set", "mug", *options).exit_code == 0
    assert shop.sent[-1] == ("PUT /operators/products/mug", terms)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "name what to set: --name, --price or both"),
        (["--name", "Mug"], "there is no product 'mug' yet: a new one needs --name and --price"),
        (["--price", "1.5EUR"], "'1.5EUR' is not an amount of money: EUR has 2 decimal places; write it like 12.99EUR"),
    ],
)
def test_an_incomplete_product_is_not_set(api: Install, options: list[str], sentence: str) -> None:
    shop = api({})
    answer = shop.run("products", "set", "mug", *options)
    assert (answer.exit_code, answer.stderr) == (1, f"Error: {sentence}\n")
    assert all(call.startswith("GET ") for call, _ in shop.sent)


def test_an_empty_name_is_sent_and_not_taken_for_an_omitted_one(api: Install) -> None:
    shop = api({"GET /products/mug": MUG})
    shop.run("products", "set", "mug", "--name", "")
    assert shop.sent[-1] == ("PUT /operators/products/mug", {"name": "", "price": MUG["price"]})


@pytest.mark.parametrize("sku", ["", "..", "a/b", "\x1b[31m", "a" * 65])
@pytest.mark.parametrize(
    "command", [["products", "show"], ["products", "set", "--price", "1EUR"], ["stock", "show"], ["stock", "set"]]
)
def test_a_text_that_is_no_sku_reaches_no_api(api: Install, command: list[str], sku: str) -> None:
    shop = api({})
    answer = shop.run(*command, sku, *(["1"] if command == ["stock", "set"] else []))
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"Error: {sku!r} is not a SKU, which has 1 to 64 letters")
    assert shop.sent == []


@pytest.mark.parametrize(
    ("products", "known"),
    [
        ([MUG, TEA], "there are mug, tea"),
        ([], "the catalogue is empty"),
        ([{**MUG, "sku": f"mug-{n}"} for n in range(21)], "tidings products list names them"),
    ],
)
@pytest.mark.parametrize(
    "command", [["products", "show", "pot"], ["stock", "show", "pot"], ["stock", "set", "pot", "1"]]
)
def test_an_unknown_product_is_refused_with_the_known_ones_if_they_are_few(
    api: Install, command: list[str], products: list[Any], known: str
) -> None:
    shop = api({CATALOGUE: {"items": products, "next": None}})
    answer = shop.run(*command)
    assert (answer.exit_code, answer.stderr) == (1, f"Error: there is no product 'pot'; {known}\n")
    assert all(call.startswith("GET ") for call, _ in shop.sent)


def test_the_stock_of_a_product_is_set_and_shown(api: Install) -> None:
    shop = api({"GET /products/mug": MUG, "PUT /operators/stock/mug": LEVEL, "GET /operators/stock/mug": LEVEL})
    text = "mug: 1,200 on hand, 2 reserved, 1,198 available\n"
    assert shop.run("stock", "set", "mug", "1200").stdout == text
    assert shop.sent[-1] == ("PUT /operators/stock/mug", {"on_hand": 1200})
    assert shop.run("stock", "show", "mug").stdout == text


def test_the_error_about_stock_that_was_never_set_names_the_command_that_sets_it(api: Install) -> None:
    answer = api({"GET /products/mug": MUG}).run("--stage", "dev", "stock", "show", "mug")
    assert answer.exit_code == 1
    assert answer.stderr == ("Error: the stock of mug was never set; tidings --stage dev stock set mug UNITS sets it\n")


def test_a_shipment_is_dispatched_with_its_tracking_code(api: Install) -> None:
    shop = api({f"POST /operators/shipments/{ORDER}/dispatch": SHIPMENT})
    answer = shop.run("shipments", "dispatch", ORDER, "--tracking", "AB 1")
    assert answer.stdout == f"{ORDER}: dispatched, 2 x mug, tracking AB 1\n"
    assert shop.sent[-1][1] == {"tracking": "AB 1"}


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (
            ["shipments", "dispatch", ORDER],
            f"there is no shipment of order {ORDER}; tidings shipments list lists those",
        ),
        (["orders", "show", ORDER], f"there is no order {ORDER}\n"),
        (["orders", "cancel", ORDER], f"there is no order {ORDER}\n"),
        (["timeline", ORDER], f"there is no order {ORDER}, or its first event is not recorded yet\n"),
        (["orders", "show", ORDER, "--customer"], f"this customer has no order {ORDER}\n"),
    ],
)
def test_an_unknown_order_is_refused(api: Install, command: list[str], sentence: str) -> None:
    answer = api({}).run(*command)
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"Error: {sentence}")


@pytest.mark.parametrize(
    "command", [["shipments", "dispatch"], ["orders", "show"], ["orders", "cancel"], ["timeline"]], ids=" ".join
)
def test_a_text_that_is_no_orders_id_reaches_no_api(api: Install, command: list[str]) -> None:
    shop = api({})
    answer = shop.run(*command, "o-1")
    assert (answer.exit_code, answer.stderr) == (
        1,
        "Error: 'o-1' is not an order's id, which is a UUID in lower case\n",
    )
    assert shop.sent == []


@pytest.mark.parametrize(("options", "prefix"), [([], "/operators"), (["--customer"], "")])
def test_an_order_is_read_and_cancelled_as_an_operator_or_as_its_customer(
    api: Install, options: list[str], prefix: str
) -> None:
    shop = api({})
    for command in (["orders", "show"], ["orders", "cancel"], ["timeline"]):
        shop.run(*command, ORDER, *options)
    path = f"{prefix}/orders/{ORDER}"
    assert [call for call, _ in shop.sent] == [f"GET {path}", f"POST {path}/cancellation", f"GET {path}/timeline"]


def test_sales_are_asked_for_by_days_or_by_durations_before_now(api: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.times.now", lambda: 1_769_860_800_000)
    monkeypatch.setattr("ops.sales.commands.now", lambda: 1_769_860_800_000)
    shop = api({})
    for options in ([], ["--from", "2026-01-01", "--to", "2026-01-07"], ["--from", "3d", "--to", "1d"]):
        shop.run("sales", *options)
    assert [call.partition("?")[2] for call, _ in shop.sent] == [
        "from=2026-01-24&to=2026-02-01",
        "from=2026-01-01&to=2026-01-07",
        "from=2026-01-28&to=2026-01-30",
    ]


@pytest.mark.parametrize(
    ("command", "path", "answer", "text"),
    [
        (["shipments", "list"], "/operators/shipments?limit=100", NO_LINES, "There is no shipment to pick."),
        (["sales", "--from", "2026-01-31", "--to", "2026-01-31"], DAY_PATH, {"days": []}, "Nothing was sold"),
        (
            ["sales", "--from", "2026-01-31", "--to", "2026-01-31"],
            DAY_PATH,
            {"days": [], "rebuilding": True},
            "The figures are being rebuilt, and are not complete yet.",
        ),
    ],
)
def test_an_empty_list_and_incomplete_figures_are_said_to_be_so(
    api: Install, command: list[str], path: str, answer: Any, text: str
) -> None:
    shop = api({f"GET {path}": answer})
    assert text in shop.run(*command).stderr
    assert shop.run(*command, "--json").stdout.strip().startswith(("[]", "{"))


def test_the_tables_break_no_id_and_no_number_in_eighty_columns() -> None:
    address = {"name": "N" * 100, "street": "S" * 100, "city": "C" * 100, "postal_code": "9" * 16, "country": "BE"}
    goods = [{"sku": "s" * 64, "quantity": 1000}]
    shipment = {"id": ORDER, "lines": goods, "address": address, "confirmed_at": "2026-01-31T08:30:00.123Z"}
    assert ORDER in eighty_columns(shipments_table([shipment])).split()
    assert "erased: do not" in eighty_columns(shipments_table([shipment | {"address": None}]))
    product = {"sku": "s" * 64, "name": "[b]N" * 25, "price": {"amount": 10**9, "currency": "EUR"}}
    page = eighty_columns(products_table([product]))
    assert "10000000.00 EUR" in page
    assert "[b]" in page
    total = {
        "placed": 10**6,
        "confirmed": 10**6,
        "cancelled": {"fraud": 10**5, "timeout": 1},
        "units": 10**7,
        "revenue": [{"amount": 10**10, "currency": "EUR"}, {"amount": 5, "currency": "JPY"}],
    }
    sales = eighty_columns(sales_table([{"day": "2026-01-31", "total": total}]))
    for word in ("2026-01-31", "1,000,000", "100,001", "10,000,000", "100000000.00 EUR", "5 JPY"):
        assert word in sales
    assert max(map(len, (page + sales).splitlines())) <= 80
