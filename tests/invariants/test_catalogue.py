"""Each invariant can be violated: evidence without a violation is spoiled, and the right invariant finds it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from msgspec import structs

from contracts.fraud.order_flagged import OrderFlagged
from contracts.inventory.stock_adjusted import StockAdjusted
from contracts.loyalty.points_awarded import PointsAwarded
from contracts.notification.email_failed import EmailFailed
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.product_listed import ProductListed
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.payment_voided import PaymentVoided
from contracts.payment.refund_failed import RefundFailed
from contracts.payment.refund_requested import RefundRequested
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.money import Money
from functions.inventory.adjustments import Adjustments
from functions.notification.handlers import Email
from functions.orders.expiry.brake import BrakeLimit
from functions.orders.requests import AddressRequest, LineRequest, OrderRequest
from tests.invariants.catalogue import INVARIANTS, first_violation, violations
from tests.invariants.evidence import Answer, Evidence, Payment, Purchase, Refund
from tests.simulation.clock import HOUR
from tests.simulation.evidence import evidence_of
from tests.simulation.history import History
from tests.simulation.random_source import RecordedSource
from tidings.core.contract import Contract
from tidings.core.entity import Entity, InProgress, OutboxEvent
from tidings.testing import make_event

Spoil = Callable[[Evidence], Evidence]

ALLOWED = "a customer has no more paid orders without a flag than the rules allow"
LIMITED = "a customer has as many e-mails of an hour as the limit allows, and then no more"
ERASURES = "an erasure that was accepted reaches every service that keeps personal data, and no other order"
FLAGS = "an order is flagged by its own total or by its customer's paid orders, and by no other"

ONCE = "a payment is captured once at most, and never refunded beyond that"
PAID = "a confirmed order is paid once, and a cancelled one not at all"
MADE = "refunds are announced as the gateway made them"
DISPUTES = "disputes are announced as the gateway has them, each once"
STORED = "payment's refunds and disputes are what it announced"

EXPIRED = OrderCancelled(reason="timeout")

CONFIRMED, DISPATCHED, CANCELLED = range(3)
"""The orders of the evidence, by position. Ann placed the first and the last one, Bob the second."""


@cache
def good() -> Evidence:
    """Return the evidence of three orders, without a violation."""
    history = History(RecordedSource(()), orders=0)
    people = history.people

    def place(customer: str, **lines: int) -> str:
        address = AddressRequest("A. Customer", "1 Mill Lane", "Ghent", "9000", "BE")
        wanted = tuple(LineRequest(sku, quantity) for sku, quantity in lines.items())
        return people.order(customer, OrderRequest(wanted, "pm_card_visa", address)).order

    orders = [place("ann", mug=2), place("bob", mug=1, tea=1), place("ann", tea=3)]
    history.run()
    people.dispatch(orders[DISPATCHED])
    people.cancel(people.records.purchases[CANCELLED])
    history.run()
    return replace(evidence_of(history), one_payment=True)


def order(evidence: Evidence, position: int) -> str:
    return evidence.purchases[position].order


def changed(**changes: Any) -> Spoil:
    return lambda evidence: replace(evidence, **changes)


def with_purchase(position: int, **changes: Any) -> Spoil:
    """Return a spoiler that changes a purchase."""

    def spoil(evidence: Evidence) -> Evidence:
        purchases = list(evidence.purchases)
        own = purchases[position]
        purchases[position] = Purchase(
            **{"customer": own.customer, "key": own.key, "lines": own.lines, "answers": own.answers} | changes
        )
        return replace(evidence, purchases=purchases)

    return spoil


def with_entity(service: str, position: int, **changes: Any) -> Spoil:
    """Return a spoiler that changes an entity. History records exactly what its outbox then contains."""

    def spoil(evidence: Evidence) -> Evidence:
        key = order(evidence, position)
        entities = {name: dict(some) for name, some in evidence.entities.items()}
        entities[service][key] = replace(entities[service].get(key) or Entity(key), **changes)
        return recorded_as_announced(replace(evidence, entities=entities))

    return spoil


def recorded_as_announced(evidence: Evidence) -> Evidence:
    """Return evidence of which history has recorded exactly what the outboxes contain."""
    recorded = {event.envelope.id: event.body for _, _, outbox in evidence.outboxes() for event in outbox}
    return replace(evidence, recorded=recorded, published=recorded.keys())


def with_month(service: str, sku: str, *data: Contract) -> Spoil:
    """Return a spoiler that replaces what a service announced about a product in January."""

    def spoil(evidence: Evidence) -> Evidence:
        key = f"{sku}:2026-01"
        events = [
            make_event(each, source=service, subject=key, number=n, time=f"2026-01-31T13:00:0{n}.000Z")
            for n, each in enumerate(data, 1)
        ]
        outbox = tuple(OutboxEvent.of(event) for event in events)
        months = {name: dict(some) for name, some in evidence.months.items()}
        months[service][key] = replace(months[service][key], outbox=outbox)
        return recorded_as_announced(replace(evidence, months=months))

    return spoil


def with_sum(sku: str, difference: int) -> Spoil:
    """Return a spoiler that changes the sum of a product's adjustments in January."""

    def spoil(evidence: Evidence) -> Evidence:
        months = dict(evidence.months["inventory"])
        months[f"{sku}:2026-01"] = replace(months[f"{sku}:2026-01"], state=Adjustments(difference))
        return replace(evidence, months={**evidence.months, "inventory": months})

    return spoil


def adjusted(difference: int, on_hand: int) -> StockAdjusted:
    return StockAdjusted(difference=difference, on_hand=on_hand)


def with_state(service: str, position: int, **changes: Any) -> Spoil:
    """Return a spoiler that changes an entity's state."""

    def spoil(evidence: Evidence) -> Evidence:
        state = evidence.state(service, order(evidence, position))
        return with_entity(service, position, state=structs.replace(state, **changes))(evidence)

    return spoil


def with_events(service: str, position: int, *data: Contract, first: int = 1) -> Spoil:
    """Return a spoiler that replaces a service's events of an order."""

    def spoil(evidence: Evidence) -> Evidence:
        key = order(evidence, position)
        events = [
            make_event(each, source=service, subject=key, number=first + n, time=f"2026-01-31T13:00:0{n}.000Z")
            for n, each in enumerate(data)
        ]
        return with_entity(service, position, outbox=tuple(OutboxEvent.of(event) for event in events))(evidence)

    return spoil


def with_cause(position: int, *, time: str = "2026-01-31T13:00:00.000Z") -> Spoil:
    """Return a spoiler with which a payment event of this time was caused by the first event of an order."""

    def spoil(evidence: Evidence) -> Evidence:
        cause, subject = f"orders/{order(evidence, position)}/1", order(evidence, CONFIRMED)
        event = make_event(CAPTURED, source="payment", subject=subject, time=time, cause=cause)
        return with_entity("payment", CONFIRMED, outbox=(OutboxEvent.of(event),))(evidence)

    return spoil


def with_more_events(service: str, position: int, *data: Contract) -> Spoil:
    """Return a spoiler that adds events of an order."""

    def spoil(evidence: Evidence) -> Evidence:
        before = evidence.entities[service][order(evidence, position)].outbox
        added = with_events(service, position, *data, first=len(before) + 1)(evidence)
        outbox = before + added.entities[service][order(evidence, position)].outbox
        return with_entity(service, position, outbox=outbox)(evidence)

    return spoil


def with_payments(position: int, *payments: Payment) -> Spoil:
    """Return a spoiler that replaces an order's payments at the gateway."""
    return lambda evidence: replace(
        evidence,
        payments={**evidence.payments, order(evidence, position): payments},
    )


def with_payment(position: int, **changes: Any) -> Spoil:
    """Return a spoiler that changes an order's payment at the gateway."""

    def spoil(evidence: Evidence) -> Evidence:
        (payment,) = evidence.payments[order(evidence, position)]
        return with_payments(position, replace(payment, **changes))(evidence)

    return spoil


def with_refund(position: int, name: str, amount: int, **changes: Any) -> Spoil:
    """Return a spoiler that replaces the refunds of an order's payment at the gateway by one."""

    def spoil(evidence: Evidence) -> Evidence:
        attempt = f"{order(evidence, position)}/{name}/1"
        return with_payment(position, refunds=(Refund(attempt, amount, **changes),))(evidence)

    return spoil


def both(*spoilers: Spoil) -> Spoil:
    """Return a spoiler that applies several."""

    def spoil(evidence: Evidence) -> Evidence:
        for each in spoilers:
            evidence = each(evidence)
        return evidence

    return spoil


def with_rules(**changes: Any) -> Spoil:
    return lambda evidence: replace(evidence, rules=structs.replace(evidence.rules, **changes))


def with_emails(position: int, kind: str, sent: int, crashes: int = 0) -> Spoil:
    def spoil(evidence: Evidence) -> Evidence:
        key = (order(evidence, position), kind)
        return replace(
            evidence,
            emails={**evidence.emails, key: sent},
            email_crashes={key: crashes},
            max_repeated_emails=crashes,
        )

    return spoil


def with_level(sku: str, **changes: int) -> Spoil:
    def spoil(evidence: Evidence) -> Evidence:
        level = evidence.levels[sku]
        assert level is not None
        return replace(evidence, levels={**evidence.levels, sku: replace(level, **changes)})

    return spoil


def with_answers(position: int, answers: Callable[[Answer], Sequence[Answer]]) -> Spoil:
    return lambda evidence: with_purchase(position, answers=answers(evidence.purchases[position].answers[0]))(evidence)


def another_view(answer: Answer, **changes: Any) -> Answer:
    return replace(answer, view=structs.replace(answer.view, **changes))


def statuses(name: str, position: int, *codes: int) -> Spoil:
    return lambda evidence: replace(evidence, **{name: {order(evidence, position): codes}})  # type: ignore[arg-type]  # any field


def recorded_differently(evidence: Evidence) -> Evidence:
    event = f"loyalty/{order(evidence, CONFIRMED)}/1"
    body = evidence.recorded[event]
    return replace(evidence, recorded={**evidence.recorded, event: body.replace('"points":25', '"points":26')})


def without_record(evidence: Evidence) -> Evidence:
    return replace(evidence, recorded=dict(list(evidence.recorded.items())[1:]))


def listed(customer: str, change: Callable[[dict[str, str]], dict[str, str]]) -> Spoil:
    return lambda evidence: replace(
        evidence, listed={**evidence.listed, customer: change(dict(evidence.listed[customer]))}
    )


def counted_twice(evidence: Evidence) -> Evidence:
    return replace(evidence, sales={counter: 2 * n for counter, n in evidence.sales.items()})


def entity_of(service: str, position: int) -> Callable[[Evidence], Entity[Any]]:
    return lambda evidence: evidence.entities[service][order(evidence, position)]


CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2500, "EUR"))
DISPUTED = PaymentDisputed(payment="pay_1", dispute="dp_1", amount=Money(2500, "EUR"), reason="fraudulent")
CLOSED = DisputeClosed(payment="pay_1", dispute="dp_1", amount=Money(2500, "EUR"), outcome="won")

SPOILED: dict[str, tuple[str, Spoil]] = {
    "a key has two orders": (
        "a repeated request gets the first answer",
        with_answers(CONFIRMED, lambda first: [first, replace(another_view(first, id="other"), replayed=True)]),
    ),
    "a repeat was taken for new": (
        "a repeated request gets the first answer",
        with_answers(CONFIRMED, lambda first: [first, first]),
    ),
    "a repeat got the present status": (
        "a repeated request gets the first answer",
        with_answers(CONFIRMED, lambda first: [first, replace(another_view(first, status="CONFIRMED"), replayed=True)]),
    ),
    "a request was never answered": ("a repeated request gets the first answer", with_purchase(CONFIRMED, answers=[])),
    "personal data of an erased order is left": (
        "nothing personal of an erased order is stored",
        lambda evidence: replace(evidence, remains=[(order(evidence, CONFIRMED), "orders's outboxes")]),
    ),
    "an accepted erasure was not announced": (
        ERASURES,
        lambda evidence: replace(evidence, erasures={order(evidence, CONFIRMED)}),
    ),
    "a service did not handle an erasure": (
        ERASURES,
        with_events("privacy", CONFIRMED, PersonalDataErased(reason="customer")),
    ),
    "a service erased an order whose data was to be kept": (ERASURES, with_entity("orders", CONFIRMED, erased=True)),
    "the address of a shipment got lost": (
        "personal data is kept as the customer gave it until it is erased",
        with_state("warehouse", CONFIRMED, personal=None),
    ),
    "an e-mail was withheld without an erasure": (
        "each service's state is what the order's events imply",
        with_state("notification", CONFIRMED, emails={"receipt": Email(status="withheld")}),
    ),
    "a number was left out": (
        "event ids are unique, and sequences have no gap",
        with_events("payment", CONFIRMED, CAPTURED, first=2),
    ),
    "a number was given twice": (
        "event ids are unique, and sequences have no gap",
        lambda evidence: with_entity("payment", CONFIRMED, outbox=entity_of("payment", CONFIRMED)(evidence).outbox * 2)(
            evidence
        ),
    ),
    "a cause came later": (
        "effects are later than their causes",
        with_cause(CONFIRMED, time="2026-01-31T11:00:00.000Z"),
    ),
    "a cause is of another order": ("effects are later than their causes", with_cause(CANCELLED)),
    "history lacks an event": (
        "every event is published, and history has recorded exactly these",
        without_record,
    ),
    "history has an event in other words": (
        "every event is published, and history has recorded exactly these",
        recorded_differently,
    ),
    "an event was not published": (
        "every event is published, and history has recorded exactly these",
        lambda evidence: replace(evidence, published=list(evidence.recorded)[1:]),
    ),
    "an order stayed pending": (
        "no order is lost, and none is pending at rest",
        with_state("orders", CONFIRMED, status="PENDING"),
    ),
    "an order ended otherwise": (
        "an order ends as its request allows",
        with_purchase(CONFIRMED, endings={("CANCELLED", "payment_failed")}),
    ),
    "a confirmed order expired": (
        "an expired order was never confirmed",
        with_more_events("orders", CONFIRMED, EXPIRED),
    ),
    "more orders expired than the brake allows": (
        "no more orders expire than the brake allows, and none while the job is stopped",
        both(changed(brake=BrakeLimit(0, HOUR)), with_more_events("orders", CONFIRMED, EXPIRED)),
    ),
    "an order expired while the job was stopped": (
        "no more orders expire than the brake allows, and none while the job is stopped",
        both(changed(stops=[0]), with_more_events("orders", CONFIRMED, EXPIRED)),
    ),
    "a payment was announced twice": (
        "what happens to an order once is announced once",
        with_events("payment", CONFIRMED, CAPTURED, CAPTURED),
    ),
    "a cancellation had no effect": ("answers stay true", statuses("cancellations", CONFIRMED, 202)),
    "a cancellation was refused without reason": ("answers stay true", statuses("cancellations", CONFIRMED, 409)),
    "a dispatch had no effect": ("answers stay true", statuses("dispatches", CONFIRMED, 202)),
    "a dispatch was refused without reason": ("answers stay true", statuses("dispatches", DISPATCHED, 409)),
    "the wrong total was charged": ("answers stay true", with_purchase(CONFIRMED, total=2400)),
    "an order is another customer's": ("answers stay true", with_purchase(CONFIRMED, customer="bob")),
    "an order is not listed": (
        "a customer's list shows exactly the customer's orders",
        listed("bob", lambda _: {}),
    ),
    "an order has no owner": ("live knows the customer of every order", changed(owners={})),
    "an order has another's owner": (
        "live knows the customer of every order",
        lambda evidence: replace(evidence, owners=dict.fromkeys(evidence.owners, "bob")),
    ),
    "a customer is notified of another's order": (
        "a customer is notified of the events of own orders only",
        lambda evidence: replace(evidence, told={"ann": {order(evidence, DISPATCHED)}}),
    ),
    "a stranger's order is listed": (
        "a customer's list shows exactly the customer's orders",
        listed("ann", lambda orders: orders | {"stranger": "PENDING"}),
    ),
    "a capture was made twice": (ONCE, with_payment(CONFIRMED, captured=2)),
    "an order has two payments": (ONCE, with_payments(CONFIRMED, Payment("pay_1", 2500, 1), Payment("pay_9", 2500, 0))),
    "more was refunded than captured": (ONCE, with_refund(CONFIRMED, "part", 2501)),
    "more is being refunded than was captured": (ONCE, with_refund(CONFIRMED, "part", 2501, status="pending")),
    "a payment was refunded that was not captured": (ONCE, with_payment(CANCELLED, captured=0)),
    "a cancelled order was not refunded": (PAID, with_payment(CANCELLED, refunds=())),
    "a part of a cancelled order was not refunded": (PAID, with_refund(CANCELLED, "cancellation", 2999)),
    "a confirmed order has no capture": (PAID, with_payments(CONFIRMED)),
    "a second payment was kept": (
        PAID,
        lambda evidence: with_payments(
            CONFIRMED, *evidence.payments[order(evidence, CONFIRMED)], Payment("pay_9", 2500, 1)
        )(evidence),
    ),
    "the wrong amount was captured": (PAID, with_payment(CONFIRMED, amount=2499)),
    "a payment was not announced": (PAID, with_events("payment", CONFIRMED)),
    "the payment of a confirmed order failed": (
        PAID,
        with_more_events("payment", CONFIRMED, PaymentFailed(amount=Money(2500, "EUR"), code="voided")),
    ),
    "a payment moved money and was announced as voided": (
        "a payment that was announced as voided has moved no money",
        with_more_events("payment", CANCELLED, PaymentVoided(payment="pay_3", amount=Money(3000, "EUR"))),
    ),
    "a refund that failed was announced as done": (
        MADE,
        with_refund(CANCELLED, "cancellation", 3000, status="failed"),
    ),
    "a refund that was made was announced as failed": (
        MADE,
        with_more_events(
            "payment",
            CANCELLED,
            RefundFailed(payment="pay_3", refund="cancellation", amount=Money(3000, "EUR"), code="declined"),
        ),
    ),
    "a refund was not announced": (MADE, with_refund(CONFIRMED, "part", 100)),
    "another amount went back than was announced": (MADE, with_refund(CANCELLED, "cancellation", 3001)),
    "a refund is pending at rest": (MADE, with_refund(CONFIRMED, "part", 100, status="pending")),
    "no end of a refund was announced": (
        MADE,
        with_more_events(
            "payment",
            CONFIRMED,
            RefundRequested(payment="pay_1", refund="part", amount=Money(100, "EUR"), reason="goodwill"),
        ),
    ),
    "a refund was announced twice": (
        "each attempt of a refund has its own number, and one outcome",
        with_more_events(
            "payment",
            CANCELLED,
            PaymentRefunded(payment="pay_3", refund="cancellation", amount=Money(3000, "EUR")),
        ),
    ),
    "a refund was tried again as the same attempt": (
        "each attempt of a refund has its own number, and one outcome",
        with_more_events(
            "payment",
            CANCELLED,
            RefundRequested(payment="pay_3", refund="cancellation", amount=Money(3000, "EUR"), reason="cancelled"),
        ),
    ),
    "a refund was made under another attempt": (
        "each attempt of a refund is made at the gateway",
        lambda evidence: with_payment(
            CANCELLED, refunds=(Refund(f"{order(evidence, CANCELLED)}/cancellation/2", 3000),)
        )(evidence),
    ),
    "money was taken of which nothing was announced": (
        "a payment that the order does not account for is announced",
        lambda evidence: with_payments(
            CONFIRMED, *evidence.payments[order(evidence, CONFIRMED)], Payment("pay_9", 2500, 1)
        )(evidence),
    ),
    "a dispute was not announced": (DISPUTES, with_payment(CONFIRMED, disputes={"dp_1": "open"})),
    "the end of a dispute was not announced": (
        DISPUTES,
        both(with_payment(CONFIRMED, disputes={"dp_1": "lost"}), with_more_events("payment", CONFIRMED, DISPUTED)),
    ),
    "a dispute was announced twice": (
        DISPUTES,
        both(
            with_payment(CONFIRMED, disputes={"dp_1": "won"}),
            with_more_events("payment", CONFIRMED, DISPUTED, DISPUTED, CLOSED),
            with_state("orders", CONFIRMED, disputes={"dp_1": "won"}),
        ),
    ),
    "an order does not show its dispute": (
        DISPUTES,
        both(
            with_payment(CONFIRMED, disputes={"dp_1": "won"}),
            with_more_events("payment", CONFIRMED, DISPUTED, CLOSED),
        ),
    ),
    "payment forgot a refund": (STORED, with_state("payment", CANCELLED, refunds=())),
    "payment forgot a dispute": (STORED, with_more_events("payment", CONFIRMED, DISPUTED)),
    "a payment is to be looked at again at rest": (
        STORED,
        with_state("payment", CONFIRMED, due="2026-01-31T13:00:00.000Z"),
    ),
    "a secret is stored": ("no secret of the gateway is stored", changed(exposed=["payment/1"])),
    "the amount of a cancelled order is still reserved": (
        "an order at rest has no money reserved that is not captured",
        with_payment(CANCELLED, waits=True),
    ),
    "goods left whose payment was not captured": (
        "goods leave only after their total was captured",
        with_events("payment", DISPATCHED),
    ),
    "goods left before their payment was captured": (
        "goods leave only after their total was captured",
        with_events("payment", DISPATCHED, PaymentCaptured(payment="pay_2", amount=Money(2250, "EUR"))),
    ),
    "an order that costs something needed no payment": (
        "an order that costs nothing is confirmed without a payment",
        with_more_events("payment", CONFIRMED, PaymentNotNeeded(amount=Money(2500, "EUR"))),
    ),
    "a cancelled order still holds its goods": (
        "a confirmed order holds its goods, and a cancelled one none",
        with_state("inventory", CANCELLED, hold="reserved"),
    ),
    "a unit is missing": ("stock adds up", with_level("mug", on_hand=998, available=996)),
    "an adjustment was announced and not made": ("stock adds up", with_month("inventory", "mug", adjusted(1, 1))),
    "an adjustment was made twice": (
        "an adjustment adds what was missing to what an operator set",
        with_month("inventory", "mug", adjusted(500, 500), adjusted(500, 500)),
    ),
    "a month has another sum than its adjustments": (
        "a month of adjustments contains their sum",
        with_sum("mug", 7),
    ),
    "a price was announced and not set": (
        "a product is what the latest announced changes say",
        with_month("orders", "tea", ProductListed(name="tea", price=Money(7, "EUR"))),
    ),
    "a name was announced and not set": (
        "a product is what the latest announced changes say",
        with_month("orders", "tea", ProductListed(name="Tea", price=Money(1000, "EUR"))),
    ),
    "a change of a product is not recorded": (
        "every event is published, and history has recorded exactly these",
        lambda evidence: replace(
            evidence, recorded={name: body for name, body in evidence.recorded.items() if ":2026-01" not in name}
        ),
    ),
    "a unit is still reserved": ("stock adds up", with_level("tea", reserved=3, available=996)),
    "an e-mail was never sent": (
        "one e-mail of each kind, and one more at most for each crash between sending and recording",
        with_emails(CONFIRMED, "receipt", 0),
    ),
    "an e-mail was sent twice without a crash": (
        "one e-mail of each kind, and one more at most for each crash between sending and recording",
        with_emails(CONFIRMED, "receipt", 2),
    ),
    "an e-mail was sent thrice with one crash": (
        "one e-mail of each kind, and one more at most for each crash between sending and recording",
        with_emails(CONFIRMED, "receipt", 3, crashes=1),
    ),
    "an e-mail was sent that was not due": (
        "one e-mail of each kind, and one more at most for each crash between sending and recording",
        with_emails(CONFIRMED, "dispatch", 1, crashes=1),
    ),
    "a receipt was sent without a capture": (
        "a receipt is sent for money that was captured, or for an order that costs nothing",
        with_payment(CONFIRMED, captured=0),
    ),
    "more e-mails were repeated than crashes allow": (
        "one e-mail of each kind, and one more at most for each crash between sending and recording",
        lambda evidence: replace(with_emails(CONFIRMED, "receipt", 2, crashes=1)(evidence), max_repeated_emails=0),
    ),
    "a receipt was not announced": (
        "one e-mail of each kind, and one more at most for each crash between sending and recording",
        with_events("notification", CONFIRMED),
    ),
    "a customer had too many e-mails": (LIMITED, changed(emails_per_hour=1)),
    "an e-mail was not counted": (LIMITED, changed(counted_emails={})),
    "an e-mail was counted in two hours": (
        LIMITED,
        lambda evidence: replace(
            evidence,
            counted_emails={
                **(evidence.counted_emails or {}),
                ("ann", "later"): [f"{order(evidence, CONFIRMED)}/receipt"],
            },
        ),
    ),
    "an e-mail was limited too early": (
        LIMITED,
        with_more_events("notification", CONFIRMED, EmailFailed(kind="dispatch", code="limited", address_bad=False)),
    ),
    "points are missing": (
        "points are what confirmed orders have earned",
        changed(balances={"ann": 24, "bob": 22}),
    ),
    "points were not revoked": (
        "points are what confirmed orders have earned",
        with_events("loyalty", CANCELLED, PointsAwarded(customer="ann", points=30)),
    ),
    "a large order was not flagged": (FLAGS, with_rules(large_total={"EUR": 100})),
    "a customer had too many orders": (ALLOWED, with_rules(velocity=1)),
    "a customer had too many addresses": (ALLOWED, with_rules(address_spread=0)),
    "fraud counted an order twice": (
        "fraud counts each paid order without a flag once",
        lambda evidence: replace(
            evidence, counted_orders={window: 2 * n for window, n in (evidence.counted_orders or {}).items()}
        ),
    ),
    "a small order was flagged": (FLAGS, with_events("fraud", CONFIRMED, OrderFlagged(rules=("large-total",)))),
    "an order was flagged that was not one too many": (
        FLAGS,
        with_events("fraud", CONFIRMED, OrderFlagged(rules=("velocity",))),
    ),
    "an order to a known address was flagged": (
        FLAGS,
        with_events("fraud", CONFIRMED, OrderFlagged(rules=("address-spread",))),
    ),
    "an order was flagged that was not paid": (
        FLAGS,
        lambda evidence: with_events("payment", DISPATCHED)(
            with_events("fraud", DISPATCHED, OrderFlagged(rules=("velocity",)))(with_rules(velocity=0)(evidence))
        ),
    ),
    "an order was counted twice": ("sales are counted exactly", counted_twice),
    "a pair was counted twice": ("pairs are counted exactly", changed(pairs={("mug", "tea"): 2, ("tea", "mug"): 1})),
    "the warehouse would dispatch a cancelled order": (
        "each service's state is what the order's events imply",
        with_state("warehouse", CANCELLED, status="to_pick"),
    ),
    "the warehouse and orders disagree": (
        "services agree about an order",
        with_state("warehouse", CANCELLED, status="to_pick"),
    ),
    "a cancellation has another reason": (
        "services agree about an order",
        with_state("orders", CANCELLED, reason="fraud"),
    ),
    "a message is left over": (
        "what can never be handled is in the dead-letter queue, and nothing else is",
        changed(leftovers={"tidings-local-payment-dlq.fifo": ["1 messages"]}),
    ),
    "poison disappeared": (
        "what can never be handled is in the dead-letter queue, and nothing else is",
        changed(poison={"payment": ["not JSON"]}),
    ),
    "an effect was never recorded": (
        "no in-progress record is left",
        with_entity("notification", CONFIRMED, in_progress={"payment/1": InProgress("token", 0)}),
    ),
    "an event was handled twice": (
        "an event is handled once",
        with_entity("payment", CONFIRMED, inbox=("orders/1", "orders/1")),
    ),
    "an event was handled that nobody announced": (
        "an event is handled once",
        with_entity("payment", CONFIRMED, inbox=("orders/9",)),
    ),
}


def test_evidence_without_a_fault_violates_no_invariant() -> None:
    assert violations(good()) == {}
    assert first_violation(good()) is None
    assert len(good().recorded) > 20


@pytest.mark.parametrize("name", SPOILED)
def test_a_violation_is_found_by_its_invariant(name: str) -> None:
    invariant, spoil = SPOILED[name]
    assert invariant in violations(spoil(good()))


def test_every_invariant_is_known_to_find_something() -> None:
    assert {invariant for invariant, _ in SPOILED.values()} == INVARIANTS.keys()


def test_a_second_payment_that_went_back_is_allowed() -> None:
    refunds = (Refund("", 2500),)

    def spoil(evidence: Evidence) -> Evidence:
        own = evidence.payments[order(evidence, CONFIRMED)]
        return with_payments(CONFIRMED, *own, Payment("pay_9", 2500, 1, refunds=refunds))(evidence)

    assert violations(replace(spoil(good()), one_payment=False)) == {}


def test_one_more_email_is_allowed_for_a_crash() -> None:
    assert violations(with_emails(CONFIRMED, "receipt", 2, crashes=1)(good())) == {}


def test_orders_may_expire_again_once_an_operator_has_resumed_the_stopped_job() -> None:
    expired = with_more_events("orders", CONFIRMED, EXPIRED)(good())
    (event,) = expired.events[order(expired, CONFIRMED)].of("OrderCancelled")
    stopped = changed(brake=BrakeLimit(1, HOUR), stops=[event.millis - HOUR])(expired)
    invariant = "no more orders expire than the brake allows, and none while the job is stopped"
    assert invariant in violations(stopped)
    assert invariant not in violations(changed(resumes=[event.millis - 1])(stopped))


def test_the_brake_of_a_restored_table_of_orders_is_as_it_was_at_the_snapshot() -> None:
    expired = with_more_events("orders", CONFIRMED, EXPIRED)(good())
    (event,) = expired.events[order(expired, CONFIRMED)].of("OrderCancelled")
    stopped = changed(brake=BrakeLimit(1, HOUR), stops=[event.millis - HOUR])
    invariant = "no more orders expire than the brake allows, and none while the job is stopped"
    assert invariant in violations(stopped(expired))
    assert invariant not in violations(changed(restored="orders")(stopped(expired)))
