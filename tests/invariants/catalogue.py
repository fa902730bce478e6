"""The catalogue: the invariants of the shop at rest, by name.

An invariant is a function that yields what of the evidence violates it. It judges by the orders' own events: the other
tables, the gateway, the e-mails and the figures must be what those events imply.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import permutations
from typing import Any

from msgspec import UNSET

from contracts.orders.order_placed import OrderPlaced
from contracts.values.recipient import Destination, Recipient
from contracts.values.text import comparable
from functions.fraud.rules import ADDRESS_SPREAD, DAY, LARGE_TOTAL, VELOCITY, WINDOW
from functions.payment.gateway import TOO_MUCH
from functions.payment.reports import SOURCE as REPORTS
from functions.payment.state import DASHBOARD
from tests.invariants.evidence import Evidence, OrderEvents, Payment
from tests.invariants.implied import VIEWS, World, implied_state
from tests.invariants.services import SERVICES, ZONE
from tidings.core.event import Event, read_personal

Violations = Iterator[str]
Check = Callable[[Evidence], Violations]

INVARIANTS: dict[str, Check] = {}

_SERVICES = {service.name: service for service in SERVICES}


def invariant(name: str) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        INVARIANTS[name] = check
        return check

    return add


def violations(evidence: Evidence) -> dict[str, list[str]]:
    """Return all violations, by the invariant's name; none if every invariant holds."""
    found = {name: list(_judge(check, evidence)) for name, check in INVARIANTS.items()}
    return {name: violated for name, violated in found.items() if violated}


def first_violation(evidence: Evidence) -> tuple[str, str] | None:
    """Return the first invariant that is violated, and how; None if every invariant holds."""
    for name, check in INVARIANTS.items():
        for violation in _judge(check, evidence):
            return name, violation
    return None


def _judge(check: Check, evidence: Evidence) -> Violations:
    try:
        yield from check(evidence)
    except (AttributeError, KeyError, IndexError) as error:
        # Even the facts that it asks for are missing.
        yield f"{type(error).__name__}: {error}"


# Requests and their answers


@invariant("a repeated request gets the first answer")
def _repeated_requests(evidence: Evidence) -> Violations:
    for purchase in evidence.purchases:
        if not purchase.answers:
            yield f"{purchase.key} was never answered"
        for answer in purchase.answers:
            view = answer.view
            lines = [(line.sku, line.quantity) for line in view.lines]
            if view != purchase.answers[0].view or view.status != "PENDING":
                yield f"{purchase.key} was answered {view}, and first {purchase.answers[0].view}"
            if view.id != purchase.order or lines != list(purchase.lines.items()):
                yield f"{purchase.key} asked for {dict(purchase.lines)} as {purchase.order} and was answered {view}"
        if sum(not answer.replayed for answer in purchase.answers) > 1:
            yield f"{purchase.key} placed a new order more than once"
    orders = {purchase.order for purchase in evidence.purchases}
    if len(orders) != len(evidence.purchases):
        yield f"{len(evidence.purchases)} purchases placed {len(orders)} orders"


# Personal data


@invariant("nothing personal of an erased order is stored")
def _erased(evidence: Evidence) -> Violations:
    return (f"{place} holds personal data of {order}, which was erased" for order, place in evidence.remains)


@invariant("an erasure that was accepted reaches every service that keeps personal data, and no other order")
def _erasures(evidence: Evidence) -> Violations:
    for order in evidence.events:
        if order in evidence.erasures and not evidence.is_erased(order):
            yield f"the erasure of {order} was accepted, and was not announced"
        for service, entities in evidence.entities.items():
            due = evidence.is_erased(order) and bool(_SERVICES[service].keeps)
            found = order in entities and entities[order].erased
            if found != due:
                yield f"{service} has {'' if found else 'not '}erased {order}"


@invariant("personal data is kept as the customer gave it until it is erased")
def _kept(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        if evidence.is_erased(order):
            continue
        recipient = evidence.recipients[order]
        placed, mailbox = events.first("OrderPlaced"), evidence.state("notification", order)
        shipment = evidence.state("warehouse", order)
        if placed and read_personal(placed, Recipient) != recipient:
            yield f"{order} is of {recipient}, and was announced with {placed.personal}"
        if mailbox and mailbox.order and mailbox.personal != recipient:
            yield f"{order} is of {recipient}, and its e-mails go to {mailbox.personal}"
        if shipment and shipment.lines and shipment.personal != Destination(recipient.address):
            yield f"{order} is of {recipient}, and its goods go to {shipment.personal}"


# Events


@invariant("event ids are unique, and sequences have no gap")
def _numbers(evidence: Evidence) -> Violations:
    for service, key, outbox in evidence.outboxes():
        ids = [event.envelope.id for event in outbox]
        if ids != [f"{service}/{key}/{number}" for number in range(1, len(ids) + 1)]:
            yield f"{service} numbered its events of {key} {ids}"
    for order, events in evidence.events.items():
        for event in events:
            if event.id != f"{event.source}/{order}/{event.number}" or event.subject != order:
                yield f"{event.id} is about {order}"


@invariant("effects are later than their causes")
def _causes(evidence: Evidence) -> Violations:
    times = {event.id: event.time for events in evidence.events.values() for event in events}
    for events in evidence.events.values():
        for event in events:
            cause = event.causationid
            if cause is UNSET:
                continue
            if not cause.startswith(f"{REPORTS}/") and times.get(cause, "9") >= event.time:
                yield f"{event.id} of {event.time} is not later than {cause} of {times.get(cause)}"
            if cause.split("/")[1] != event.subject:
                yield f"{event.id} was caused by {cause}"


@invariant("every event is published, and history has recorded exactly these")
def _recorded(evidence: Evidence) -> Violations:
    announced = {event.envelope.id: event.body for _, _, outbox in evidence.outboxes() for event in outbox}
    if evidence.published is not None and (lost := announced.keys() - evidence.published):
        yield f"not published: {sorted(lost)}"
    if announced != evidence.recorded:
        yield f"history and the outboxes differ: {_difference(evidence.recorded, announced)}"


# Orders


@invariant("no order is lost, and none is pending at rest")
def _statuses(evidence: Evidence) -> Violations:
    for order in (purchase.order for purchase in evidence.purchases):
        status = evidence.statuses.get(order)
        if status is None:
            yield f"{order} was answered, and does not exist"
            continue
        types = evidence.events[order].types
        if status == "PENDING":
            yield f"{order} is pending"
        if types["OrderPlaced"] != 1 or types["OrderConfirmed"] > 1 or types["OrderCancelled"] > 1:
            yield f"{order} announced {dict(types)}"
        if (status == "CANCELLED") != (types["OrderCancelled"] == 1):
            yield f"{order} is {status} and announced {dict(types)}"
        if status in ("CONFIRMED", "DISPATCHED") and types["OrderConfirmed"] != 1:
            yield f"{order} is {status}, and was never confirmed"
        if status == "DISPATCHED" and types["OrderDispatched"] != 1:
            yield f"{order} is DISPATCHED, and was never dispatched"
        if status == "CONFIRMED" and types["OrderDispatched"]:
            yield f"{order} is CONFIRMED, and was dispatched"


@invariant("an order ends as its request allows")
def _endings(evidence: Evidence) -> Violations:
    for purchase in evidence.purchases:
        state = evidence.state("orders", purchase.order)
        if purchase.endings is not None and (state.status, state.reason) not in purchase.endings:
            allowed = sorted(purchase.endings, key=str)
            yield f"{purchase.order} ended as {state.status}, {state.reason}, and not as one of {allowed}"


@invariant("an expired order was never confirmed")
def _expired(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        cancelled = events.first("OrderCancelled")
        if cancelled and cancelled.data.reason == "timeout" and events.types["OrderConfirmed"]:
            yield f"{order} was confirmed and expired"


MAX_RUN = 30_000
"""Maximum number of milliseconds that a run of the expiry job takes. It may end what it began before the stop."""


@invariant("no more orders expire than the brake allows, and none while the job is stopped")
def _braked(evidence: Evidence) -> Violations:
    # A restored brake is as it was at the snapshot.
    if evidence.brake is None or evidence.restored == "orders":
        return
    cancelled = [events.first("OrderCancelled") for events in evidence.events.values()]
    expired = sorted(event.millis for event in cancelled if event and event.data.reason == "timeout")
    most, millis = evidence.brake
    for first in expired:
        end = first + millis - MAX_RUN
        found = sum(first <= time < end for time in expired)
        resumed = sum(first - MAX_RUN <= time < end for time in evidence.resumes)
        if found > most * (1 + resumed):
            yield f"{found} orders expired within {millis} ms of {first}, and the job was resumed {resumed} times"
    for stop in evidence.stops:
        # A resume that began before the stop may take effect after it.
        resume = min((time for time in evidence.resumes if time >= stop - MAX_RUN), default=None)
        if late := [time for time in expired if stop + MAX_RUN < time and (resume is None or time < resume)]:
            yield f"the job was stopped at {stop} until {resume}, and orders expired at {late}"


REPEATED = {
    "EmailSent",
    "EmailFailed",
    "RefundRequested",
    "PaymentRefunded",
    "RefundFailed",
    "RefundSettled",
    "PaymentDisputed",
    "DisputeClosed",
    "UnexpectedPaymentFound",
}
"""The events that an order may have several of: one of each e-mail, refund, dispute or unexpected payment."""


@invariant("what happens to an order once is announced once")
def _announced_once(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        if repeated := {kind: n for kind, n in events.types.items() if n > 1 and kind not in REPEATED}:
            yield f"{order} announced {repeated}"


@invariant("answers stay true")
def _true_answers(evidence: Evidence) -> Violations:
    for purchase in evidence.purchases:
        view, placed = purchase.answers[0].view, evidence.placed[purchase.order]
        if (view.lines, view.total) != (placed.lines, placed.total) or placed.customer != purchase.customer:
            yield f"{purchase.order} of {purchase.customer} was answered {view}, and is {placed}"
        if purchase.total not in (None, placed.total.amount):
            yield f"{purchase.order} costs {placed.total}, and should cost {purchase.total}"
    for order, answers in evidence.cancellations.items():
        for code in answers:
            if evidence.statuses[order] != {202: "CANCELLED", 409: "DISPATCHED"}.get(code):
                yield f"the cancellation of {order} was answered {code}, and it is {evidence.statuses[order]}"
    for order, answers in evidence.dispatches.items():
        dispatched = evidence.announced(order, "OrderDispatched")
        for code in answers:
            if (code == 202) != (dispatched == 1):
                yield f"the dispatch of {order} was answered {code}, and it was dispatched {dispatched} times"


@invariant("a customer's list shows exactly the customer's orders")
def _lists(evidence: Evidence) -> Violations:
    own: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for purchase in evidence.purchases:
        own[purchase.customer][purchase.order] = evidence.statuses[purchase.order]
    for customer in own.keys() | evidence.listed.keys():
        if own[customer] != (listed := evidence.listed.get(customer, {})):
            yield f"{customer} lists {_difference(listed, own[customer])}"


@invariant("live knows the customer of every order")
def _owners(evidence: Evidence) -> Violations:
    own = {order: placed.customer for order, placed in evidence.placed.items()}
    if evidence.owners != own:
        yield f"live knows {_difference(evidence.owners, own)}"


@invariant("a customer is notified of the events of own orders only")
def _told(evidence: Evidence) -> Violations:
    for customer, orders in evidence.told.items():
        for order in orders:
            if evidence.placed[order].customer != customer:
                yield f"{customer} was notified of an event of {order}"


# Money, stock, e-mails and points


@invariant("a payment is captured once at most, and never refunded beyond that")
def _money_once(evidence: Evidence) -> Violations:
    for order, payments in evidence.payments.items():
        for payment in payments:
            moved = sum(refund.amount for refund in payment.refunds if refund.status != "failed")
            if payment.captured > 1 or moved > payment.captured * payment.amount:
                yield f"{order} has {payment}"
        if evidence.one_payment and len(payments) > 1:
            yield f"{order} has {len(payments)} payments"


@invariant("a confirmed order is paid once, and a cancelled one not at all")
def _paid(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        status, total, types = evidence.statuses[order], evidence.placed[order].total.amount, events.types
        captured = {payment.id: payment for payment in evidence.payments.get(order, ()) if payment.captured}
        announced = events.first("PaymentCaptured")
        own = announced.data.payment if announced else None
        if status != "CANCELLED" and (types["PaymentFailed"] or types["PaymentVoided"] or not _is_paid(events)):
            yield f"{order} is {status} and announced {dict(types)}"
        if (own not in captured) if own else (status != "CANCELLED" and total > 0):
            yield f"{order} is {status}, announced the capture of {own}, and has {captured}"
        for payment in captured.values():
            kept = payment.id == own and status != "CANCELLED"
            if payment.amount != total or not (kept or _is_returned(payment, events)):
                yield f"{order} costs {total}, is {status}, announced the capture of {own}, and has {payment}"


def _is_returned(payment: Payment, events: OrderEvents) -> bool:
    """Return whether all of a payment went back, but for the refunds that were announced as failed or settled."""
    failed = _last_refunds(events, payment.id, "RefundFailed", "RefundSettled")
    return payment.amount - payment.returned <= sum(failed.values())


@invariant("a payment that was announced as voided has moved no money")
def _voided(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        voided = events.first("PaymentVoided")
        captured = {payment.id for payment in evidence.payments.get(order, ()) if payment.captured}
        if voided and voided.data.payment in captured:
            yield f"{order} has {captured} and announced {dict(events.types)}"


@invariant("refunds are announced as the gateway made them")
def _refunds(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        payments = evidence.payments.get(order, ())
        made: Counter[tuple[str, str]] = Counter()
        announced: dict[tuple[str, str], int] = {}
        for payment in payments:
            for refund in payment.refunds:
                prefix, _, attempt = refund.attempt.partition("/")
                if refund.status == "pending" or prefix not in ("", order):
                    yield f"{order} has {payment}"
                elif refund.status == "succeeded" and attempt:
                    made[payment.id, attempt.rpartition("/")[0]] += refund.amount
            done = _last_refunds(events, payment.id, "PaymentRefunded")
            announced |= {(payment.id, name): n for name, n in done.items() if n and name != DASHBOARD}
            if begun := _last_refunds(events, payment.id, "RefundRequested"):
                yield f"{order} announced no end of {begun}"
        if announced != made:
            yield f"{order} announced {announced}, and the gateway made {dict(made)}"


@invariant("each attempt of a refund has its own number, and one outcome")
def _attempts(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        attempts: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for event in events.of("RefundRequested"):
            attempts[event.data.payment, event.data.refund].add(event.data.attempt)
        found = Counter((event.data.payment, event.data.refund, event.type) for event in _about_refunds(events))
        for (payment, name, kind), n in found.items():
            numbers = attempts[payment, name]
            if n > len(numbers) and name != DASHBOARD:
                yield f"{order} announced {n} {kind} of {name} of {payment}, and the attempts {sorted(numbers)}"


@invariant("each attempt of a refund is made at the gateway")
def _made(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        made = {refund.attempt for payment in evidence.payments.get(order, ()) for refund in payment.refunds}
        for name, begun, ended in _attempts_of(events):
            refused = ended.type == "RefundFailed" and ended.data.code in REFUSALS
            # Of a cancelled order that was refunded before, nothing is left.
            empty = ended.type == "PaymentRefunded" and ended.data.amount.amount == 0
            if not (refused or empty or ended.type == "RefundSettled" or f"{order}/{name}/{begun}" in made):
                yield f"{order} announced {ended.type} of {name}, attempt {begun}, and the gateway made {sorted(made)}"


def _attempts_of(events: OrderEvents) -> Iterator[tuple[str, int, Event[Any]]]:
    """Iterate over the refunds' names, the numbers of their attempts, and the events about their outcomes."""
    attempts: dict[str, int] = {}
    for event in _about_refunds(events):
        if event.type == "RefundRequested":
            attempts[event.data.refund] = event.data.attempt
        elif event.data.refund in attempts:
            yield event.data.refund, attempts[event.data.refund], event


REFUSALS = {TOO_MUCH, "charge_disputed", "not_captured"}
"""The codes of a refund of which the gateway keeps nothing."""


def _about_refunds(events: OrderEvents) -> list[Event[Any]]:
    return events.of("RefundRequested", "PaymentRefunded", "RefundFailed", "RefundSettled")


def _last_refunds(events: OrderEvents, payment: str, *kinds: str) -> dict[str, int]:
    """Return the amounts of a payment's refunds about which an event of these types was announced last, by name."""
    last = {event.data.refund: event for event in _about_refunds(events) if event.data.payment == payment}
    return {name: event.data.amount.amount for name, event in last.items() if event.type in kinds}


@invariant("a payment that the order does not account for is announced")
def _unexpected(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        known = {getattr(event.data, "payment", None) for event in events}
        for payment in evidence.payments.get(order, ()):
            if payment.captured and payment.id not in known and payment.returned < payment.amount:
                yield f"{order} has {payment}, and announced {dict(events.types)}"


@invariant("disputes are announced as the gateway has them, each once")
def _disputes(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        due = {
            (payment.id, dispute): status
            for payment in evidence.payments.get(order, ())
            for dispute, status in payment.disputes.items()
        }
        begun = [(each.data.payment, each.data.dispute) for each in events.of("PaymentDisputed")]
        ended = [each.data for each in events.of("DisputeClosed")]
        found = dict.fromkeys(begun, "open") | {(each.payment, each.dispute): each.outcome for each in ended}
        if found != due or len(begun) != len(due) or len(ended) != sum(status != "open" for status in due.values()):
            yield f"{order} has the disputes {due}, and announced {begun} and {ended}"
        shown = {dispute: status for (_, dispute), status in due.items()}
        if evidence.state("orders", order).disputes != shown:
            yield f"{order} shows {evidence.state('orders', order).disputes}, and has {shown}"


@invariant("payment's refunds and disputes are what it announced")
def _refunds_stored(evidence: Evidence) -> Violations:
    endings = {
        "RefundRequested": "pending",
        "PaymentRefunded": "succeeded",
        "RefundFailed": "failed",
        "RefundSettled": "settled",
    }
    for order, events in evidence.events.items():
        last = {event.data.refund: endings[event.type] for event in _about_refunds(events)}
        due = {name: status for name, status in last.items() if name != DASHBOARD}
        ended = {event.data.dispute: event.data.outcome for event in events.of("DisputeClosed")}
        disputes = {event.data.dispute: "open" for event in events.of("PaymentDisputed")} | ended
        payment = evidence.state("payment", order)
        found = {refund.id: refund.status for refund in payment.refunds} if payment else {}
        known = {dispute.id: dispute.status for dispute in payment.disputes} if payment else {}
        if (found, known) != (due, disputes):
            yield f"{order} has {found} and {known}, and announced {due} and {disputes}"
        # A bank may return a refund for 30 days, and decide about a dispute later.
        watched = {*found.values(), *known.values()} & {"succeeded", "open"}
        if payment and payment.due and not watched:
            yield f"{order} awaits nothing, and is to be looked at again at {payment.due}"


@invariant("no secret of the gateway is stored")
def _secrets(evidence: Evidence) -> Violations:
    return (f"{place} holds a secret" for place in evidence.exposed)


@invariant("an order at rest has no money reserved that is not captured")
def _released(evidence: Evidence) -> Violations:
    for order, status in evidence.statuses.items():
        payments = evidence.payments.get(order, ())
        if any(payment.waits for payment in payments):
            yield f"{order} is {status} and has {payments}"


@invariant("goods leave only after their total was captured")
def _captured_first(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        total, captured = evidence.placed[order].total, events.first("PaymentCaptured")
        dispatched = events.first("OrderDispatched")
        if not dispatched or total.amount == 0:
            continue
        if not captured or captured.time >= dispatched.time or captured.data.amount != total:
            yield f"{order} costs {total}, was dispatched at {dispatched.time}, and has the capture {captured}"


@invariant("an order that costs nothing is confirmed without a payment")
def _free(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        announced = {kind for kind in events.types if kind.startswith("Payment")}
        if evidence.placed[order].total.amount == 0 and (
            evidence.payments.get(order) or announced - {"PaymentNotNeeded"}
        ):
            yield f"{order} costs nothing, has {evidence.payments.get(order)}, and announced {announced}"
        elif evidence.placed[order].total.amount and "PaymentNotNeeded" in announced:
            yield f"{order} costs {evidence.placed[order].total}, and announced {announced}"


def _is_paid(events: OrderEvents) -> bool:
    """Return whether an order's payment was authorized, or was not needed."""
    return events.types["PaymentAuthorized"] + events.types["PaymentNotNeeded"] > 0


@invariant("a confirmed order holds its goods, and a cancelled one none")
def _held(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        status, holding = evidence.statuses[order], evidence.state("inventory", order)
        hold = holding.hold if holding else "none"
        if hold != {"CONFIRMED": "reserved", "DISPATCHED": "shipped", "CANCELLED": "none"}.get(status):
            yield f"{order} is {status}, and its goods are {hold}"
        if events.types["StockReserved"] - events.types["StockReleased"] != (status != "CANCELLED"):
            yield f"{order} is {status} and announced {dict(events.types)}"


@invariant("stock adds up")
def _stock(evidence: Evidence) -> Violations:
    shipped: Counter[str] = Counter()
    reserved: Counter[str] = Counter()
    for order, placed in evidence.placed.items():
        status = evidence.statuses[order]
        for line in placed.lines:
            shipped[line.sku] += line.quantity if status == "DISPATCHED" else 0
            reserved[line.sku] += line.quantity if status == "CONFIRMED" else 0
    for sku, level in evidence.levels.items():
        adjusted = sum(event.data.difference for event in _adjustments(evidence, sku))
        on_hand, kept = adjusted - shipped[sku], reserved[sku]
        if level is None or (level.on_hand, level.reserved, level.available) != (on_hand, kept, on_hand - kept):
            yield f"{sku} is {level}, and should be {on_hand} on hand with {kept} reserved"
        if level and min(level.available, level.reserved) < 0:
            yield f"{sku} is {level}"


@invariant("an adjustment adds what was missing to what an operator set")
def _adjusted(evidence: Evidence) -> Violations:
    ordered: Counter[str] = Counter()
    for placed in evidence.placed.values():
        ordered.update({line.sku: line.quantity for line in placed.lines})
    for sku in evidence.levels:
        total = 0
        for event in _adjustments(evidence, sku):
            total += event.data.difference
            # The difference was computed while these units of all that were ever ordered were shipped.
            if not 0 <= total - event.data.on_hand <= ordered[sku]:
                yield f"{event.id} set {sku} to {event.data.on_hand}, and the differences add up to {total}"


@invariant("a month of adjustments contains their sum")
def _sums(evidence: Evidence) -> Violations:
    for month, entity in evidence.months["inventory"].items():
        announced = sum(event.envelope.data["difference"] for event in entity.outbox)
        if not entity.state or entity.state.difference != announced:
            yield f"{month} contains {entity.state}, and announced {announced}"


def _adjustments(evidence: Evidence, sku: str) -> list[Event[Any]]:
    return [event for event in evidence.changes.get(sku, ()) if event.type == "StockAdjusted"]


@invariant("a product is what the latest announced changes say")
def _products(evidence: Evidence) -> Violations:
    for sku, product in evidence.products.items():
        changes = [event for event in evidence.changes.get(sku, ()) if event.type in ("ProductListed", "PriceChanged")]
        names = [event.data.name for event in changes if event.type == "ProductListed"]
        due = (names[-1], changes[-1].data.price)
        if (product.name, product.price) != due:
            yield f"{sku} is {product}, and the latest change announced {due}"


@invariant("one e-mail of each kind, and one more at most for each crash between sending and recording")
def _emails(evidence: Evidence) -> Violations:
    repeated = 0
    for order, events in evidence.events.items():
        paid = "PaymentCaptured" if evidence.placed[order].total.amount else "OrderConfirmed"
        causes = {"receipt": paid, "cancellation": "OrderCancelled", "dispatch": "OrderDispatched"}
        good = evidence.recipients[order].email not in evidence.bad_addresses
        unsent, withheld = evidence.limited(order), evidence.withheld(order)
        due = {
            kind: int(good and kind not in unsent | withheld and events.types[cause] > 0)
            for kind, cause in causes.items()
        }
        for kind, least in due.items():
            sent, crashes = evidence.emails.get((order, kind), 0), evidence.email_crashes.get((order, kind), 0)
            # An e-mail may be withheld although it was sent before, without a record. After a restore it may be
            # limited, because its count was without a record, too.
            unrecorded = withheld | (unsent if evidence.restored == "notification" else set())
            most = crashes if kind in unrecorded else least * (1 + crashes)
            if not least <= sent <= most:
                yield f"{sent} e-mails of the kind {kind} about {order}, with {crashes} crashes"
            repeated += max(0, sent - least)
        announced = Counter(event.data.kind for event in events.of("EmailSent"))
        if announced != Counter(due):
            yield f"{order} announced the e-mails {dict(announced)}, and not {due}"
    if repeated > evidence.max_repeated_emails:
        yield f"{repeated} e-mails were repeated, and {evidence.max_repeated_emails} may be"


@invariant("a receipt is sent for money that was captured, or for an order that costs nothing")
def _receipts(evidence: Evidence) -> Violations:
    for order, kind in evidence.emails:
        captured = any(payment.captured for payment in evidence.payments.get(order, ()))
        if kind == "receipt" and not captured and evidence.placed[order].total.amount:
            yield f"a receipt was sent for {order}, which has {evidence.payments.get(order, ())}"


@invariant("a customer has as many e-mails of an hour as the limit allows, and then no more")
def _limited_emails(evidence: Evidence) -> Violations:
    counted, most = evidence.counted_emails, evidence.emails_per_hour
    if counted is None:
        return
    for (customer, hour), emails in counted.items():
        if len(emails) > most:
            yield f"{customer} has {len(emails)} e-mails of {hour}"
    every = [email for emails in counted.values() for email in emails]
    for (order, kind), crashes in evidence.email_crashes.items():
        # If the table went back after an e-mail without a record, nobody knows any more that it was sent.
        unsent = evidence.limited(order) | evidence.withheld(order)
        if evidence.restored == "notification" and crashes and kind in unsent and f"{order}/{kind}" not in every:
            every.append(f"{order}/{kind}")
    for order, kind in evidence.emails:
        if every.count(f"{order}/{kind}") != 1:
            yield f"the {kind} of {order} was sent, and is counted {every.count(f'{order}/{kind}')} times"
    for order, events in evidence.events.items():
        customer, hours = evidence.placed[order].customer, {event.time[:13] for event in events}
        if evidence.limited(order) and not any(len(counted.get((customer, hour), ())) == most for hour in hours):
            yield f"the e-mails of {order} were limited, and {customer} had not {most} of an hour"


@invariant("points are what confirmed orders have earned")
def _points(evidence: Evidence) -> Violations:
    earned: Counter[str] = Counter()
    for order, events in evidence.events.items():
        placed, types = evidence.placed[order], events.types
        kept = placed.total.amount // 100 if types["OrderConfirmed"] and not types["OrderCancelled"] else 0
        earned[placed.customer] += kept
        awarded, revoked = (events.first(kind) for kind in ("PointsAwarded", "PointsRevoked"))
        points = (awarded.data.points if awarded else 0) - (revoked.data.points if revoked else 0)
        if points != kept:
            yield f"{order} earned {kept}, and loyalty announced {points}"
    for customer, balance in evidence.balances.items():
        if balance != earned[customer]:
            yield f"{customer} has {balance} points, and has earned {earned[customer]}"


@invariant("a customer has no more paid orders without a flag than the rules allow")
def _allowed(evidence: Evidence) -> Violations:
    orders, addresses = _counted(evidence)
    unchecked = Counter(_window(evidence, order) for order in evidence.unchecked)
    for (customer, window), count in (orders - unchecked).items():
        if count > evidence.rules.velocity:
            yield f"{customer} has {count} orders in the window {window}"
    for (customer, day), known in addresses.items():
        if len(known.checked) > evidence.rules.address_spread:
            yield f"{customer} has {len(known.checked)} addresses on the day {day}"


@invariant("an order is flagged by its own total or by its customer's paid orders, and by no other")
def _flags(evidence: Evidence) -> Violations:
    rules, (orders, addresses) = evidence.rules, _counted(evidence)
    for order, placed in evidence.placed.items():
        flagged, time = evidence.events[order].first("OrderFlagged"), evidence.placed_at(order)
        broken = set(flagged.data.rules) if flagged else set()
        count, known = orders[placed.customer, time // WINDOW], addresses[placed.customer, time // DAY]
        if (LARGE_TOTAL in broken) != rules.is_large(placed.total):
            yield f"{order} costs {placed.total} and is flagged by {broken}"
        if broken - {LARGE_TOTAL} and not _is_paid(evidence.events[order]):
            yield f"{order} was not paid and is flagged by {broken}"
        if VELOCITY in broken and count < rules.velocity:
            yield f"{order} is flagged by {broken}, and its customer has {count} other orders"
        if ADDRESS_SPREAD in broken:
            known_before = not evidence.is_erased(order) and _place(evidence.recipients[order]) in known.checked
            if known.most < rules.address_spread or known_before:
                yield f"{order} is flagged by {broken}, and its customer has {known.most} addresses"


@invariant("fraud counts each paid order without a flag once")
def _counted_orders(evidence: Evidence) -> Violations:
    orders, _ = _counted(evidence)
    if evidence.counted_orders is not None and evidence.counted_orders != orders:
        yield f"fraud counts {_difference(evidence.counted_orders, orders)}"


@dataclass
class _Addresses:
    """The addresses of a customer's day, as fraud compares them.

    An order that was erased before fraud knew its address counts with one address that all such orders share.

    Attributes:
        certain: Those that fraud has counted.
        checked: Those that fraud has counted with an order that it has checked.
        possible: Those of erased orders, which fraud has counted or not.
    """

    certain: set[tuple[str, ...]] = field(default_factory=set)
    checked: set[tuple[str, ...]] = field(default_factory=set)
    possible: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def most(self) -> int:
        """The largest number of addresses that fraud may have counted."""
        return len(self.certain | self.possible) + bool(self.possible)


def _place(recipient: Recipient) -> tuple[str, ...]:
    address = recipient.address
    return (*map(comparable, (address.street, address.postal_code, address.city)), address.country)


def _counted(evidence: Evidence) -> tuple[Counter[tuple[str, int]], defaultdict[tuple[str, int], _Addresses]]:
    """Return the paid orders that are not flagged: their number by customer and window, their addresses by day."""
    orders: Counter[tuple[str, int]] = Counter()
    addresses: defaultdict[tuple[str, int], _Addresses] = defaultdict(_Addresses)
    for order, placed in evidence.placed.items():
        if _is_paid(evidence.events[order]) and not evidence.announced(order, "OrderFlagged"):
            orders[_window(evidence, order)] += 1
            known, place = (
                addresses[placed.customer, evidence.placed_at(order) // DAY],
                _place(evidence.recipients[order]),
            )
            if evidence.is_erased(order):
                known.possible.add(place)
                continue
            known.certain.add(place)
            if order not in evidence.unchecked:
                known.checked.add(place)
    return orders, addresses


def _window(evidence: Evidence, order: str) -> tuple[str, int]:
    """Return an order's customer and the window that counts it."""
    return evidence.placed[order].customer, evidence.placed_at(order) // WINDOW


# Figures


@invariant("sales are counted exactly")
def _sales(evidence: Evidence) -> Violations:
    expected: Counter[tuple[str, str, str]] = Counter()
    for order, events in evidence.events.items():
        lines = evidence.placed[order].lines
        names = {"OrderPlaced": "placed", "OrderConfirmed": "confirmed", "OrderCancelled": "cancelled_"}
        days = {kind: _day(event) for kind in names if (event := events.first(kind))}
        if cancelled := events.first("OrderCancelled"):
            names["OrderCancelled"] += cancelled.data.reason
        for kind, day in days.items():
            for product in ("", *(line.sku for line in lines)):
                expected[day, product, names[kind]] += 1
        if "OrderConfirmed" in days and not cancelled:
            day = days["OrderConfirmed"]
            for line in lines:
                for product in ("", line.sku):
                    expected[day, product, "units"] += line.quantity
                    expected[day, product, f"revenue_{line.price.currency}"] += line.quantity * line.price.amount
    due = {counter: n for counter, n in expected.items() if n and counter[1] in evidence.sold}
    if evidence.sales != due:
        yield f"counted {_difference(evidence.sales, due)}"


def _day(event: Event[Any]) -> str:
    """Return the day of an event in the shop's time zone."""
    return str(datetime.fromisoformat(event.time).astimezone(ZONE).date())


@invariant("pairs are counted exactly")
def _pairs(evidence: Evidence) -> Violations:
    expected: Counter[tuple[str, str]] = Counter()
    for order, events in evidence.events.items():
        if events.types["OrderConfirmed"]:
            expected.update(permutations({line.sku for line in evidence.placed[order].lines}, 2))
    if evidence.pairs != expected:
        yield f"counted {_difference(evidence.pairs, expected)}"


# Services


@invariant("each service's state is what the order's events imply")
def _converged(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        world = World(events, evidence)
        for service, view in VIEWS.items():
            found = view(evidence.state(service, order))
            due = view(implied_state(_SERVICES[service], events, world))
            if evidence.is_erased(order):
                due = _after_erasure(service, due, evidence.withheld(order))
            if found != due:
                yield f"{order}: {service} has {found}, and the events imply {due}"


def _after_erasure(service: str, implied: Any, withheld: set[str]) -> object:
    """Return the view of a service's state after an erasure, given the one that the other events imply."""
    match service:
        case "notification":
            return implied | dict.fromkeys(withheld & implied.keys(), "withheld")
        case "privacy":
            # No further period of retention begins.
            return ""
    return implied


@invariant("services agree about an order")
def _agreement(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        for service, due in _agreed_states(events, evidence.placed[order]).items():
            state = evidence.state(service, order)
            found = {name: getattr(state, name, None) for name in due}
            if found != due:
                yield f"{order}: {service} has {found}, and the others {due}"
        types = events.types
        if types["ReturnRequested"] != (types["OrderCancelled"] > 0 and types["OrderDispatched"] > 0):
            yield f"{order} announced {dict(types)}"


def _agreed_states(events: OrderEvents, placed: OrderPlaced) -> dict[str, dict[str, object]]:
    """Return what the services' states must contain, by the events that were announced."""
    cancelled, flagged = events.first("OrderCancelled"), events.first("OrderFlagged")
    dispatched, rejected = events.types["OrderDispatched"] > 0, events.types["StockRejected"] > 0
    if cancelled:
        status, shipment = "CANCELLED", "returning" if dispatched else "cancelled"
        points = "revoked" if events.types["PointsAwarded"] else "forbidden"
    else:
        status, shipment = ("DISPATCHED", "dispatched") if dispatched else ("CONFIRMED", "to_pick")
        points = "awarded"
    hold = "none" if cancelled or rejected else "shipped" if dispatched else "reserved"
    agreed: dict[str, dict[str, object]] = {
        "orders": {"status": status, "reason": cancelled.data.reason if cancelled else None},
        "warehouse": {"status": shipment},
        "inventory": {"hold": hold, "cancelled": cancelled is not None, "rejected": rejected},
        "fraud": {
            "status": "flagged" if flagged else "counted" if _is_paid(events) else "placed",
            "rules": flagged.data.rules if flagged else (),
        },
    }
    # An order that earns no points announces none: it is not known whether its cancellation came first.
    if placed.total.amount >= 100:
        agreed["loyalty"] = {"status": points}
    return agreed


@invariant("what can never be handled is in the dead-letter queue, and nothing else is")
def _leftovers(evidence: Evidence) -> Violations:
    for queue in evidence.leftovers.keys() | evidence.poison.keys():
        left, due = set(evidence.leftovers.get(queue, ())), set(evidence.poison.get(queue, ()))
        if left != due:
            yield f"{queue} holds {sorted(left)}, and should hold {sorted(due)}"


@invariant("no in-progress record is left")
def _in_progress(evidence: Evidence) -> Violations:
    return (
        f"{service} still performs an effect for {order}: {dict(entity.in_progress)}"
        for service, entities in evidence.entities.items()
        for order, entity in entities.items()
        if entity.in_progress
    )


@invariant("an event is handled once")
def _handled_once(evidence: Evidence) -> Violations:
    for order, events in evidence.events.items():
        known = {f"{event.source}/{event.number}" for event in events}
        for service, entities in evidence.entities.items():
            inbox = entities[order].inbox if order in entities else ()
            foreign = [key for key in inbox if key not in known and not key.startswith(f"{REPORTS}/")]
            if len(set(inbox)) != len(inbox) or foreign:
                yield f"{service} has handled {inbox} of {order}"


def _difference(found: Mapping[Any, object], due: Mapping[Any, object]) -> str:
    keys = sorted(key for key in found.keys() | due.keys() if found.get(key) != due.get(key))
    return "; ".join(f"{key}: {found.get(key)} and not {due.get(key)}" for key in keys[:3])
