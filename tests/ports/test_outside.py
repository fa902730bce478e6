"""What fraud, inventory, history and notification rely on outside, in the simulation's memory and on an emulator."""

from functions.fraud.rules import Seen, Window
from functions.inventory.stock import Level
from functions.notification.mail import Send, Sent, perform
from tests.integration.facts import ADDRESS, new_order, placed
from tests.ports.implementations import Ports
from tidings.consumer import any_event, contracted
from tidings.contracts import Address, OrderPlaced
from tidings.decisions import Adjust
from tidings.table import Write

MINUTELY = Window("velocity", "customer", 60_000, 3)
BY_ADDRESS = Window("shared-address", "address", 60_000, 3)
ELSEWHERE = Address("A. Customer", "2 Mill Lane", "Ghent", "9000", "BE")


def seen(minute: float, order: str, customer: str = "customer") -> Seen:
    return Seen(round(minute * 60_000), order, customer)


def test_an_order_is_noted_with_those_within_reach_of_it(ports: Ports) -> None:
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


def test_stock_is_set_and_read_and_unknown_before(ports: Ports) -> None:
    stock = ports.stock(ports.table())
    assert stock.read("mug") is None
    assert stock.set_on_hand("mug", 10) == Level(available=10, reserved=0)
    assert stock.set_on_hand("mug", 7) == stock.read("mug") == Level(available=7, reserved=0)


def test_stock_is_not_set_below_what_is_reserved(ports: Ports) -> None:
    table = ports.table()
    stock = ports.stock(table)
    stock.set_on_hand("mug", 10)
    reserve = Adjust("stock#mug", {"available": -4, "reserved": 4}, at_least={"available": 4})
    table.commit([Write("order", {"pk": {"S": "order"}, "version": {"N": "1"}, "state": {"S": "{}"}}, 0)], [reserve])
    assert stock.set_on_hand("mug", 3) is None
    assert stock.read("mug") == Level(available=6, reserved=4)
    assert stock.set_on_hand("mug", 4) == stock.read("mug") == Level(available=0, reserved=4)


def test_an_event_is_recorded_once_however_often_it_comes(ports: Ports) -> None:
    log, order, other = ports.log(), new_order(), new_order()
    event = any_event(placed(order, ("mug", 1)))
    for _ in range(2):
        log.record(event, 0)
    log.record(any_event(placed(other, ("mug", 1))), 0)
    assert [ports.recorded(log, each) for each in (order, other)] == [1, 1]


def test_each_sending_is_an_email_of_its_own(ports: Ports) -> None:
    mailer, order = ports.mailer(), new_order()
    data = contracted([OrderPlaced])(placed(order, ("mug", 1))).data
    send = Send("receipt", order, data, "", "correlation", f"00-{'0' * 31}1-{'0' * 15}1-01")
    answers = [perform(mailer, send) for _ in range(2)]
    assert [type(answer) for answer in answers] == [Sent, Sent]
    assert len({answer.message for answer in answers if isinstance(answer, Sent)}) == 2
    assert ports.mails(mailer, order) == 2
    assert ports.mails(mailer, new_order()) == 0
