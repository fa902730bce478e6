import random
from collections.abc import Iterable, Sequence

import pytest

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from functions.fraud.investigation import Investigation
from functions.fraud.rules import LENIENT, STRICT, Limit, Rule, Seen, Window, one_too_many, too_expensive, windows
from functions.fraud.service import service
from functions.fraud.windows import digest
from tests.unit.facts import HOME, NOON_MILLIS, fact, order_id, order_placed
from tidings.core.event import Event
from tidings.testing import given

VELOCITY = Window("velocity", "customer", 1000, 2)
SHARED = Window("shared", "address", 1000, 2)


class UnboundedMemory:
    """The orders seen so far, by customer or address, without any limit."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], set[Seen]] = {}

    def note(self, rules: Sequence[Window], seen: Seen, address: Address) -> list[list[Seen] | None]:
        return [self._note(rule, seen, address) for rule in rules]

    def _note(self, rule: Window, seen: Seen, address: Address) -> list[Seen] | None:
        key = (rule.name, seen.customer if rule.by == "customer" else digest(address))
        self._seen.setdefault(key, set()).add(seen)
        return list(self._seen[key])


def flagged(rules: Sequence[Rule], events: Iterable[Event[OrderPlaced]]) -> set[str]:
    """The names of the orders that the service flags after these events."""
    scenario = given(service)
    scenario.port = Investigation(rules, UnboundedMemory(), scenario.executor)
    scenario.given(*events)
    for key in scenario.table.entities:
        (announced,) = scenario.announced(key)
        assert isinstance(announced, OrderFlagged)
    return {NAMES[key] for key in scenario.table.entities}


NAMES = {order_id(n): name for n, name in enumerate([*"abcd", *(f"o{n}" for n in range(30))])}
IDS = {name: key for key, name in NAMES.items()}


def order(name: str, at: int, customer: str = "customer-1") -> Event[OrderPlaced]:
    """The event of an order that was placed `at` milliseconds after noon."""
    return fact(order_placed(customer=customer), order=IDS[name], time=NOON_MILLIS + at)


def test_the_order_that_is_one_too_many_in_the_window_is_flagged() -> None:
    assert flagged([VELOCITY], [order("a", 0), order("b", 400), order("c", 900)]) == {"c"}


def test_an_order_that_has_left_the_window_no_longer_counts() -> None:
    assert flagged([VELOCITY], [order("a", 0), order("b", 400), order("c", 1000)]) == set()


def test_other_customers_do_not_count() -> None:
    assert flagged([VELOCITY], [order("a", 0), order("b", 1), order("c", 2, customer="customer-2")]) == set()


def test_an_address_is_shared_by_customers_and_not_by_orders() -> None:
    same = [order(name, n) for n, name in enumerate("abcd")]
    others = [order(name, n, customer=name) for n, name in enumerate("abcd")]
    assert flagged([SHARED], same) == set()
    assert flagged([SHARED], others) == {"c", "d"}


def test_a_late_event_makes_a_later_order_one_too_many() -> None:
    assert flagged([VELOCITY], [order("b", 400), order("c", 900), order("a", 0)]) == {"c"}


def test_the_flagged_orders_depend_neither_on_the_sequence_of_events_nor_on_repeats(rng: random.Random) -> None:
    events = [order(f"o{n}", rng.randrange(5000), rng.choice(["customer-1", "customer-2"])) for n in range(30)]
    expected = flagged([VELOCITY, SHARED], events)
    assert expected
    for _ in range(50):
        assert flagged([VELOCITY, SHARED], rng.sample(events * 2, len(events) * 2)) == expected


def test_a_total_above_its_currencys_limit_is_too_expensive() -> None:
    rule = Limit("large", {"EUR": 1000})
    assert too_expensive([rule], 1000, "EUR") == set()
    assert too_expensive([rule], 1001, "EUR") == {"large"}
    assert too_expensive([rule], 10**9, "JPY") == set()


@pytest.mark.parametrize("rules", [STRICT, LENIENT])
def test_every_rule_has_a_different_name(rules: Sequence[Rule]) -> None:
    assert len({rule.name for rule in rules}) == len(rules)
    assert len(windows(rules)) == 2


def test_an_address_has_the_same_digest_however_it_is_written() -> None:
    shouted = Address("Another", "1  MILL lane", "ghent", "90 00", "BE")
    assert digest(shouted) == digest(HOME)
    assert digest(Address("Another", "2 Mill Lane", "Ghent", "9000", "BE")) != digest(HOME)


def test_an_order_that_was_seen_twice_counts_once() -> None:
    seen = [
        Seen(0, "a", "customer-1"),
        Seen(0, "a", "customer-1"),
        Seen(1, "b", "customer-1"),
        Seen(2, "c", "customer-1"),
    ]
    assert one_too_many(VELOCITY, seen) == {"c"}
