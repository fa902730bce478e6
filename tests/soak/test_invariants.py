"""The soak's checks can fail: each finds what it is there for."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.soak.crowd import Answer
from tests.soak.evidence import Evidence, Incidents, Item, Level, Payment
from tests.soak.invariants import CHECKS, violations
from tests.soak.plan import PLENTY, Errand, Plan, Product, planned

CONFIRMED, DISPATCHED, CANCELLED = "confirmed", "dispatched", "cancelled"
ORDERS = (CONFIRMED, DISPATCHED, CANCELLED)

PLAN = Plan(
    seed=1,
    customers=1,
    products=[Product("mug", 1000, PLENTY), Product("tea", 500, PLENTY)],
    errands=[
        Errand(key="k-confirmed", client=0, lines={"mug": 2}),
        Errand(key="k-dispatched", client=1, lines={"mug": 1, "tea": 1}, dispatch=True),
        Errand(key="k-cancelled", client=0, lines={"tea": 3}, regret=1),
    ],
)
POINTS = {CONFIRMED: 20, DISPATCHED: 15, CANCELLED: 15}


def event(order: str, source: str, n: int, type_: str, **data: Any) -> dict[str, Any]:
    return {
        "id": f"{source}/{order}/{n}",
        "source": source,
        "sequence": n,
        "type": type_,
        "subject": order,
        "time": f"2026-01-31T12:00:0{n}.000Z",
        "data": data,
    }


def item(events: list[dict[str, Any]], handled: tuple[str, ...] = ("orders/1",), **state: Any) -> Item:
    return Item(state, handled, events)


def well() -> Evidence:
    """Three orders, of which nothing can be complained."""
    items: dict[str, dict[str, Item]] = {}
    for order in ORDERS:
        off, sent, points = order == CANCELLED, order == DISPATCHED, POINTS[order]
        placed, confirmed = event(order, "orders", 1, "OrderPlaced"), event(order, "orders", 2, "OrderConfirmed")
        confirmed["causationid"] = placed["id"]
        reason = {"reason": "customer"} if off else {}
        cancelled = [event(order, "orders", 3, "OrderCancelled", **reason)] if off else []
        for service, (first, then), state in (
            ("payment", ("PaymentCaptured", "PaymentRefunded"), {}),
            ("inventory", ("StockReserved", "StockReleased"), {"cancelled": True} if off else {"hold": "reserved"}),
            ("loyalty", ("PointsAwarded", "PointsRevoked"), {"status": "revoked" if off else "awarded"}),
        ):
            data = {"points": points} if service == "loyalty" else {}
            after = [event(order, service, 2, then, **data)] if off else []
            items.setdefault(service, {})[order] = item([event(order, service, 1, first, **data), *after], **state)
        items.setdefault("orders", {})[order] = item(
            [placed, confirmed, *cancelled], ("payment/1",), status=order.upper(), **reason
        )
        items.setdefault("notification", {})[order] = item([event(order, "notification", 1, "ReceiptSent")])
        left = [event(order, "warehouse", 1, "OrderDispatched")] if sent else []
        status = {CONFIRMED: "to_pick"}.get(order, order)
        items.setdefault("warehouse", {})[order] = item(left, status=status)
    items["inventory"][DISPATCHED].state["hold"] = "shipped"  # type: ignore[index]  # a dictionary of our own
    return Evidence(
        plan=PLAN,
        answers={f"k-{order}": [Answer(order, False, {"id": order})] for order in ORDERS},
        cancellations={CANCELLED: [202]},
        dispatches={DISPATCHED: [202]},
        items=items,
        history={order: [each for some in items.values() for each in some[order].events] for order in ORDERS},
        payments=[
            Payment(CONFIRMED, 2000, 1, 0),
            Payment(DISPATCHED, 1500, 1, 0),
            Payment(CANCELLED, 1500, 1, 1),
        ],
        listed=[{order: order.upper() for order in ORDERS}],
        levels={"mug": Level(PLENTY - 1, 2, PLENTY - 3), "tea": Level(PLENTY - 1, 0, PLENTY - 1)},
        mails=Counter(
            [*((order, "receipt") for order in ORDERS), (DISPATCHED, "dispatch"), (CANCELLED, "cancellation")]
        ),
        balances=[35],
        sales={
            "mug": figures(placed=2, units=3, revenue=3000),
            "tea": figures(placed=2, units=1, revenue=500, customer=1),
        },
        partners={"mug": {"tea": 1}, "tea": {"mug": 1}},
        left={},
        incidents=Incidents(0, Counter()),
    )


def figures(*, placed: int, units: int, revenue: int, **cancelled: int) -> dict[str, Any]:
    return {
        "placed": placed,
        "confirmed": placed,
        "units": units,
        "revenue": revenue,
        "cancelled": Counter(cancelled),
    }


def test_nothing_is_complained_of_where_all_is_well() -> None:
    assert violations(well()) == {}


def with_item(service: str, order: str, **changes: Any) -> Callable[[Evidence], Evidence]:
    """One item is another; history has heard of just what it announces."""

    def spoil(evidence: Evidence) -> Evidence:
        items = {name: dict(some) for name, some in evidence.items.items()}
        items[service][order] = replace(items[service][order], **changes)
        history = {each: [e for some in items.values() for e in some[each].events] for each in ORDERS}
        return replace(evidence, items=items, history=history)

    return spoil


def with_state(service: str, order: str, **state: Any) -> Callable[[Evidence], Evidence]:
    return lambda evidence: with_item(service, order, state={**evidence.items[service][order].state, **state})(evidence)


def changed(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda evidence: replace(evidence, **changes)


def mails(order: str, kind: str, sent: int, crashes: int = 0) -> Callable[[Evidence], Evidence]:
    def spoil(evidence: Evidence) -> Evidence:
        incidents = Incidents(0, Counter(notification=crashes))
        return replace(evidence, mails=evidence.mails + Counter({(order, kind): sent - 1}), incidents=incidents)

    return spoil


ANSWERS = well().answers
CAPTURED_TWICE = [event(CONFIRMED, "payment", n, "PaymentCaptured") for n in (1, 2)]

SPOILED: dict[str, tuple[str, Callable[[Evidence], Evidence]]] = {
    "a key has two orders": (
        "a_key_places_one_order",
        changed(answers={**ANSWERS, "k-confirmed": [*ANSWERS["k-confirmed"], Answer("other", True, {"id": "other"})]}),
    ),
    "a repeat was taken for new": (
        "a_key_places_one_order",
        changed(answers={**ANSWERS, "k-confirmed": [*ANSWERS["k-confirmed"]] * 2}),
    ),
    "an order is not listed": (
        "a_key_places_one_order",
        changed(listed=[{DISPATCHED: "DISPATCHED", CANCELLED: "CANCELLED"}]),
    ),
    "a stranger's order is listed": (
        "a_key_places_one_order",
        changed(listed=[{order: order.upper() for order in ORDERS} | {"stranger": "PENDING"}]),
    ),
    "an order stayed pending": ("orders_end_as_they_must", with_state("orders", CONFIRMED, status="PENDING")),
    "a cancellation came to nothing": ("answers_hold", changed(cancellations={CONFIRMED: [202]})),
    "a dispatch came to nothing": ("answers_hold", changed(dispatches={CONFIRMED: [202]})),
    "a number was left out": (
        "events_are_numbered_without_gaps",
        with_item("payment", CONFIRMED, events=[event(CONFIRMED, "payment", 2, "PaymentCaptured")]),
    ),
    "a number was given twice": (
        "events_are_numbered_without_gaps",
        with_item("payment", CONFIRMED, events=CAPTURED_TWICE[:1] * 2),
    ),
    "history lacks an event": (
        "history_has_exactly_what_was_announced",
        lambda evidence: replace(evidence, history={**evidence.history, CONFIRMED: evidence.history[CONFIRMED][1:]}),
    ),
    "history has it in other words": (
        "history_has_exactly_what_was_announced",
        lambda evidence: replace(
            evidence, history=json.loads(json.dumps(evidence.history).replace('"points": 20', '"points": 21'))
        ),
    ),
    "a cause came later": (
        "causes_come_first",
        with_item(
            "payment",
            CONFIRMED,
            events=[event(CONFIRMED, "payment", 1, "PaymentCaptured") | {"causationid": f"orders/{CONFIRMED}/2"}],
        ),
    ),
    "an event was handled twice": (
        "events_are_handled_once",
        with_item("payment", CONFIRMED, handled=("orders/1", "orders/1")),
    ),
    "what nobody announced was handled": (
        "events_are_handled_once",
        with_item("payment", CONFIRMED, handled=("orders/9",)),
    ),
    "an act was never finished": ("events_are_handled_once", with_item("payment", CONFIRMED, claimed=True)),
    "a charge was made twice": (
        "money_moved_once",
        changed(payments=[Payment(CONFIRMED, 2000, 2, 0), *well().payments[1:]]),
    ),
    "an order has two payments": (
        "money_moved_once",
        changed(payments=[*well().payments, Payment(CONFIRMED, 2000, 0, 0)]),
    ),
    "a cancelled order was not refunded": (
        "money_moved_once",
        changed(payments=[*well().payments[:2], Payment(CANCELLED, 1500, 1, 0)]),
    ),
    "the wrong amount was charged": (
        "money_moved_once",
        changed(payments=[Payment(CONFIRMED, 1999, 1, 0), *well().payments[1:]]),
    ),
    "a charge was announced twice": ("money_moved_once", with_item("payment", CONFIRMED, events=CAPTURED_TWICE)),
    "a unit is missing": (
        "stock_adds_up",
        changed(levels={**well().levels, "mug": Level(PLENTY - 2, 2, PLENTY - 4)}),
    ),
    "a unit is still reserved": (
        "stock_adds_up",
        changed(levels={**well().levels, "tea": Level(PLENTY - 1, 3, PLENTY - 4)}),
    ),
    "a mail was never sent": ("mail_was_sent_once", mails(CONFIRMED, "receipt", 0)),
    "a mail was sent twice without a crash": ("mail_was_sent_once", mails(CONFIRMED, "receipt", 2)),
    "a mail was sent thrice with one crash": ("mail_was_sent_once", mails(CONFIRMED, "receipt", 3, crashes=1)),
    "a mail was sent that was not due": ("mail_was_sent_once", mails(CONFIRMED, "dispatch", 2)),
    "points are missing": ("points_are_what_orders_earned", changed(balances=[34])),
    "points were not revoked": (
        "points_are_what_orders_earned",
        with_item("loyalty", CANCELLED, events=[event(CANCELLED, "loyalty", 1, "PointsAwarded", points=15)]),
    ),
    "the warehouse would send off what is cancelled": (
        "services_agree",
        with_state("warehouse", CANCELLED, status="to_pick"),
    ),
    "a cancelled order still holds stock": ("services_agree", with_state("inventory", CANCELLED, hold="reserved")),
    "an order was counted twice": (
        "figures_add_up",
        changed(sales={**well().sales, "mug": figures(placed=3, units=3, revenue=3000)}),
    ),
    "a pair was counted twice": (
        "what_was_bought_together_was_counted",
        changed(partners={"mug": {"tea": 2}, "tea": {"mug": 1}}),
    ),
    "a message is left over": ("nothing_is_left_over", changed(left={"tidings-local-payment-dlq.fifo": 1})),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_found(name: str) -> None:
    check, spoil = SPOILED[name]
    assert check in violations(spoil(well()))


def test_every_check_is_known_to_find_something() -> None:
    assert {check for check, _ in SPOILED.values()} == {check.__name__ for check in CHECKS}


def test_one_more_mail_is_allowed_for_a_crash() -> None:
    assert violations(mails(CONFIRMED, "receipt", 2, crashes=1)(well())) == {}


def test_a_plan_repeats_and_cancels_one_order_in_twenty_each_and_follows_from_its_seed() -> None:
    plan, again = planned(7, 500, 16), planned(7, 500, 16)
    assert sum(errand.repeat is not None for errand in plan.errands) == 25
    assert sum(errand.regret is not None or errand.race for errand in plan.errands) == 25
    assert [replace(errand, key="", lines={}) for errand in plan.errands] == [
        replace(errand, key="", lines={}) for errand in again.errands
    ]
