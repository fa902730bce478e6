"""What must be true of every history once it has come to rest, found out without the code under test."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import msgspec

from functions.analytics.reactions import SHARDS
from functions.fraud.rules import Limit, Window
from functions.recommendation.reactions import ONE
from tests.simulation.history import SKUS, History
from tests.simulation.implied import VIEWS, implied
from tests.simulation.ports.mail import BAD_ADDRESS
from tests.simulation.redrive import PERMANENT
from tests.simulation.shop import RULES, SERVICES, Deployed
from tests.simulation.violation import ViolationError
from tidings import contracts
from tidings.events import Contracts, Event, decode

KNOWN = Contracts(contract for service in SERVICES for contract in service.announces)
SERVICE = {service.name: service for service in SERVICES}


@dataclass
class Facts:
    """What is there when a history is over: each order's events in causal order, and its item in each service."""

    history: History
    events: dict[str, list[Event[Any]]]
    items: dict[str, dict[str, Any]]
    types: dict[str, Counter[str]]
    placed: dict[str, contracts.OrderPlaced]

    @classmethod
    def of(cls, history: History) -> "Facts":
        events: defaultdict[str, list[Event[Any]]] = defaultdict(list)
        items: dict[str, dict[str, Any]] = {}
        for each in history.shop.deployed.values():
            items[each.name] = {}
            for attributes in each.items():
                item = each.service.codec.decode(attributes)
                items[each.name][item.order] = item
                events[item.order] += (KNOWN.decode(decode(event)) for event in item.events)
        for log in events.values():
            log.sort(key=lambda event: (event.time, event.id))
        types = {order: Counter(event.type for event in log) for order, log in events.items()}
        placed = {order: event.data for order, log in events.items() for event in log if event.type == "OrderPlaced"}
        return cls(history, dict(events), items, types, placed)

    def state(self, service: str, order: str) -> Any:
        item = self.items[service].get(order)
        return item.state if item else None

    def all_events(self) -> Iterable[Event[Any]]:
        return (event for log in self.events.values() for event in log)


def check(history: History) -> None:
    """ViolationError where one of the invariants does not hold."""
    facts = Facts.of(history)
    for invariant, holds in INVARIANTS.items():
        try:
            wrong = next(iter(holds(facts)), None)
        except (AttributeError, KeyError, IndexError) as error:
            # Where even the facts are missing that it asks for.
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            raise ViolationError(invariant, wrong)


Check = Callable[[Facts], Iterable[str]]
INVARIANTS: dict[str, Check] = {}

REPEATED = {"EmailFailed", "OrderFlagged"}
"""What may be announced of an order more than once: of each e-mail, and by each rule."""


def invariant(name: str) -> Callable[[Check], Check]:
    def keep(holds: Check) -> Check:
        INVARIANTS[name] = holds
        return holds

    return keep


@invariant("event ids are unique, and sequences have no gap")
def sequences(facts: Facts) -> Iterable[str]:
    for order, log in facts.events.items():
        by_source: defaultdict[str, list[int]] = defaultdict(list)
        for event in log:
            by_source[event.source].append(event.sequence)
            if event.id != f"{event.source}/{order}/{event.sequence}" or event.subject != order:
                yield f"{event.id} is of {order}"
        for source, numbers in by_source.items():
            if sorted(numbers) != list(range(1, len(numbers) + 1)):
                yield f"{source} numbered its events of {order} {numbers}"


@invariant("effects are later than their causes")
def causes(facts: Facts) -> Iterable[str]:
    times = {event.id: event.time for event in facts.all_events()}
    for event in facts.all_events():
        if event.causationid is not msgspec.UNSET and times.get(event.causationid, "9") >= event.time:
            yield f"{event.id} of {event.time} is not later than {event.causationid}"


@invariant("every event is published, and history has recorded exactly these")
def recorded(facts: Facts) -> Iterable[str]:
    shop = facts.history.shop
    announced = {
        decode(event).id: event for items in facts.items.values() for item in items.values() for event in item.events
    }
    if lost := announced.keys() - shop.topic.published.keys():
        yield f"not published: {sorted(lost)}"
    if lost := announced.keys() - shop.log.events.keys():
        yield f"not recorded: {sorted(lost)}"
    if strange := shop.log.events.keys() - announced.keys():
        yield f"recorded, but announced by nobody: {sorted(strange)}"
    for name, body in shop.log.events.items():
        if body != announced[name]:
            yield f"{name} was recorded as {body}"


@invariant("no order is lost, and none is pending at rest")
def statuses(facts: Facts) -> Iterable[str]:
    for wish in facts.history.wishes:
        state, types = (
            facts.state("orders", wish.order),
            facts.types[wish.order] if wish.order in facts.events else None,
        )
        if state is None or types is None:
            yield f"{wish.order} was answered, and is not there"
            continue
        if state.status == "PENDING":
            yield f"{wish.order} is pending"
        if types["OrderPlaced"] != 1 or types["OrderConfirmed"] > 1 or types["OrderCancelled"] > 1:
            yield f"{wish.order} announced {dict(types)}"
        if (state.status == "CANCELLED") != (types["OrderCancelled"] == 1):
            yield f"{wish.order} is {state.status} and announced {dict(types)}"
        if state.status in ("CONFIRMED", "DISPATCHED") and types["OrderConfirmed"] != 1:
            yield f"{wish.order} is {state.status}, and was never confirmed"
        if state.status == "DISPATCHED" and types["OrderDispatched"] != 1:
            yield f"{wish.order} is DISPATCHED, and was never dispatched"
        if state.status == "CONFIRMED" and types["OrderDispatched"]:
            yield f"{wish.order} is CONFIRMED, and was dispatched"


@invariant("what happens to an order once is announced once")
def announced_once(facts: Facts) -> Iterable[str]:
    for order, types in facts.types.items():
        if twice := {type_: n for type_, n in types.items() if n > 1 and type_ not in REPEATED}:
            yield f"{order} announced {twice}"


@invariant("people are told the truth")
def truth(facts: Facts) -> Iterable[str]:
    told = facts.history.told
    for wish in facts.history.wishes:
        placed = facts.placed[wish.order]
        if wish.answer is None:
            yield f"{wish.order} was never answered"
        elif (wish.answer.lines, wish.answer.total) != (placed.lines, placed.total):
            yield f"{wish.order} was answered {wish.answer}, and is {placed}"
    for order in told.cancelled:
        if facts.state("orders", order).status != "CANCELLED":
            yield f"the cancellation of {order} was accepted, and it is {facts.state('orders', order).status}"
    for order in told.dispatched:
        if facts.types[order]["OrderDispatched"] != 1:
            yield f"the dispatch of {order} was accepted, and nothing was dispatched"


@invariant("money moves at most once each way")
def money_once(facts: Facts) -> Iterable[str]:
    for order in facts.events:
        payments = facts.history.shop.gateway.of_order(order)
        if sum(payment.captured for payment in payments) > 1 or sum(payment.refunded for payment in payments) > 1:
            yield f"{order} has {payments}"


@invariant("a confirmed order is paid once, and a cancelled one not at all")
def paid(facts: Facts) -> Iterable[str]:
    for order in facts.events:
        payments = facts.history.shop.gateway.of_order(order)
        net = sum((payment.captured - payment.refunded) * payment.amount.amount for payment in payments)
        status = facts.state("orders", order).status
        total = facts.placed[order].total.amount
        if net != (0 if status == "CANCELLED" else total):
            yield f"{order} is {status}, and of {total} there are {net} paid"
        types = facts.types[order]
        if types["PaymentCaptured"] > 1 or types["PaymentRefunded"] > 1 or types["PaymentFailed"] > 1:
            yield f"{order} announced {dict(types)}"


@invariant("a confirmed order holds its goods, and a cancelled one none")
def held(facts: Facts) -> Iterable[str]:
    for order in facts.events:
        status, holding = facts.state("orders", order).status, facts.state("inventory", order)
        hold = holding.hold if holding else "none"
        if hold != {"CONFIRMED": "reserved", "DISPATCHED": "shipped", "CANCELLED": "none"}[status]:
            yield f"{order} is {status}, and its goods are {hold}"


@invariant("stock adds up")
def stock(facts: Facts) -> Iterable[str]:
    gone: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for order in facts.events:
        status = facts.state("orders", order).status
        for line in facts.placed[order].lines:
            gone[line.sku] += line.quantity if status == "DISPATCHED" else 0
            kept[line.sku] += line.quantity if status == "CONFIRMED" else 0
    for sku in SKUS:
        level = facts.history.shop.stock.read(sku)
        on_hand = facts.history.told.counted[sku] - gone[sku]
        if level is None or (level.available, level.reserved) != (on_hand - kept[sku], kept[sku]):
            yield f"{sku} is {level}, and should be {on_hand} on hand with {kept[sku]} reserved"


@invariant("one e-mail of each kind, and one more at most for each crash between sending and recording")
def mails(facts: Facts) -> Iterable[str]:
    shop = facts.history.shop
    for order in facts.events:
        types = facts.types[order]
        bad = facts.placed[order].email == BAD_ADDRESS
        due = {"receipt": "PaymentCaptured", "cancellation": "OrderCancelled", "dispatch": "OrderDispatched"}
        for kind, cause in due.items():
            sent = shop.mailer.sent[order, kind]  # type: ignore[index]  # kind is one of the three
            least = int(types[cause] > 0 and not bad)
            if not least <= sent <= least * (1 + shop.allowed[order, kind]):
                yield f"{sent} {kind} of {order}, with {shop.allowed[order, kind]} crashes"


@invariant("points are what confirmed orders have earned")
def points(facts: Facts) -> Iterable[str]:
    earned: Counter[str] = Counter()
    for order in facts.events:
        placed, types = facts.placed[order], facts.types[order]
        if types["OrderConfirmed"] and not types["OrderCancelled"]:
            earned[placed.customer] += placed.total.amount // 100
    table = facts.history.shop.deployed["loyalty"].table
    for customer in {wish.customer for wish in facts.history.wishes}:
        balance = table.number(f"balance#{customer}", "points")
        if balance != earned[customer]:
            yield f"{customer} has {balance} points, and has earned {earned[customer]}"


@invariant("fraud is found by the orders' times alone")
def flags(facts: Facts) -> Iterable[str]:
    placed = [(event.millis, order, event.data) for order, log in facts.events.items() for event in log[:1]]
    suspects: set[str] = set()
    for rule in RULES:
        if isinstance(rule, Limit):
            suspects |= {order for _, order, data in placed if data.total.amount > rule.limits["EUR"]}
            continue
        for time, order, data in placed:
            before = {
                (other, each.customer)
                for at, other, each in placed
                if (at, other) <= (time, order) and at > time - rule.span and _alike(rule, each, data)
            }
            many = len(before) if rule.by == "customer" else len({customer for _, customer in before})
            if many > rule.most:
                suspects.add(order)
    flagged = {order for order in facts.events if facts.types[order]["OrderFlagged"]}
    if flagged != suspects:
        yield f"flagged {sorted(flagged)}, and not {sorted(suspects)}"


def _alike(rule: Window, one: contracts.OrderPlaced, other: contracts.OrderPlaced) -> bool:
    return one.customer == other.customer if rule.by == "customer" else one.address == other.address


@invariant("sales are counted exactly")
def sales(facts: Facts) -> Iterable[str]:
    expected: Counter[tuple[str, str, str]] = Counter()
    for log in facts.events.values():
        at = {event.type: event.time[:10] for event in log}
        data = {event.type: event.data for event in log}
        lines = data["OrderPlaced"].lines
        names = {"OrderPlaced": "placed", "OrderConfirmed": "confirmed"}
        if "OrderCancelled" in at:
            names["OrderCancelled"] = f"cancelled_{data['OrderCancelled'].reason}"
        for kind, name in names.items():
            for product in ("", *(line.sku for line in lines)) if kind in at else ():
                expected[_row(at[kind], product, name)] += 1
        if "OrderConfirmed" in at and "OrderCancelled" not in at:
            for line in lines:
                for product in ("", line.sku):
                    expected[_row(at["OrderConfirmed"], product, "units")] += line.quantity
                    revenue = line.quantity * line.price.amount
                    expected[_row(at["OrderConfirmed"], product, "revenue_EUR")] += revenue
    ledger = facts.history.shop.deployed["analytics"].ledger
    counted = ledger.sums()
    wanted = {cell: n for cell, n in expected.items() if n}
    if counted != wanted:
        yield f"counted {_difference(counted, wanted)}"
    if strange := {partition for partition, _, _ in ledger.numbers if int(partition.rpartition("#")[2]) >= SHARDS}:
        yield f"counted in shards that nobody sums: {strange}"


def _row(day: str, product: str, name: str) -> tuple[str, str, str]:
    return f"sales#{day[:7]}", f"{day}#{product}", name


@invariant("pairs are counted exactly")
def pairs(facts: Facts) -> Iterable[str]:
    expected: Counter[tuple[str, str, str]] = Counter()
    for order in facts.events:
        if facts.types[order]["OrderConfirmed"]:
            skus = {line.sku for line in facts.placed[order].lines}
            expected.update((f"with#{one}", other, "rank") for one, other in permutations(skus, 2))
    sums = facts.history.shop.deployed["recommendation"].ledger.sums()
    counted = {cell: n // ONE for cell, n in sums.items()}
    if counted != dict(expected):
        yield f"counted {_difference(counted, dict(expected))}"


def _difference(counted: dict[Any, int], wanted: dict[Any, int]) -> str:
    cells = sorted(cell for cell in counted.keys() | wanted.keys() if counted.get(cell, 0) != wanted.get(cell, 0))
    return ", ".join(f"{cell}: {counted.get(cell, 0)} and not {wanted.get(cell, 0)}" for cell in cells[:3])


@invariant("each service's state is what the order's events imply")
def converged(facts: Facts) -> Iterable[str]:
    for order, log in facts.events.items():
        for service, view in VIEWS.items():
            found, due = view(facts.state(service, order)), view(implied(SERVICE[service], log))
            if found != due:
                yield f"{service} has {found} of {order}, and its events imply {due}"


@invariant("what can never be handled lies in the dead-letter queue, and nothing else does")
def letters(facts: Facts) -> Iterable[str]:
    for each in facts.history.shop.deployed.values():
        poison = set(facts.history.told.poison.get(each.name, ()))
        buried = {letter.body for letter in each.dlq.messages()}
        if buried != poison or not _reasoned(each):
            yield f"{each.name}: {sorted(buried ^ poison)}"


def _reasoned(each: Deployed) -> bool:
    return all(letter.attributes.get("reason") in PERMANENT for letter in each.dlq.messages())


@invariant("nobody still claims to be acting")
def claims(facts: Facts) -> Iterable[str]:
    return (
        f"{service} claims {dict(item.claims)} of {order}"
        for service, items in facts.items.items()
        for order, item in items.items()
        if item.claims
    )


@invariant("an event is handled once")
def handled(facts: Facts) -> Iterable[str]:
    for service, items in facts.items.items():
        for order, item in items.items():
            known = {f"{event.source}/{event.sequence}" for event in facts.events[order]}
            if len(set(item.handled)) != len(item.handled) or not known.issuperset(item.handled):
                yield f"{service} has handled {item.handled} of {order}"
