import random
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from contracts.fraud.order_flagged import OrderFlagged
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.values.address import Address
from contracts.values.money import Money
from functions.fraud.handlers import KEPT_DAYS, Check, paid_key
from functions.fraud.inspector import Inspector
from functions.fraud.rules import DAY, LENIENT, MAX_ADDRESSES, STRICT, WINDOW, Rules
from functions.fraud.service import service
from tests.unit.facts import HOME, RECIPIENT, fact, order_id, order_placed
from tidings.core.clock import from_rfc3339
from tidings.core.entity import RESERVED
from tidings.core.event import Event
from tidings.testing import Scenario, given, make_event, preceded_by

RULES = Rules(velocity=2, address_spread=2, large_total={"EUR": 5000})
TOTAL = Money(2000, "EUR")
PARCEL_SHOP = Address("A. Customer", "7 Station Road", "Ghent", "9000", "BE")
MORNING = from_rfc3339("2026-11-25T00:00:00.000Z")
COUNTED, VELOCITY, SPREAD = Check("counted"), ("velocity",), ("address-spread",)


def inspector(rules: Rules = RULES, key: str = "key") -> Inspector:
    return Inspector(rules, lambda: key)


def shop(rules: Rules = RULES) -> Scenario[Check]:
    """Fraud a week later, when all events of these tests have happened."""
    scenario = given(service, port=inspector(rules))
    scenario.clock.now = MORNING + 7 * DAY
    return scenario


def placed(
    n: int, customer: str = "ann", at: int = 0, address: Address | None = HOME, total: int = 2000
) -> Event[OrderPlaced]:
    """The event of the n-th order, which was placed `at` milliseconds after midnight. None is an erased address."""
    data = replace(order_placed(customer=customer), total=Money(total, "EUR"))
    recipient = None if address is None else replace(RECIPIENT, address=address)
    return make_event(data, subject=order_id(n), time=MORNING + at, personal=recipient)


def authorized(n: int, at: int = DAY) -> Event[PaymentAuthorized]:
    return fact(PaymentAuthorized(payment=f"pay_{n}", amount=TOTAL), order=order_id(n), time=MORNING + at)


def paid(n: int, customer: str = "ann", at: int = 0, address: Address | None = HOME) -> tuple[Event[Any], ...]:
    """The events of an order that is paid."""
    return placed(n, customer, at, address), authorized(n)


def lane(n: int) -> Address:
    return Address("A. Customer", f"{n} Mill Lane", "Ghent", "9000", "BE")


def flagged(scenario: Scenario[Check]) -> dict[int, tuple[str, ...]]:
    """The rules that each flagged order breaks, by the order's number. Each was announced once."""
    found = {}
    for key in scenario.table.entities:
        for announced in scenario.announced(key):
            assert isinstance(announced, OrderFlagged)
            found[int(key[-12:], 16)] = announced.rules
            assert scenario.state(key) == Check("flagged", rules=announced.rules)
    return found


def day_of(scenario: Scenario[Check]) -> dict[str, int]:
    """The numbers of the only customer's only day."""
    (numbers,) = scenario.table.items.values()
    return dict(numbers)


# Counted orders


def test_a_paid_order_is_counted_once_both_events_are_known() -> None:
    order, payment = paid(1)
    for first, second in ((order, payment), (payment, order)):
        scenario = shop()
        scenario.when(first).then(announced=[])
        assert scenario.table.items == {}
        scenario.when(second).then(state=COUNTED, announced=[])
        assert {"orders:0": 1, "addresses": 1}.items() <= day_of(scenario).items()


def test_an_order_that_costs_nothing_counts_as_paid() -> None:
    not_needed = fact(PaymentNotNeeded(amount=Money(0, "EUR")), order=order_id(1), time=MORNING + DAY)
    for events in ((placed(1, total=0), not_needed), (not_needed, placed(1, total=0))):
        shop().when(*events).then(state=COUNTED, announced=[])


def test_a_paid_order_above_the_rules_number_is_flagged_and_takes_nothing() -> None:
    scenario = shop().given(*paid(1), *paid(2))
    before = day_of(scenario)
    scenario.when(*paid(3)).then(state=Check("flagged", rules=VELOCITY), announced=[OrderFlagged(rules=VELOCITY)])
    assert day_of(scenario) == before


def test_declined_orders_do_not_count() -> None:
    assert PaymentFailed not in service.contracts
    scenario = shop().given(*(placed(n) for n in range(1, 20)), *paid(20), *paid(21))
    assert flagged(scenario) == {}
    assert day_of(scenario)["orders:0"] == 0


def test_other_customers_do_not_count() -> None:
    scenario = shop().given(*paid(1), *paid(2), *paid(3, "bob"), *paid(4, "bob"))
    assert flagged(scenario) == {}


def test_an_order_counts_in_the_window_of_its_own_time_however_late_its_payment_is() -> None:
    scenario = shop().given(*paid(1, at=WINDOW - 1), *paid(2, at=0), *paid(3, at=WINDOW), *paid(4, at=WINDOW - 2))
    assert flagged(scenario) == {4: VELOCITY}


def test_windows_of_different_days_are_different() -> None:
    scenario = shop().given(*paid(1), *paid(2), *paid(3, at=DAY), *paid(4, at=-DAY))
    assert flagged(scenario) == {}
    assert len(scenario.table.items) == 3


def test_a_customer_may_order_to_a_number_of_addresses_in_a_day() -> None:
    to = [paid(n, at=n * WINDOW, address=lane(address)) for n, address in enumerate((1, 2, 1, 3, 2))]
    scenario = shop().given(*(event for events in to for event in events))
    assert flagged(scenario) == {3: SPREAD}
    scenario.given(*paid(9, at=DAY, address=lane(3)))
    assert flagged(scenario) == {3: SPREAD}


def test_an_order_may_break_two_rules() -> None:
    scenario = shop().given(*paid(1, address=lane(1)), *paid(2, address=lane(2)), *paid(3, address=lane(3)))
    assert flagged(scenario) == {3: ("address-spread", "velocity")}


def test_a_flagged_order_leaves_its_place_to_the_next() -> None:
    scenario = shop(Rules(velocity=2, address_spread=1, large_total={}))
    scenario.given(*paid(1), *paid(2, address=lane(2)), *paid(3))
    assert flagged(scenario) == {2: SPREAD}


def test_a_rule_that_allows_nothing_flags_every_paid_order() -> None:
    scenario = shop(Rules(velocity=0, address_spread=0, large_total={})).given(*paid(1), placed(2))
    assert flagged(scenario) == {1: ("address-spread", "velocity")}
    assert scenario.table.items == {}


# Totals


@pytest.mark.parametrize(("total", "flags"), [(5000, {}), (5001, {1: ("large-total",)})])
def test_a_total_above_its_currencys_limit_is_flagged_when_the_order_is_placed(total: int, flags: Any) -> None:
    assert flagged(shop().given(placed(1, total=total))) == flags


def test_a_currency_without_a_limit_has_none() -> None:
    assert not RULES.is_large(Money(10**9, "JPY"))


def test_a_limit_for_an_unknown_currency_is_refused() -> None:
    rules = msgspec.json.encode(Rules(velocity=2, address_spread=2, large_total={"XXX": 5000}))
    with pytest.raises(msgspec.ValidationError, match="XXX"):
        msgspec.json.decode(rules, type=Rules)


@pytest.mark.parametrize("order", [0, 1])
def test_an_order_that_is_flagged_for_its_total_is_not_counted_when_it_is_paid(order: int) -> None:
    events = (placed(1, total=9000), authorized(1))
    scenario = shop().given(*(events[n] for n in (order, 1 - order)))
    assert flagged(scenario) == {1: ("large-total",)}
    assert scenario.table.items == {}


# Any sequence


def test_in_any_sequence_and_with_repeats_as_many_orders_are_allowed_as_the_rules_say(rng: random.Random) -> None:
    customers, addresses = ("ann", "bob"), (lane(1), lane(2), lane(3))
    orders = [(rng.choice(customers), rng.randrange(3 * WINDOW), rng.choice(addresses)) for _ in range(25)]
    events = [event for n, (customer, at, address) in enumerate(orders) for event in paid(n, customer, at, address)]
    for _ in range(20):
        scenario = shop().given(*rng.sample(events * 2, len(events) * 2))
        found = flagged(scenario)
        allowed = [order for n, order in enumerate(orders) if n not in found]
        windows = Counter((customer, at // WINDOW) for customer, at, _ in allowed)
        spread = defaultdict(set)
        for customer, _, address in allowed:
            spread[customer].add(address)
        assert max(windows.values()) <= 2
        assert all(len(each) <= 2 for each in spread.values())
        for n, rules in found.items():
            customer, at, address = orders[n]
            assert ("velocity" not in rules) or windows[customer, at // WINDOW] == 2
            assert ("address-spread" not in rules) or (len(spread[customer]) == 2 and address not in spread[customer])


def test_two_concurrent_orders_to_a_new_address_count_it_once() -> None:
    scenario = shop().given(placed(1), placed(2), placed(3, address=lane(2)))
    rival = shop()
    rival.table = scenario.table
    # The first order's transaction is committed between the second order's decision and its own commit.
    scenario.table.commit_faults.next(preceded_by(lambda: rival.given(authorized(1))))
    scenario.given(authorized(2), authorized(3))
    assert flagged(scenario) == {3: VELOCITY}
    assert day_of(scenario)["addresses"] == 1


# R13


def test_five_strangers_orders_to_a_parcel_shop_do_not_flag_the_sixth() -> None:
    scenario = shop(STRICT)
    for n in range(1, 6):
        scenario.given(*paid(n, f"customer-{n}", n * WINDOW, PARCEL_SHOP))
    scenario.when(*paid(6, "customer-6", 7 * WINDOW, PARCEL_SHOP)).then(state=COUNTED, announced=[])
    assert flagged(scenario) == {}


def test_strangers_unpaid_orders_to_an_address_flag_nobody() -> None:
    scenario = shop(STRICT).given(*(placed(n, f"customer-{n}", address=PARCEL_SHOP) for n in range(1, 50)))
    scenario.given(*paid(99, "ann", address=PARCEL_SHOP))
    assert flagged(scenario) == {}


# R1


def calls(scenario: Scenario[Check], *events: Event[Any]) -> tuple[int, int]:
    """Return the numbers of reads and of writes that events take."""
    reads, attempts = len(scenario.table.reads), scenario.table.attempts
    scenario.given(*events)
    return len(scenario.table.reads) - reads, scenario.table.attempts - attempts


@pytest.mark.parametrize("same", ["address", "customer"])
def test_after_1500_paid_orders_of_a_day_the_next_takes_the_same_calls(same: str) -> None:
    scenario, first = shop(LENIENT), shop(LENIENT)
    for n in range(1500):
        customer, address = ("ann", lane(n % 100)) if same == "customer" else (f"customer-{n}", PARCEL_SHOP)
        scenario.given(*paid(n, customer, n * 57_000, address))
    order, payment = paid(2000, "ann", address=PARCEL_SHOP if same == "address" else lane(1))
    assert calls(scenario, order) == calls(first, order) == (0, 1)
    # A known address costs one more transaction, which decides without it.
    assert calls(scenario, payment) == (1, 1 if same == "address" else 2)
    assert calls(first, payment) == (1, 1)
    assert flagged(scenario) == {}


def test_an_order_that_is_one_too_many_takes_one_more_transaction() -> None:
    scenario = shop().given(*paid(1), *paid(2), placed(3))
    assert calls(scenario, authorized(3)) == (1, 2)
    assert flagged(scenario) == {3: VELOCITY}


def test_an_order_takes_three_transactions_at_most() -> None:
    scenario, rival = shop().given(*paid(1), placed(2), placed(3)), shop()
    rival.table = scenario.table
    # The first transaction fails because the address is known. Before the second the last place is taken.
    scenario.table.commit_faults.next(lambda call: call(), preceded_by(lambda: rival.given(authorized(3))))
    reads, attempts = len(scenario.table.reads), scenario.table.attempts
    scenario.given(authorized(2))
    assert flagged(scenario) == {2: VELOCITY}
    rivals = (1, 2)
    assert (len(scenario.table.reads) - reads, scenario.table.attempts - attempts) == (1 + rivals[0], 3 + rivals[1])


def test_a_customers_day_has_a_bounded_number_of_numbers() -> None:
    scenario = shop(LENIENT)
    for n in range(200):
        scenario.given(*paid(n, at=n * DAY // 200, address=lane(n)))
    scenario.given(*(event for n in range(144) for event in paid(1000 + n, at=n * WINDOW, address=lane(0))))
    numbers = day_of(scenario)
    assert len(numbers) == DAY // WINDOW + 1 + MAX_ADDRESSES
    # A number has a byte for each two digits and one more (Amazon DynamoDB Developer Guide, "DynamoDB item sizes").
    assert len(paid_key(inspector().pseudonymize("ann", HOME, 0))) + sum(len(name) + 5 for name in numbers) < 8 * 1024
    assert set(flagged(scenario).values()) == {SPREAD}


# R8


@pytest.mark.parametrize(
    "written",
    [
        Address("Another", "12 Kühle Straße", "München", "90 00", "DE"),
        Address("Another", "12  KÜHLE\u00a0STRASSE", "mu\u0308nchen", "9000", "DE"),
        Address("Another", "12 Ku\u0308h\u00adle Stra\u200bße\u2060", "Mün\u200dchen", "9000", "DE"),
        Address("Another", "\uff11\uff12 kühle straße", "MÜNCHEN", "9000", "DE"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(written: Address) -> None:
    own = Address("A. Customer", "12 Kühle Straße", "München", "9000", "DE")
    assert inspector().pseudonymize("ann", written, 0) == inspector().pseudonymize("ann", own, 0)
    assert inspector().pseudonymize("ann", replace(own, street="13 Kühle Straße"), 0).address != (
        inspector().pseudonymize("ann", own, 0).address
    )


def test_composed_and_decomposed_letters_are_one_address_of_a_customers_day() -> None:
    address = Address("A. Customer", "1 Grüner Weg", "Köln", "50667", "DE")
    decomposed = replace(address, street=unicodedata.normalize("NFD", address.street))
    scenario = shop().given(*paid(1, address=address), *paid(2, address=decomposed))
    assert day_of(scenario)["addresses"] == 1


def test_parts_of_an_address_are_not_confused() -> None:
    one, other = replace(HOME, street="1", city="2 Mill"), replace(HOME, street="12", city="Mill")
    assert inspector().pseudonymize("ann", one, 0).address != inspector().pseudonymize("ann", other, 0).address


# Pseudonyms


def texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, each in value.items():
                yield str(name)
                yield from texts(each)
        case list() | tuple():
            for each in value:
                yield from texts(each)


def test_no_item_names_a_customer_or_an_address() -> None:
    scenario = shop().given(*(event for n in (1, 2, 3) for event in paid(n, "zoe.quist")), placed(4, "zoe.quist"))
    stored = [*msgspec.to_builtins(list(scenario.table.entities.values())), list(scenario.table.items)]
    stored += [dict(numbers) for numbers in scenario.table.items.values()]
    found = "\n".join(texts(stored)).casefold()
    assert not [text for text in ("zoe.quist", "mill", "ghent", "9000", "customer@example.com") if text in found]


def test_an_order_that_is_counted_or_flagged_keeps_no_pseudonym() -> None:
    scenario = shop().given(*paid(1), *paid(2), *paid(3), placed(4, total=9000))
    large = Check("flagged", rules=("large-total",))
    states = [scenario.state(order_id(n)) for n in (1, 2, 3, 4)]
    assert states == [COUNTED, COUNTED, Check("flagged", rules=VELOCITY), large]


def test_pseudonyms_depend_on_the_stages_secret_and_an_addresss_on_its_customer() -> None:
    order = inspector().pseudonymize("ann", HOME, 0)
    assert inspector(key="another").pseudonymize("ann", HOME, 0).customer != order.customer
    other = inspector().pseudonymize("bob", HOME, 0)
    assert (other.customer, other.address) != (order.customer, order.address)
    assert other.address != order.address


# Expiry


def test_a_customers_day_expires_when_no_message_of_it_can_be_left() -> None:
    scenario = shop().given(*paid(1, at=DAY - 1))
    order = inspector().pseudonymize("ann", HOME, MORNING + DAY - 1)
    seconds = from_rfc3339("2026-12-25T00:00:00.000Z") // 1000
    assert paid_key(order) == f"{RESERVED}paid{RESERVED}{order.customer}{RESERVED}2026-11-25"
    assert scenario.table.expires == {(paid_key(order), ""): seconds}
    assert seconds * 1000 == MORNING + DAY + KEPT_DAYS * DAY


def test_a_message_that_comes_again_after_its_day_expired_counts_nothing() -> None:
    scenario = shop().given(*paid(1), *paid(2))
    scenario.table.delete_expired(MORNING + 60 * DAY)
    scenario.when(*paid(1), *paid(2)).then(announced=[], writes=0)
    assert scenario.table.items == {}


# The rules of the stages


@pytest.mark.parametrize("rules", [STRICT, LENIENT])
def test_a_stages_rules_are_valid_and_pass_through_the_environment(rules: Rules) -> None:
    assert msgspec.json.decode(msgspec.json.encode(rules), type=Rules) == rules


@pytest.mark.parametrize("wrong", [{"velocity": -1}, {"address_spread": MAX_ADDRESSES + 1}, {"most": 1}])
def test_rules_that_bound_nothing_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(STRICT) | wrong, Rules)


def test_a_day_is_a_multiple_of_a_window() -> None:
    assert DAY % WINDOW == 0


# Personal data


def test_an_order_whose_address_was_erased_is_checked_too() -> None:
    scenario = shop().given(*paid(1, address=None), *paid(2, address=None))
    assert flagged(scenario) == {}
    scenario.given(*paid(3, address=None))
    assert flagged(scenario) == {3: VELOCITY}


def test_all_erased_addresses_of_a_customers_day_count_as_one() -> None:
    scenario = shop(replace(RULES, velocity=10, address_spread=2))
    scenario.given(*paid(1, address=None), *paid(2, address=None), *paid(3, address=HOME))
    assert flagged(scenario) == {}
    scenario.given(*paid(4, address=PARCEL_SHOP))
    assert flagged(scenario) == {4: SPREAD}
