"""A demonstration of the shop: a small catalogue, some orders, and the outcome of each."""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

from contracts.values.money import Money, format_money
from ops.console import results, step
from ops.errors import CommandError
from ops.orders import RefusedError, ShopClient, decide_approval, order_request, timeline_table
from ops.outputs import Outputs
from ops.payments import describe_refund
from ops.stage import DeployedStage
from ops.users import CUSTOMER, OPERATOR, token_for
from tidings.recovery import wait_until

CATALOGUE = {
    "mug-blue": {"name": "Blue mug", "price": {"amount": 1299, "currency": "EUR"}},
    "tea-assam": {"name": "Assam tea, 250 g", "price": {"amount": 890, "currency": "EUR"}},
    "pot-iron": {"name": "Cast-iron teapot", "price": {"amount": 4500, "currency": "EUR"}},
    "pot-gold": {"name": "Golden teapot", "price": {"amount": 5_000_000, "currency": "EUR"}},
}
STOCK = {"mug-blue": 1000, "tea-assam": 1000, "pot-iron": 0, "pot-gold": 10}

# The first order starts every function cold.
END_SECONDS = 120

# A part of the first order's total.
DAMAGE = {"amount": 500, "currency": "EUR"}

# The events about an order that is confirmed, paid, dispatched and partly refunded, and about one that its customer
# cancels instead. The payment of the latter may be voided, or captured and refunded, and its points may be awarded and
# revoked, or never awarded. This depends on what payment and loyalty receive first.
CONFIRMED = {"OrderPlaced", "PaymentAuthorized", "StockReserved", "OrderConfirmed", "PaymentCaptured", "EmailSent"}
DISPATCHED = CONFIRMED | {"PointsAwarded", "OrderDispatched", "RefundRequested", "PaymentRefunded"}
CANCELLED = {"OrderPlaced", "OrderConfirmed", "OrderCancelled", "StockReleased", "EmailSent"}

SOLD = "sold in "
"""The beginning of the names of figures that are money; the rest is the currency."""

Place = Callable[[ShopClient], Mapping[str, Any]]


@dataclass(frozen=True)
class Example:
    """An example order: how it is placed, and how it must end."""

    title: str
    place: Place
    status: str
    reason: str | None = None
    dispute: str | None = None

    @property
    def outcome(self) -> str:
        """The status that the order must end with, and its reason or dispute in words."""
        return _outcome(self.status, self.reason, self.dispute)


def run_demo(stage: DeployedStage, outputs: Outputs) -> None:
    """Fill the catalogue, place the orders, and print their outcomes.

    Raises:
        CommandError: If an order has another outcome than it must have.
    """
    with step("Creating a customer and an operator"):
        customer = ShopClient(outputs.api, token_for(stage, outputs, CUSTOMER))
        operator = ShopClient(outputs.api, token_for(stage, outputs, OPERATOR, operator=True), operator=True)
    with step("Loading a catalogue and its stock"):
        for sku, product in CATALOGUE.items():
            operator.put_product(sku, product)
            operator.put_stock(sku, STOCK[sku])
    began = datetime.now(UTC).date()
    before = _figures(operator, began)
    with step("Placing orders"):
        placed = [(example, example.place(customer)["id"]) for example in EXAMPLES]
    with step("Waiting for their outcomes") as shown:
        ends = {}
        for example, order_id in placed:
            shown.update(example.title)
            ends[example] = _end(customer, example, order_id)
    results.print(outcomes_table(ends.items()))
    first, cancelled, unrefunded = (str(ends[example]["id"]) for example in (FIRST, CANCELLED_ORDER, UNREFUNDED))
    with step("Dispatching the first of them, and refunding a part of it because a mug is damaged"):
        _dispatch(operator, first)
        operator.refund(first, DAMAGE, "damaged", str(uuid.uuid4()))
    with step("Trying the refund that failed again"):
        refunded = _retry_refund(operator, unrefunded)
    with step("Waiting for their last events"):
        timeline = _whole_timeline(customer, first, DISPATCHED)
        _whole_timeline(customer, cancelled, CANCELLED)
    results.print(timeline_table(timeline))
    results.print(f"The second attempt of order {describe_refund(unrefunded, refunded)}", soft_wrap=True)
    with step("Waiting for analytics"):
        figures = _added_up(operator, began, before, list(ends.values()))
    counted = [f"{n} {name}" for name, n in figures.items() if not name.startswith(SOLD)]
    sold = [format_money(Money(n, name.removeprefix(SOLD))) for name, n in figures.items() if name.startswith(SOLD)]
    results.print(f"Analytics counted of these orders: {', '.join(counted)}; sold: {', '.join(sold)}", soft_wrap=True)


def _place(
    shop: ShopClient, lines: Sequence[tuple[str, int]], payment_method: str = "pm_card_visa"
) -> Mapping[str, Any]:
    placed: Mapping[str, Any] = shop.place(order_request(lines, payment_method)).json()
    return placed


def _place_twice(shop: ShopClient) -> Mapping[str, Any]:
    key = str(uuid.uuid4())
    order = order_request([("mug-blue", 1), ("tea-assam", 2)])
    first, again = (shop.place(order, key) for _ in range(2))
    if again.json() != first.json() or again.headers.get("Idempotent-Replayed") != "true":
        raise CommandError(f"the order that was sent twice with the key {key} was placed twice")
    placed: Mapping[str, Any] = again.json()
    return placed


def _place_and_cancel(shop: ShopClient) -> Mapping[str, Any]:
    placed = _place(shop, [("tea-assam", 3)])
    wait_until(lambda: shop.order(placed["id"])["status"] == "CONFIRMED", END_SECONDS, "an order's confirmation")
    shop.cancel(placed["id"])
    return placed


def _place_and_approve(shop: ShopClient) -> Mapping[str, Any]:
    placed = _place(shop, [("mug-blue", 3)], "pm_card_authentication_required")
    decide_approval(shop, placed["id"], "approve")
    return placed


def _place_and_cancel_paid(shop: ShopClient) -> Mapping[str, Any]:
    placed = _place(shop, [("tea-assam", 1)], "pm_card_refund_fails")

    def captured() -> bool:
        try:
            return bool(shop.payment(placed["id"])["status"] == "captured")
        except RefusedError as refusal:
            # Payment may not have received the order yet.
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            return False

    wait_until(captured, END_SECONDS, "the capture of an order's payment")
    shop.cancel(placed["id"])
    return placed


FIRST = Example("paid, and in stock", lambda shop: _place(shop, [("mug-blue", 2)]), "CONFIRMED")
UNREFUNDED = Example("cancelled, and its refund fails", _place_and_cancel_paid, "CANCELLED", "customer")
CANCELLED_ORDER = Example("cancelled by its customer", _place_and_cancel, "CANCELLED", "customer")

EXAMPLES = (
    FIRST,
    Example("sent twice with one key", _place_twice, "CONFIRMED"),
    Example(
        "the card is declined",
        lambda shop: _place(shop, [("mug-blue", 1)], "pm_card_declined"),
        "CANCELLED",
        "payment_failed",
    ),
    Example("suspiciously large", lambda shop: _place(shop, [("pot-gold", 3)]), "CANCELLED", "fraud"),
    Example("out of stock", lambda shop: _place(shop, [("pot-iron", 1)]), "CANCELLED", "out_of_stock"),
    Example("approved at the bank", _place_and_approve, "CONFIRMED"),
    Example(
        "disputed at the bank later",
        lambda shop: _place(shop, [("mug-blue", 1)], "pm_card_disputed"),
        "CONFIRMED",
        dispute="open",
    ),
    UNREFUNDED,
    CANCELLED_ORDER,
)


def _end(shop: ShopClient, example: Example, order_id: str) -> Mapping[str, Any]:
    def ended() -> Mapping[str, Any] | None:
        order = shop.order(order_id)
        return order if _outcome_of(order) == example.outcome else None

    try:
        return wait_until(ended, END_SECONDS, "the end of an order")
    except TimeoutError as error:
        found = _outcome_of(shop.order(order_id))
        raise CommandError(f"the order “{example.title}” ({order_id}) is {found}, not {example.outcome}") from error


def _dispatch(operator: ShopClient, order_id: str) -> None:
    def dispatched() -> bool:
        try:
            operator.dispatch(order_id)
        except RefusedError as refusal:
            # The warehouse may not have received the order yet, or not its payment.
            if refusal.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                raise
            return False
        return True

    wait_until(dispatched, END_SECONDS, "the shipment")


def _retry_refund(operator: ShopClient, order_id: str) -> Mapping[str, Any]:
    """Wait until the refund of a cancelled order has failed, try it again, and return the refund that succeeded."""

    def refund(status: str) -> Mapping[str, Any]:
        def reached() -> Mapping[str, Any] | None:
            refunds: Sequence[Mapping[str, Any]] = operator.payment(order_id)["refunds"]
            return next((refund for refund in refunds if refund["status"] == status), None)

        return wait_until(reached, END_SECONDS, f"a refund that has {status}")

    operator.retry_refund(order_id, str(refund("failed")["id"]))
    return refund("succeeded")


def _whole_timeline(shop: ShopClient, order_id: str, types: Collection[str]) -> Mapping[str, Any]:
    missing = set(types)

    def complete() -> Mapping[str, Any] | None:
        try:
            timeline = shop.timeline(order_id)
        except RefusedError as refusal:
            # History may not have recorded the order yet.
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            return None
        missing.difference_update(event["type"] for event in timeline["events"])
        return None if missing else timeline

    try:
        return wait_until(complete, END_SECONDS, "the whole timeline")
    except TimeoutError as error:
        raise CommandError(
            f"order {order_id} has no {', '.join(sorted(missing))} yet; see tidings timeline {order_id}"
        ) from error


def _figures(operator: ShopClient, began: date) -> Counter[str]:
    """Return what analytics has counted since the demonstration's first day, in whichever time zone the shop is."""
    figures: Counter[str] = Counter()
    today = datetime.now(UTC).date()
    for day in operator.sales(str(began - timedelta(days=1)), str(today + timedelta(days=1)))["days"]:
        total = day["total"]
        figures["placed"] += total["placed"]
        figures.update({f"cancelled ({reason})": n for reason, n in total["cancelled"].items()})
        figures.update({f"{SOLD}{money['currency']}": money["amount"] for money in total["revenue"]})
    return figures


def _added_up(
    operator: ShopClient, began: date, before: Counter[str], orders: Sequence[Mapping[str, Any]]
) -> Mapping[str, int]:
    """Wait until these orders have added to the figures what they must add, and return that."""
    due: Counter[str] = Counter(placed=len(orders))
    for order in orders:
        if order["status"] == "CANCELLED":
            due[f"cancelled ({order['reason']})"] += 1
        else:
            due[f"{SOLD}{order['total']['currency']}"] += order["total"]["amount"]

    def added() -> Counter[str]:
        return _figures(operator, began) - before

    try:
        wait_until(lambda: added() == due, END_SECONDS, "the figures of sales")
    except TimeoutError as error:
        raise CommandError(f"analytics counted {dict(added())} instead of {dict(due)}") from error
    return due


def outcomes_table(ends: Iterable[tuple[Example, Mapping[str, Any]]]) -> Table:
    """Return a table with a row for each example order and its outcome. It fits into eighty columns."""
    title = "The outcomes of the orders"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("order", "id and total", "outcome"):
        # An id that is cut off cannot be copied.
        table.add_column(name, no_wrap=name != "order", overflow="fold")
    for example, order in ends:
        total = format_money(msgspec.convert(order["total"], Money))
        table.add_row(example.title, f"{order['id']}\n{total}", _outcome_of(order).replace(", ", "\n"))
    return table


def _outcome_of(order: Mapping[str, Any]) -> str:
    return _outcome(order["status"], order.get("reason"), order.get("dispute"))


def _outcome(status: str, reason: str | None, dispute: str | None) -> str:
    return ", ".join(filter(None, (status, reason, dispute and f"dispute {dispute}")))
