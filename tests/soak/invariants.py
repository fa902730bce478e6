"""What must be true of orders once all is delivered, as the design's section 4 has it.

Each check is a plain function that tells what of the evidence violates it. It goes by the orders' own events and not
by the code that made them: what is in the other tables, at the gateway, in the mail and in the figures must be what
those events imply.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import permutations

from tests.soak.evidence import Event, Evidence, Item
from tests.soak.plan import DECLINED, EXCESSIVE, PLENTY, Errand

Violations = Iterator[str]
Check = Callable[[Evidence], Violations]

BATCH = 10
"""Messages that a function handles at once, each of which may be between the sending of an e-mail and its record."""

NOTHING = Item({}, (), ())


class Story:
    """One order: what its customer did, and what was announced of it."""

    def __init__(self, order: str, errand: Errand, evidence: Evidence) -> None:
        self.order = order
        self.errand = errand
        self._evidence = evidence

    def __str__(self) -> str:
        return f"order {self.order} ({self.errand.key}, {self.status})"

    def item(self, service: str) -> Item:
        """The order in a service's table."""
        return self._evidence.items.get(service, {}).get(self.order, NOTHING)

    def state(self, service: str) -> Mapping[str, object]:
        """What a service knows of the order."""
        return self.item(service).state

    @cached_property
    def events(self) -> list[Event]:
        """All that the services have announced about the order, by their own tables."""
        return [event for items in self._evidence.items.values() for event in items.get(self.order, NOTHING).events]

    def count(self, type_: str) -> int:
        """How often something was announced."""
        return self._types[type_]

    @cached_property
    def _types(self) -> Counter[str]:
        return Counter(event["type"] for event in self.events)

    @property
    def status(self) -> str:
        """How the order ended."""
        return str(self.state("orders").get("status", "PENDING"))

    @property
    def confirmed(self) -> bool:
        """It was, at some time."""
        return self.count("OrderConfirmed") > 0

    @property
    def cancelled(self) -> bool:
        """It is off."""
        return self.count("OrderCancelled") > 0

    @property
    def dispatched(self) -> bool:
        """Its goods have left, even if they must come back."""
        return self.count("OrderDispatched") > 0

    @property
    def reason(self) -> str | None:
        """Why it is off."""
        return next((event["data"]["reason"] for event in self.events if event["type"] == "OrderCancelled"), None)

    @property
    def total(self) -> int:
        """What it costs, by the prices of the plan."""
        prices = {product.sku: product.price for product in self._evidence.plan.products}
        return sum(prices[sku] * quantity for sku, quantity in self.errand.lines.items())


def stories(evidence: Evidence) -> list[Story]:
    """The stories of all orders."""
    return [Story(order, errand, evidence) for order, errand in evidence.orders.items()]


# What was asked, and answered


def a_key_places_one_order(evidence: Evidence) -> Violations:
    """However often the same request came, it was one order with one answer, and every customer lists just its own."""
    for errand in evidence.plan.errands:
        answers = evidence.answers.get(errand.key, ())
        if len({answer.order for answer in answers}) != 1:
            yield f"{errand.key} placed {len({answer.order for answer in answers})} orders"
        if any(answer.body != answers[0].body for answer in answers):
            yield f"{errand.key} was answered in several ways"
        if sum(not answer.repeated for answer in answers) > 1:
            yield f"{errand.key} was taken for new more than once"
    if len(evidence.orders) != len(evidence.plan.errands):
        yield f"{len(evidence.plan.errands)} errands placed {len(evidence.orders)} orders"
    status = {story.order: story.status for story in stories(evidence)}
    for customer, listed in enumerate(evidence.listed):
        own = {
            order: status[order]
            for order, errand in evidence.orders.items()
            if errand.client % evidence.plan.customers == customer
        }
        if listed != own:
            yield f"customer {customer} lists {_difference(own, listed)}"


def orders_end_as_they_must(evidence: Evidence) -> Violations:
    """No order is pending, and each ended as what was ordered, paid and asked of it allows."""
    stock = {product.sku: product.stock for product in evidence.plan.products}
    for story in stories(evidence):
        allowed = _endings(story, stock)
        if (story.status, story.reason) not in allowed:
            yield f"{story} ended as {story.status}, {story.reason}, and not as one of {sorted(allowed, key=str)}"


def answers_hold(evidence: Evidence) -> Violations:
    """A cancellation that was granted is one, one that was refused came too late, and what was dispatched has left."""
    for story in stories(evidence):
        for status in evidence.cancellations.get(story.order, ()):
            if story.status != {202: "CANCELLED", 409: "DISPATCHED"}.get(status):
                yield f"{story}: its cancellation was answered {status}"
        for status in evidence.dispatches.get(story.order, ()):
            if (status == 202) != story.dispatched:
                yield f"{story}: its dispatch was answered {status}, it {'has' if story.dispatched else 'has not'} left"


def _endings(story: Story, stock: Mapping[str, int]) -> set[tuple[str, str | None]]:
    """The ends that an order may have had: what is wrong with it may be found out in any order."""
    errand = story.errand
    ends: set[tuple[str, str | None]] = set()
    if errand.method in DECLINED:
        ends.add(("CANCELLED", "payment_failed"))
    if any(stock[sku] < quantity for sku, quantity in errand.lines.items()):
        ends.add(("CANCELLED", "out_of_stock"))
    if story.total >= 2 * EXCESSIVE:
        ends.add(("CANCELLED", "fraud"))
    if not ends:
        ends.add(("DISPATCHED" if errand.dispatch else "CONFIRMED", None))
        if any(0 < stock[sku] < PLENTY for sku in errand.lines):
            ends.add(("CANCELLED", "out_of_stock"))
    if errand.regret is not None or errand.race:
        ends.add(("CANCELLED", "customer"))
    if errand.regret is not None:
        ends.discard(("CONFIRMED", None))
    return ends


# Events


def events_are_numbered_without_gaps(evidence: Evidence) -> Violations:
    """Ids are unique, and each source's events of an order are numbered from 1 on."""
    ids = Counter(event["id"] for story in stories(evidence) for event in story.events)
    yield from (f"{id_} was announced {n} times" for id_, n in ids.items() if n > 1)
    for service, items in evidence.items.items():
        for order, item in items.items():
            expected = [f"{service}/{order}/{n}" for n in range(1, len(item.events) + 1)]
            if [event["id"] for event in item.events] != expected:
                yield f"{service} announced {[event['id'] for event in item.events]}"
            if [event["sequence"] for event in item.events] != list(range(1, len(item.events) + 1)):
                yield f"{service} numbered its events of {order} {[event['sequence'] for event in item.events]}"


def history_has_exactly_what_was_announced(evidence: Evidence) -> Violations:
    """Every event of every table, word for word, and no other."""
    for story in stories(evidence):
        announced = {event["id"]: event for event in story.events}
        recorded = {event["id"]: event for event in evidence.history.get(story.order, ())}
        if announced != recorded:
            yield f"{story}: history and the tables differ in {_difference(announced, recorded)}"


def causes_come_first(evidence: Evidence) -> Violations:
    """An event's cause is known, and earlier than the event."""
    for story in stories(evidence):
        times = {event["id"]: event["time"] for event in story.events}
        for event in story.events:
            cause = event.get("causationid")
            if cause is not None and not times.get(cause, "~") < event["time"]:
                yield f"{event['id']} of {event['time']} came of {cause} of {times.get(cause)}"


def events_are_handled_once(evidence: Evidence) -> Violations:
    """What an item has handled was announced, and is there once; nothing is still being acted on."""
    for story in stories(evidence):
        announced = {f"{event['source']}/{event['sequence']}" for event in story.events}
        for service in evidence.items:
            item = story.item(service)
            if len(set(item.handled)) != len(item.handled) or not set(item.handled) <= announced:
                yield f"{story}: {service} has handled {list(item.handled)} of {sorted(announced)}"
            if item.claimed:
                yield f"{story}: {service} is still acting on it"


# Money, stock, mail and points


def money_moved_once(evidence: Evidence) -> Violations:
    """A cancelled order has no captured payment that is not refunded; any other has one charge, of its total."""
    payments = {order: [p for p in evidence.payments if p.order == order] for order in evidence.orders}
    for story in stories(evidence):
        mine = payments[story.order]
        captured, refunded = sum(p.captured for p in mine), sum(p.refunded for p in mine)
        if len(mine) > 1:
            yield f"{story} has {len(mine)} payments"
        if any(p.amount != story.total for p in mine):
            yield f"{story} costs {story.total}, and its payment is of {mine[0].amount}"
        if captured > 1 or captured - refunded != (0 if story.cancelled else 1):
            yield f"{story} was charged {captured} times and refunded {refunded} times"
        # Where a cancellation finds the charge under way, its refund alone is announced.
        charges = {captured} | ({0} if refunded else set())
        if story.count("PaymentCaptured") not in charges or story.count("PaymentRefunded") != refunded:
            yield f"{story}: {captured} charges and {refunded} refunds, and other things were announced"


def stock_adds_up(evidence: Evidence) -> Violations:
    """On hand is what there was without what has left for good; reserved is what confirmed orders wait for."""
    left: Counter[str] = Counter()
    reserved: Counter[str] = Counter()
    for story in stories(evidence):
        if not story.cancelled:
            (left if story.dispatched else reserved).update(story.errand.lines)
        held = story.count("StockReserved") - story.count("StockReleased")
        if held != (0 if story.cancelled else 1):
            yield f"{story} has {story.count('StockReserved')} reservations, {story.count('StockReleased')} released"
    for product in evidence.plan.products:
        level = evidence.levels[product.sku]
        due = (product.stock - left[product.sku], reserved[product.sku])
        if (level.on_hand, level.reserved) != due or level.available != level.on_hand - level.reserved:
            yield f"{product.sku} is {level}, where (on hand, reserved) should be {due}"
        if level.available < 0 or level.reserved < 0:
            yield f"{product.sku} is below nothing: {level}"


def mail_was_sent_once(evidence: Evidence) -> Violations:
    """One e-mail of each kind an order, and one more at most for each crash between its sending and its record."""
    crashes = evidence.incidents.broken_off["notification"]
    extra = 0
    for story in stories(evidence):
        due = {
            "receipt": story.count("PaymentCaptured") > 0,
            "cancellation": story.cancelled,
            "dispatch": story.dispatched,
        }
        for kind, is_due in due.items():
            sent = evidence.mails[story.order, kind]
            if not (1 <= sent <= 1 + crashes if is_due else sent == 0):
                yield f"{story} was sent {sent} e-mails of the kind {kind}, with {crashes} crashes of notification"
            extra += max(0, sent - is_due)
        if story.count("ReceiptSent") != due["receipt"]:
            yield f"{story}: ReceiptSent was announced {story.count('ReceiptSent')} times"
    if extra > BATCH * crashes:
        yield f"{extra} e-mails too many, with {crashes} crashes of notification in the midst of {BATCH} messages"


def points_are_what_orders_earned(evidence: Evidence) -> Violations:
    """Points awarded, without those revoked, are what confirmed orders earned that are not cancelled."""
    balances = [0] * evidence.plan.customers
    for story in stories(evidence):
        earned = story.total // 100 if story.confirmed and not story.cancelled else 0
        sums: Counter[str] = Counter()
        for event in story.events:
            if event["source"] == "loyalty":
                sums[event["type"]] += event["data"]["points"]
        if sums["PointsAwarded"] - sums["PointsRevoked"] != earned:
            yield f"{story} earned {earned}, and loyalty announced {dict(sums)}"
        balances[story.errand.client % evidence.plan.customers] += earned
    if list(evidence.balances) != balances:
        yield f"the customers have {list(evidence.balances)} points, and earned {balances}"


# What the services know


def services_agree(evidence: Evidence) -> Violations:
    """The state of each service is what the order's events imply."""
    for story in stories(evidence):
        for service, due in _implied(story).items():
            found = {name: story.state(service).get(name) for name in due}
            if found != due:
                yield f"{story}: {service} says {found}, and the events {due}"
        if story.count("ReturnRequested") != (story.cancelled and story.dispatched):
            yield f"{story}: {story.count('ReturnRequested')} returns were requested"


def _implied(story: Story) -> dict[str, dict[str, object]]:
    """What the services must know of an order; None stands for what a state leaves out."""
    off, sent, awarded = story.cancelled, story.dispatched, story.count("PointsAwarded") > 0
    if off:
        shipment, points = "returning" if sent else "cancelled", "revoked" if awarded else "forbidden"
    else:
        shipment, points = "dispatched" if sent else "to_pick", "awarded"
    rejected = story.count("StockRejected") > 0
    return {
        "orders": {"status": "CANCELLED" if off else "DISPATCHED" if sent else "CONFIRMED", "reason": story.reason},
        "warehouse": {"status": shipment},
        "loyalty": {"status": points},
        "inventory": {
            "hold": None if off or rejected else "shipped" if sent else "reserved",
            "cancelled": off or None,
            "rejected": rejected or None,
        },
        "fraud": {"rules": ["large-total"] if story.count("OrderFlagged") else None},
    }


def figures_add_up(evidence: Evidence) -> Violations:
    """Analytics tells of each product what an independent count of its orders comes to."""
    for product in evidence.plan.products:
        mine = [story for story in stories(evidence) if product.sku in story.errand.lines]
        units = sum(story.errand.lines[product.sku] for story in mine if story.confirmed and not story.cancelled)
        due = {
            "placed": len(mine),
            "confirmed": sum(story.confirmed for story in mine),
            "cancelled": Counter(story.reason for story in mine if story.cancelled),
            "units": units,
            "revenue": units * product.price,
        }
        found = evidence.sales.get(product.sku, {})
        if mine and found != due:
            yield f"analytics tells of {product.sku} {dict(found)}, and not {due}"


def what_was_bought_together_was_counted(evidence: Evidence) -> Violations:
    """Recommendation has counted, in both directions, each two products of each order that was ever confirmed."""
    due: dict[str, Counter[str]] = {product.sku: Counter() for product in evidence.plan.products}
    for story in stories(evidence):
        if story.confirmed:
            for product, partner in permutations(story.errand.lines, 2):
                due[product][partner] += 1
    for sku, partners in due.items():
        if evidence.partners.get(sku, {}) != partners:
            yield f"with {sku} were bought {dict(evidence.partners.get(sku, {}))}, and not {dict(partners)}"


def nothing_is_left_over(evidence: Evidence) -> Violations:
    """All queues are empty, those of failures too."""
    yield from (f"{queue} holds {n} messages more than before" for queue, n in evidence.left.items())


CHECKS: tuple[Check, ...] = (
    a_key_places_one_order,
    orders_end_as_they_must,
    answers_hold,
    events_are_numbered_without_gaps,
    history_has_exactly_what_was_announced,
    causes_come_first,
    events_are_handled_once,
    money_moved_once,
    stock_adds_up,
    mail_was_sent_once,
    points_are_what_orders_earned,
    services_agree,
    figures_add_up,
    what_was_bought_together_was_counted,
    nothing_is_left_over,
)


def violations(evidence: Evidence) -> dict[str, list[str]]:
    """What is violated, by the check that found it: nothing, where all is well."""
    found = {check.__name__: list(check(evidence)) for check in CHECKS}
    return {name: violated for name, violated in found.items() if violated}


def _difference(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return "; ".join(f"{key}: {one.get(key)} and {other.get(key)}" for key in keys[:3])
