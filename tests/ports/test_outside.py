"""The facts about the adapters of fraud, inventory, history and notification, in memory and on an emulator."""

from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from functions.fraud.rules import Seen, Window
from functions.inventory.handlers import stock_key
from functions.inventory.stock import Level
from functions.notification.mail import Send, Sent
from tests.integration.facts import ADDRESS, new_order, placed
from tests.ports.implementations import Ports
from tidings.core.decisions import Increment
from tidings.core.entity import StoredEntity
from tidings.core.ports import EntityWrite
from tidings.messaging.consumer import parse_any, parse_typed

MINUTELY = Window("velocity", "customer", 60_000, 3)
BY_ADDRESS = Window("shared-address", "address", 60_000, 3)
ELSEWHERE = Address("A. Customer", "2 Mill Lane", "Ghent", "9000", "BE")


def seen(minute: float, order: str, customer: str = "customer") -> Seen:
    return Seen(round(minute * 60_000), order, customer)


def test_an_order_is_noted_with_the_orders_within_the_rules_span(ports: Ports) -> None:
    windows = ports.windows()
    noted = [seen(8.9, "long-before"), seen(9, "before"), seen(10.5, "beside"), seen(11.9, "after"), seen(12, "late")]
    for each in noted:
        windows.note([MINUTELY], each, ADDRESS)
    own = seen(10, "own")
    (found,) = windows.note([MINUTELY], own, ADDRESS)
    assert set(found or ()) == {own, *noted[1:4]}


def test_an_order_noted_again_is_noted_once(ports: Ports) -> None:
    windows = ports.windows()
    first, second = (windows.note([MINUTELY], seen(10, "own"), ADDRESS) for _ in range(2))
    assert first == second == [[seen(10, "own")]]


def test_orders_are_noted_by_customer_or_by_address_as_the_rule_says(ports: Ports) -> None:
    windows = ports.windows()
    rules = [MINUTELY, BY_ADDRESS]
    windows.note(rules, seen(10, "elsewhere"), ELSEWHERE)
    windows.note(rules, seen(10, "of-another", "another"), ADDRESS)
    own = seen(10, "own")
    of_customer, to_address = windows.note(rules, own, ADDRESS)
    assert set(of_customer or ()) == {own, seen(10, "elsewhere")}
    assert set(to_address or ()) == {own, seen(10, "of-another", "another")}


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


def test_an_event_that_is_delivered_twice_is_recorded_once(ports: Ports) -> None:
    log, order, other = ports.log(), new_order(), new_order()
    event = parse_any(placed(order, ("mug", 1)))
    for _ in range(2):
        log.record(event)
    log.record(parse_any(placed(other, ("mug", 1))))
    assert [ports.recorded(log, each) for each in (order, other)] == [1, 1]


def test_each_sending_is_a_new_email(ports: Ports) -> None:
    mailer, order = ports.mailer(), new_order()
    data = parse_typed([OrderPlaced])(placed(order, ("mug", 1))).data
    send = Send("receipt", order, data, "", "correlation", f"00-{'0' * 31}1-{'0' * 15}1-01")
    answers = [send.perform(mailer) for _ in range(2)]
    assert [type(answer) for answer in answers] == [Sent, Sent]
    assert len({answer.message for answer in answers if isinstance(answer, Sent)}) == 2
    assert ports.emails(mailer, order) == 2
    assert ports.emails(mailer, new_order()) == 0
