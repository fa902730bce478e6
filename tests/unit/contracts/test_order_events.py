import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from contracts.orders.price_changed import PriceChanged
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.money import Money
from contracts.values.order import ORDER_ID, is_order_id
from contracts.values.product import PRODUCT_MONTH, ProductEvent, is_product_month, product_month, sku_of
from tests.unit.facts import ORDER, fact, order_placed
from tidings.core.clock import from_rfc3339
from tidings.core.contract import Contract, ContractRegistry
from tidings.core.errors import PermanentError
from tidings.core.event import decode, encode
from tidings.testing import make_event

REGISTRY = ContractRegistry([OrderPlaced, OrderCancelled])


def reason_of(text: str) -> str:
    with pytest.raises(PermanentError) as refusal:
        REGISTRY.decode(decode(text))
    return refusal.value.reason


def test_a_placed_order_is_decoded_as_it_was_encoded() -> None:
    event = fact(order_placed(), n=3, cause=f"payment/{ORDER}/1")
    assert REGISTRY.decode(decode(encode(event))) == event


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": []},
        {"lines": [{"sku": "tea", "quantity": 0, "price": {"amount": 1, "currency": "EUR"}}]},
        {"total": {"amount": -1, "currency": "EUR"}},
        {"total": {"amount": 1, "currency": "eur"}},
        {"total": {"amount": 1.5, "currency": "EUR"}},
        {"total": {"amount": 10**13, "currency": "EUR"}},
        {"customer": ""},
        {"customer": "c" * 65},
        {"customer": "c\n"},
    ],
)
def test_an_order_out_of_bounds_breaks_the_contract(changes: dict[str, Any]) -> None:
    placed = json.loads(encode(fact(order_placed())))
    assert reason_of(json.dumps(placed | {"data": placed["data"] | changes})) == "breaks-contract"


@pytest.mark.parametrize("source", ["orders", "loyalty", "ses"])
def test_an_event_is_accepted_from_its_producer_only(source: str) -> None:
    captured = fact(PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR")), source=source)
    registry = ContractRegistry([PaymentCaptured])
    with pytest.raises(PermanentError) as refusal:
        registry.decode(decode(encode(captured)))
    assert refusal.value.reason == "wrong-source"
    genuine = fact(captured.data)
    assert registry.decode(decode(encode(genuine))) == genuine


@pytest.mark.parametrize("order", ["order-1", ORDER.upper(), ORDER[1:], f"{ORDER}/1", "stock#x"])
def test_an_order_event_whose_subject_is_no_uuid_breaks_the_contract(order: str) -> None:
    assert not is_order_id(order)
    assert reason_of(encode(fact(OrderCancelled(reason="customer"), order=order))) == "breaks-contract"


@pytest.mark.parametrize("key", ["#stock#x", "#hours", f"{ORDER}\n", "two words"])
def test_an_order_event_about_a_key_that_no_entity_has_is_not_an_event(key: str) -> None:
    assert reason_of(encode(fact(OrderCancelled(reason="customer"), order=key))) == "not-an-event"


MODULES = [
    import_module(".".join(file.with_suffix("").parts[-3:]))
    for file in Path(contracts.__file__).parent.glob("*/[!_]*.py")
]


PRODUCTS = {"ProductListed", "PriceChanged", "StockAdjusted"}


def test_the_subject_of_every_event_of_the_shop_is_an_order_or_a_products_month() -> None:
    announced = [
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Contract) and value.__module__ == module.__name__
    ]
    assert len(announced) > 10
    for contract in announced:
        about_products = contract.__name__ in {*PRODUCTS, ProductEvent.__name__}
        assert contract.subject_pattern == (PRODUCT_MONTH if about_products else ORDER_ID)


@pytest.mark.parametrize("sku", ["a", "Mug.blue_2-x", "S" * 64])
def test_a_products_month_is_a_subject_and_names_its_sku(sku: str) -> None:
    month = product_month(sku, from_rfc3339("2026-11-30T23:59:59.999Z"))
    assert (month, sku_of(month), is_product_month(month)) == (f"{sku}:2026-11", sku, True)
    event = make_event(PriceChanged(price=Money(1, "EUR")), subject=month, number=999_999_999)
    assert ContractRegistry([PriceChanged]).decode(decode(encode(event))) == event
    assert not is_order_id(month)


@pytest.mark.parametrize(
    "month", ["mug", "mug:2026", "mug:2026-13", "mug:2026-00", ":2026-11", "-mug:2026-11", "S" * 65 + ":2026-11", ORDER]
)
def test_another_text_is_no_products_month(month: str) -> None:
    assert not is_product_month(month)
