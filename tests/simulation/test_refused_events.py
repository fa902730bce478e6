"""An event that the topic refuses for good: others go on, and everything converges once it is published after all."""

import pytest

from functions.orders.handlers import Order
from functions.orders.requests import AddressRequest, LineRequest, OrderRequest
from tests.simulation.evidence import check
from tests.simulation.history import History
from tests.simulation.random_source import SeededSource
from tests.simulation.run import quiet

ORDERS = 12


class Calm(SeededSource):
    """A source of the plainest choices."""

    def __init__(self) -> None:
        super().__init__(0)
        self.calm = True


@pytest.mark.parametrize("refused", ["orders/{}/1", "orders/{}/2", "payment/{}/1", "inventory/{}/1"])
def test_a_refused_event_reaches_no_consumer_holds_up_no_order_and_everything_converges_once_it_is_published(
    refused: str,
) -> None:
    with quiet():
        history = History(Calm(), 0)
        shop, people = history.shop, history.people
        purchases = [people.order(f"customer-{n}", request(n)) for n in range(ORDERS)]
        stuck = purchases[ORDERS // 2].order
        event = refused.format(stuck)
        shop.refusals, shop.refused = 1, {event: True}
        shop.tasks.run()

        assert event not in shop.topic.published
        assert event not in shop.log.events
        source = event.partition("/")[0]
        assert [letter.event for letter in shop.deployed[source].relay_dlq.letters] == [event]
        others = {purchase.order for purchase in purchases} - {stuck}
        assert {status(history, order) for order in others} == {"CONFIRMED"}

        people.expire()
        shop.tasks.run()
        assert {status(history, order) for order in others} == {"CONFIRMED"}
        assert status(history, stuck) == ("CONFIRMED" if refused == "orders/{}/2" else "CANCELLED")

        history.run()
        assert event in shop.topic.published
        check(history)
        assert not shop.deployed[source].relay_dlq.letters


def request(n: int) -> OrderRequest:
    """Return the order of the n-th customer: one piece of tea, to its own address."""
    line = LineRequest("tea", 1)
    return OrderRequest((line,), "pm_card_visa", AddressRequest("A", f"{n} Lane", "Ghent", "9000", "BE"))


def status(history: History, order: str) -> str:
    deployed = history.shop.deployed["orders"]
    state = deployed.service.codec.decode(deployed.table.entities[order]).state
    assert isinstance(state, Order)
    return state.status
