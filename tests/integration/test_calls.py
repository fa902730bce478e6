"""The calls to AWS of each step, counted at the real clients."""

from collections import Counter
from collections.abc import Callable

import pytest

from contracts.inventory.stock_reserved import StockReserved
from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.goods import Units
from contracts.values.money import Money
from contracts.warehouse.order_dispatched import OrderDispatched
from tests.integration.cloud import Cloud
from tests.integration.facts import confirmed, fact, new_order, placed
from tests.integration.shop import Shop

AUTHORIZED = PaymentAuthorized(payment="pay_1", amount=Money(2000, "EUR"))
CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR"))
ERASED = PersonalDataErased(reason="customer")
RESERVED = StockReserved(lines=(Units("mug", 2),))


def test_placing_an_order_is_one_write_and_no_other_call(shop: Shop) -> None:
    shop.stock("mug", 10)
    shop.place(("mug", 1))
    with shop.cloud.calls.counted() as calls:
        shop.place(("mug", 2))
    assert calls.names() == {"PutItem": 1}


def test_the_first_order_for_a_product_reads_it_once(shop: Shop) -> None:
    shop.stock("mug", 10)
    with shop.cloud.calls.counted() as calls:
        shop.place(("mug", 2))
    assert calls.names() == {"GetItem": 1, "PutItem": 1}


def test_a_repeated_order_is_one_failed_write_and_no_read(shop: Shop) -> None:
    shop.stock("mug", 10)
    shop.place(("mug", 2), key="once")
    with shop.cloud.calls.counted() as calls:
        shop.place(("mug", 2), key="once")
    assert calls.names() == {"PutItem": 1}


def test_orders_handles_an_event_with_one_read_and_one_write(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.handler("orders", "consumer")
    with shop.cloud.calls.counted() as calls:
        shop.cloud.hand("orders", fact(order, AUTHORIZED))
    assert calls.names() == {"GetItem": 1, "PutItem": 1}


def test_the_events_of_one_order_in_a_batch_share_one_read(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.handler("orders", "consumer")
    with shop.cloud.calls.counted() as calls:
        shop.cloud.hand("orders", fact(order, AUTHORIZED), fact(order, RESERVED))
    assert calls.names() == {"GetItem": 1, "PutItem": 2}


def test_a_duplicate_is_one_read_and_no_write(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.hand("orders", fact(order, AUTHORIZED))
    with shop.cloud.calls.counted() as calls:
        shop.cloud.hand("orders", fact(order, AUTHORIZED))
    assert calls.names() == {"GetItem": 1}


def test_a_reservation_is_one_transaction_and_no_read(shop: Shop) -> None:
    shop.stock("mug", 10)
    shop.cloud.handler("inventory", "consumer")
    with shop.cloud.calls.counted() as calls:
        shop.cloud.hand("inventory", placed(new_order(), ("mug", 2)))
    assert calls.names() == {"TransactWriteItems": 1}


def test_fraud_checks_an_order_by_one_write_and_counts_it_by_one_read_and_one_transaction(cloud: Cloud) -> None:
    cloud.hand("fraud", placed(new_order(), ("mug", 2)))  # reads the key of the pseudonyms, once for each process
    for calls_of_payment in ({"GetItem": 1, "TransactWriteItems": 1}, {"GetItem": 1, "TransactWriteItems": 2}):
        order = new_order()
        with cloud.calls.counted() as calls:
            cloud.hand("fraud", placed(order, ("mug", 2)))
        assert calls.names() == {"PutItem": 1}
        with cloud.calls.counted() as calls:
            cloud.hand("fraud", fact(order, AUTHORIZED))
        # The address is new for the first order, and known for the second.
        assert calls.names() == calls_of_payment


def test_an_authorization_is_one_read_and_two_writes_and_a_capture_one_of_each_besides_the_gateways_own(
    cloud: Cloud,
) -> None:
    cloud.handler("payment", "consumer")
    order = new_order()
    for body, writes in ((placed(order, ("mug", 2)), 2), (confirmed(order, ("mug", 2)), 1)):
        with cloud.calls.counted() as calls:
            cloud.hand("payment", body)
        own = Counter(name for name, request in calls.made if request["TableName"] == cloud.table("payment"))
        assert own == {"GetItem": 1, "PutItem": writes}


def test_the_confirmation_of_an_order_with_a_payment_costs_notification_one_read(cloud: Cloud) -> None:
    order = new_order()
    cloud.hand("notification", placed(order, ("mug", 2)))
    with cloud.calls.counted() as calls:
        cloud.hand("notification", confirmed(order, ("mug", 2)))
    assert calls.names() == {"GetItem": 1}


@pytest.mark.parametrize(
    "event", [CAPTURED, OrderCancelled(reason="customer"), OrderDispatched()], ids=lambda data: type(data).__name__
)
def test_an_email_is_one_read_two_writes_one_count_and_one_send(
    cloud: Cloud, event: PaymentCaptured | OrderCancelled | OrderDispatched
) -> None:
    order = new_order()
    cloud.hand("notification", placed(order, ("mug", 2)))
    with cloud.calls.counted() as calls:
        cloud.hand("notification", fact(order, event, 2))
    assert calls.names() == {"GetItem": 1, "PutItem": 2, "TransactWriteItems": 1, "SendEmail": 1}


def test_storing_an_address_is_one_write(cloud: Cloud) -> None:
    cloud.handler("notification", "consumer")
    with cloud.calls.counted() as calls:
        cloud.hand("notification", placed(new_order(), ("mug", 2)))
    assert calls.names() == {"PutItem": 1}


@pytest.mark.parametrize(
    ("body", "write"),
    [
        (lambda: fact(new_order(), CAPTURED), "PutItem"),
        (lambda: placed(new_order(), ("mug", 2)), "TransactWriteItems"),
        (lambda: fact(new_order(), ERASED), "TransactWriteItems"),
    ],
    ids=["plain", "personal", "erasure"],
)
def test_history_makes_one_request_an_event_and_one_for_each_hour_of_a_process(
    cloud: Cloud, body: Callable[[], str], write: str
) -> None:
    cloud.handler("history", "consumer")
    for hours in (1, 0):
        with cloud.calls.counted() as calls:
            cloud.hand("history", *(body() for _ in range(10)))
        assert calls.names() == Counter({write: 10}) + Counter(PutItem=hours)


def test_live_asks_for_an_orders_owner_once_and_for_its_viewers_connections_at_each_event(cloud: Cloud) -> None:
    order = new_order()
    cloud.handler("live", "consumer")
    with cloud.calls.counted() as calls:
        cloud.hand("live", placed(order, ("mug", 2)))
    assert calls.names() == {"PutItem": 1, "Query": 2}
    cloud.forget("live", "consumer")
    for reads in (1, 0):
        with cloud.calls.counted() as calls:
            cloud.hand("live", fact(order, CAPTURED))
        assert calls.names() == Counter(GetItem=reads, Query=2)


def test_an_event_of_an_order_that_live_does_not_know_is_two_reads(cloud: Cloud) -> None:
    cloud.handler("live", "consumer")
    with cloud.calls.counted() as calls:
        cloud.hand("live", fact(new_order(), CAPTURED))
    assert calls.names() == {"GetItem": 1, "Query": 1}


def test_an_erasure_is_one_read_and_one_write_and_its_duplicate_one_read(cloud: Cloud) -> None:
    order = new_order()
    assert cloud.hand("notification", placed(order, ("mug", 2))) == []
    for calls_due in ({"GetItem": 1, "PutItem": 1}, {"GetItem": 1}):
        with cloud.calls.counted() as calls:
            assert cloud.hand("notification", fact(order, ERASED)) == []
        assert calls.names() == calls_due


def test_an_event_of_an_erased_order_makes_no_additional_request(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.hand("orders", fact(order, ERASED))
    with shop.cloud.calls.counted() as calls:
        shop.cloud.hand("orders", fact(order, AUTHORIZED), fact(order, RESERVED))
    assert calls.names() == {"GetItem": 1, "PutItem": 2}


@pytest.mark.parametrize(("orders", "calls_due"), [(1, 1), (10, 1), (11, 2), (30, 3)])
def test_the_relay_makes_one_call_for_ten_events_of_different_orders(shop: Shop, orders: int, calls_due: int) -> None:
    shop.stock("mug", 1_000)
    shop.cloud.relay("orders")
    for _ in range(orders):
        shop.place(("mug", 1))
    with shop.cloud.calls.counted() as calls:
        assert shop.cloud.relay("orders") == orders
    assert calls.names() == {"PublishBatch": calls_due}


def test_the_relay_is_not_invoked_for_a_write_that_announces_nothing(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.relay("orders")
    shop.cloud.hand("orders", fact(order, AUTHORIZED))
    assert shop.cloud.relay("orders") == 0
