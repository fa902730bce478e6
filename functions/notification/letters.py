"""What the e-mails say, as text and as HTML."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from tidings.contracts import EmailKind, Money, OrderPlaced
from tidings.money import written

SUBJECTS: dict[EmailKind, str] = {
    "receipt": "Your receipt for order {order}",
    "cancellation": "Your order {order} is cancelled",
    "dispatch": "Your order {order} is on its way",
}

OPENINGS: dict[EmailKind, str] = {
    "receipt": "thank you for your order. We have received your payment of {total}.",
    "cancellation": "your order is cancelled: {detail}. What you have paid for it is refunded.",
    "dispatch": "your goods have left our warehouse.{detail}",
}

REASONS = {
    "payment_failed": "the payment did not go through",
    "out_of_stock": "we do not have all of it in stock",
    "fraud": "we could not accept it",
    "customer": "as you asked us to",
    "timeout": "it could not be completed in time",
}


@dataclass(frozen=True)
class Letter:
    """An e-mail's subject and its body in both forms."""

    subject: str
    text: str
    html: str


def letter(kind: EmailKind, order: str, placed: OrderPlaced, detail: str) -> Letter:
    """The e-mail of a kind about an order; `detail` is the reason of a cancellation, the tracking of a dispatch."""
    told = REASONS.get(detail, detail) if kind == "cancellation" else f" Tracking: {detail}." if detail else ""
    opening = OPENINGS[kind].format(total=written(placed.total), detail=told)
    rows = [(f"{line.quantity} x {line.sku}", written(_times(line.price, line.quantity))) for line in placed.lines]
    rows.append(("Total", written(placed.total)))
    return Letter(
        subject=SUBJECTS[kind].format(order=order),
        text=_text(placed.address.name, opening, order, rows),
        html=_html(placed.address.name, opening, order, rows),
    )


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
