"""The way of an order, through real handlers and moto's streams, topic and queues."""

from tests.integration.shop import Shop


def test_an_order_is_paid_reserved_confirmed_and_mailed(shop: Shop) -> None:
    shop.stock("mug", 10, price=1250)
    order = shop.place(("mug", 2))
    shop.cloud.settle()
    shown = shop.show(order)
    assert (shown["status"], shown["total"]) == ("CONFIRMED", {"amount": 2500, "currency": "EUR"})
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 2, "available": 8}
    assert [payment["captured"]["N"] for payment in shop.cloud.payments()] == ["1"]
    assert len(shop.cloud.mails()) == 1
    types = [event["type"] for event in shop.timeline(order)]
    assert types[0] == "OrderPlaced"
    assert sorted(types) == ["OrderConfirmed", "OrderPlaced", "PaymentCaptured", "ReceiptSent", "StockReserved"]
