"""The facts about the adapters of inventory, orders, history and notification, in memory and on an emulator."""

from typing import cast

import pytest

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.money import Money
from contracts.values.product import product_month
from contracts.values.recipient import Recipient
from functions.inventory.adjustments import FIRST_REVISION, adjustments
from functions.inventory.adjustments import set_on_hand as adjust
from functions.inventory.handlers import stock_key
from functions.inventory.stock import Stock
from functions.notification.limit import LimitedMailer
from functions.notification.mail import Rejected, Send, Sent
from functions.orders.catalogue import Product, product_key
from functions.orders.products import Price, Products, ProductTerms
from tests.integration.facts import ADDRESS, confirmed, fact, new_order, placed
from tests.ports.implementations import Ports
from tidings.core.clock import now
from tidings.core.decisions import Increment, Reject
from tidings.core.entity import MessageMetadata, StoredEntity
from tidings.core.event import decode
from tidings.core.personal import redacted
from tidings.core.ports import EntityWrite, NumberTable, Table, VersionConflictError
from tidings.handling.executor import HandlerExecutor
from tidings.messaging.consumer import parse_any, parse_typed
from tidings.testing import TRACEPARENT

CANCELLED = OrderCancelled(reason="customer")
ERASED = PersonalDataErased(reason="customer")
RECIPIENT = Recipient(email="customer@example.com", address=ADDRESS)


def set_on_hand(table: Table, sku: str, on_hand: int) -> Reject | None:
    executor = HandlerExecutor(adjustments, table, Stock(cast(NumberTable, table)))
    unit = executor.entity(product_month(sku, executor.clock()))
    metadata = MessageMetadata("correlation", TRACEPARENT, executor.clock())
    return unit.execute(lambda entity: adjust(entity, sku, on_hand), metadata).rejection


def level(table: Table, sku: str) -> tuple[int, int, int] | None:
    """Return a product's available and reserved units, and the number of its adjustments."""
    found = Stock(cast(NumberTable, table)).read(sku)
    return (found.available, found.reserved, FIRST_REVISION - found.revision) if found else None


def test_stock_is_unknown_until_it_is_set(ports: Ports) -> None:
    table = ports.table()
    assert level(table, "mug") is None
    assert [set_on_hand(table, "mug", units) for units in (10, 7, 7)] == [None] * 3
    assert level(table, "mug") == (7, 0, 2)


def test_stock_is_not_set_below_the_reserved_units(ports: Ports) -> None:
    table = ports.table()
    set_on_hand(table, "mug", 10)
    reserve = Increment(stock_key("mug"), {"available": -4, "reserved": 4}, at_least={"available": 4})
    table.commit([EntityWrite(StoredEntity(key="order", version=1, state="{}"), 0)], [reserve])
    assert set_on_hand(table, "mug", 3) == Reject("reserved", "4 units are reserved for orders.")
    assert level(table, "mug") == (6, 4, 1)
    assert set_on_hand(table, "mug", 4) is None
    assert level(table, "mug") == (0, 4, 2)


def test_a_product_and_its_announced_change_are_written_together_or_not_at_all(ports: Ports) -> None:
    table = ports.table()
    metadata = MessageMetadata("correlation", TRACEPARENT, now())
    for amount in (1000, 1250, 1250):
        Products(table, 0).put("mug", ProductTerms("Mug", Price(amount, "EUR")), metadata)
    assert Products(table, 0).read("mug") == Product("mug", "Mug", Money(1250, "EUR"))
    (month,) = table.read([product_month("mug", metadata.time)]).values()
    assert [decode(body).type for body in month.outbox] == ["ProductListed", "PriceChanged"]
    # A conflict on either item leaves both as they are.
    (product,) = table.read([product_key("mug")]).values()
    for stale in ([EntityWrite(month, 7), EntityWrite(product, 2)], [EntityWrite(month, 2), EntityWrite(product, 7)]):
        with pytest.raises(VersionConflictError):
            table.commit(stale)
    assert table.read([product_key("mug")]) == {product_key("mug"): product}


def test_an_event_that_is_delivered_twice_is_recorded_once_and_as_it_was_published(ports: Ports) -> None:
    log, order, other = ports.log(), new_order(), new_order()
    bodies = {each: [placed(each, ("mug", 1)), fact(each, CANCELLED, 2)] for each in (order, other)}
    for body in bodies[order] * 2 + bodies[other]:
        log.record(parse_any(body))
    assert [ports.recorded(log, each) for each in (order, other)] == [bodies[order], bodies[other]]


def test_a_log_keeps_nothing_personal_of_an_order_from_its_erasure_on(ports: Ports) -> None:
    log, orders, other = ports.log(), [new_order() for _ in range(3)], new_order()
    log.record(parse_any(placed(other, ("mug", 1))))
    for position, order in enumerate(orders):
        bodies = [placed(order, ("mug", 1)), confirmed(order, ("mug", 1))]
        bodies.insert(position, fact(order, ERASED, 3))
        for body in (*bodies, *bodies):
            log.record(parse_any(body))
        assert ports.recorded(log, order) == sorted(map(redacted, bodies), key=lambda body: decode(body).time)
    assert ports.recorded(log, other) == [placed(other, ("mug", 1))]
    assert [ADDRESS.street in text for text in ports.stored(log)].count(True) == 1


def test_each_sending_is_a_new_email(ports: Ports) -> None:
    mailer, order = ports.mailer(), new_order()
    data = parse_typed([OrderPlaced])(placed(order, ("mug", 1))).data
    send = Send("receipt", order, data, RECIPIENT, "", 0, "correlation", TRACEPARENT)
    answers = [send.perform(mailer) for _ in range(2)]
    assert [type(answer) for answer in answers] == [Sent, Sent]
    assert len({answer.message for answer in answers if isinstance(answer, Sent)}) == 2
    assert ports.emails(mailer, order) == 2
    assert ports.emails(mailer, new_order()) == 0


def test_a_table_limits_the_emails_of_a_customers_hour(ports: Ports) -> None:
    mailer, orders = ports.mailer(), [new_order() for _ in range(3)]
    limited = LimitedMailer(mailer, ports.table(), per_hour=2)
    data = parse_typed([OrderPlaced])(placed(orders[0], ("mug", 1))).data
    sends = [Send("receipt", order, data, RECIPIENT, "", 0, "correlation", TRACEPARENT) for order in orders]
    assert [type(send.perform(limited)) for send in (*sends, *sends)] == [Sent, Sent, Rejected] * 2
    assert [ports.emails(mailer, order) for order in orders] == [2, 2, 0]
