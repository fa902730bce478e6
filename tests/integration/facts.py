"""Events as their services announce them, to deliver to one service alone."""

import json
import uuid
from collections.abc import Sequence

import msgspec

from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from contracts.values.goods import OrderLine
from contracts.values.money import Money
from functions.payment.reports import About, Report
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.contract import Contract
from tidings.core.event import encode
from tidings.testing import TRACEPARENT, make_event

ADDRESS = Address("A. Customer", "1 Mill Lane", "Ghent", "9000", "BE")
EPOCH = 1_750_000_000_000
"""The time shortly before all events, in milliseconds since 1970. It is in the past."""


def new_order() -> str:
    """Return a new order id."""
    return str(uuid.uuid4())


def fact(order: str, data: Contract, number: int = 1) -> str:
    """Return the JSON of the n-th event of an order that the contract's producer announces."""
    return encode(make_event(data, subject=order, number=number, time=EPOCH + number, correlation_id="test"))


def placed(order: str, *lines: tuple[str, int], method: str = "pm_card_visa", price: int = 1000) -> str:
    """Return OrderPlaced, as orders announces it."""
    data = OrderPlaced(
        customer="customer-1",
        lines=_lines(lines, price),
        total=_total(lines, price),
        email="customer@example.com",
        address=ADDRESS,
        payment_method=method,
    )
    return fact(order, data)


def confirmed(order: str, *lines: tuple[str, int], price: int = 1000) -> str:
    """Return OrderConfirmed, as orders announces it."""
    data = OrderConfirmed(
        customer="customer-1",
        lines=_lines(lines, price),
        total=_total(lines, price),
        email="customer@example.com",
        address=ADDRESS,
    )
    return fact(order, data, 2)


def _lines(lines: Sequence[tuple[str, int]], price: int) -> tuple[OrderLine, ...]:
    return tuple(OrderLine(sku, quantity, Money(price, "EUR")) for sku, quantity in lines)


def _total(lines: Sequence[tuple[str, int]], price: int) -> Money:
    return Money(sum(quantity for _, quantity in lines) * price, "EUR")


def report(order: str | None, about: About = "refund", payment: str = "pay_1") -> str:
    """Return the message of the gateway's report of an order's payment, or of one that names no order."""
    message = Report(
        id="evt_1",
        payment=payment,
        about=about,
        time=to_rfc3339(EPOCH + 1_000),
        order=order,
        correlationid="test",
        traceparent=TRACEPARENT,
    )
    return msgspec.json.encode(message).decode()


def later(body: str, milliseconds: int) -> str:
    """Return the same event with a later time."""
    event = json.loads(body)
    return json.dumps(event | {"time": to_rfc3339(from_rfc3339(event["time"]) + milliseconds)})


def bounce(order: str, kind: str, message: str = "m-1") -> str:
    """Return SES's report of a bounce, as EventBridge delivers it (Amazon SES Developer Guide, "Bounce record")."""
    tags = {
        "order": [order],
        "kind": [kind],
        "correlation": [b"test".hex()],
        "trace": [TRACEPARENT],
        "ses:configuration-set": ["tidings"],
    }
    report = {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": "customer@example.com", "diagnosticCode": "550 5.1.1 no such user"}],
            "timestamp": to_rfc3339(EPOCH + 1_000),
        },
        "mail": {"timestamp": to_rfc3339(EPOCH), "messageId": message, "tags": tags},
    }
    return json.dumps({"source": "aws.ses", "detail-type": "Email Bounced", "detail": report})
