"""The templates of the e-mails, as text and as HTML."""

from collections.abc import Iterable
from html import escape

from msgspec import Struct

from contracts.orders.order_placed import OrderPlaced
from contracts.values.email import EmailKind
from contracts.values.money import Money, format_money
from contracts.values.recipient import Recipient
from contracts.values.text import is_plain

SUBJECTS: dict[EmailKind, str] = {
    "receipt": "Your receipt for order {order}",
    "cancellation": "Your order {order} is cancelled",
    "dispatch": "Your order {order} is on its way",
}

OPENINGS: dict[EmailKind, str] = {
    "receipt": "thank you for your order. We have received your payment of {total}.",
    # The mail is sent before the outcome of a refund is known, and a refund may fail.
    "cancellation": "your order is cancelled: {detail}. We will refund any payment that we have received, and release "
    "any amount that was only reserved.",
    "dispatch": "your goods have left our warehouse.{detail}",
}

FREE_OPENINGS: dict[EmailKind, str] = {
    **OPENINGS,
    "receipt": "thank you for your order. There is nothing to pay.",
    "cancellation": "your order is cancelled: {detail}.",
}
"""The openings of the e-mails about an order that costs nothing, which name no payment."""

REASONS = {
    "payment_failed": "the payment did not go through",
    "out_of_stock": "we do not have all of it in stock",
    "fraud": "we could not accept it",
    "customer": "as you asked us to",
    "operator": "we had to cancel it",
    "timeout": "it could not be completed in time",
}


IMPERSONAL = "Customer"
"""The name in the greeting of a customer whose name is no plain text."""


class RenderedEmail(Struct, frozen=True):
    """An e-mail's subject, and its body as text and as HTML."""

    subject: str
    text: str
    html: str


def render(kind: EmailKind, order: str, placed: OrderPlaced, recipient: Recipient, detail: str) -> RenderedEmail:
    """Render an e-mail about an order. `detail` is the reason of a cancellation or the tracking of a dispatch."""
    added = REASONS.get(detail, detail) if kind == "cancellation" else f" Tracking: {detail}." if detail else ""
    openings = OPENINGS if placed.total.amount else FREE_OPENINGS
    opening = openings[kind].format(total=format_money(placed.total), detail=added)
    rows = [(f"{line.quantity} x {line.sku}", format_money(_times(line.price, line.quantity))) for line in placed.lines]
    rows.append(("Total", format_money(placed.total)))
    name = greeted(recipient.address.name)
    return RenderedEmail(
        subject=SUBJECTS[kind].format(order=order),
        text=_text(name, opening, order, rows),
        html=_html(name, opening, order, rows),
    )


def greeted(name: str) -> str:
    """Return the name for the greeting: the customer's if it is plain, and else a general word.

    So no link of a customer reaches an e-mail. The contract refuses most other names. This also covers events of a
    version that did not, and characters that no portable pattern can refuse.
    """
    return name if is_plain(name) else IMPERSONAL


def _times(price: Money, quantity: int) -> Money:
    return Money(price.amount * quantity, price.currency)


def _text(name: str, opening: str, order: str, rows: Iterable[tuple[str, str]]) -> str:
    table = "\n".join(f"{what:<40}{amount:>16}" for what, amount in rows)
    return f"Dear {name},\n\n{opening}\n\nOrder {order}\n{table}\n"


def _html(name: str, opening: str, order: str, rows: Iterable[tuple[str, str]]) -> str:
    table = "".join(
        f'<tr><td>{escape(what)}</td><td style="text-align:right">{escape(amount)}</td></tr>' for what, amount in rows
    )
    return (
        f"<!doctype html><html><body><p>Dear {escape(name)},</p><p>{escape(opening)}</p>"
        f"<h2>Order {escape(order)}</h2><table>{table}</table></body></html>"
    )
