"""The facts about the adapters of inventory, history and notification, in memory and on an emulator."""

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.recipient import Recipient
from functions.inventory.handlers import stock_key
from functions.inventory.stock import Level
from functions.notification.limit import LimitedMailer
from functions.notification.mail import Rejected, Send, Sent
from tests.integration.facts import ADDRESS, confirmed, fact, new_order, placed
from tests.ports.implementations import Ports
from tidings.core.decisions import Increment
from tidings.core.entity import StoredEntity
from tidings.core.event import decode
from tidings.core.personal import redacted
from tidings.core.ports import EntityWrite
from tidings.messaging.consumer import parse_any, parse_typed
from tidings.testing import TRACEPARENT

CANCELLED = OrderCancelled(reason="customer")
ERASED = PersonalDataErased(reason="customer")
RECIPIENT = Recipient(email="customer@example.com", address=ADDRESS)


def test_stock_is_unknown_until_it_is_set(ports: Ports) -> None:
    stock = ports.stock(ports.table())
    assert stock.read("mug") is None
    assert stock.set_on_hand("mug", 10) == Level(available=10, reserved=0)
    assert stock.set_on_hand("mug", 7) == stock.read("mug") == Level(available=7, reserved=0)


def test_stock_is_not_set_below_the_reserved_units(ports: Ports) -> None:
    table = ports.table()
    stock = ports.stock(table)
    stock.set_on_hand("mug", 10)
    reserve = Increment(stock_key("mug"), {"available": -4, "reserved": 4}, at_least={"available": 4})
    table.commit([EntityWrite(StoredEntity(key="order", version=1, state="{}"), 0)], [reserve])
    assert stock.set_on_hand("mug", 3) is None
    assert stock.read("mug") == Level(available=6, reserved=4)
    assert stock.set_on_hand("mug", 4) == stock.read("mug") == Level(available=0, reserved=4)


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
