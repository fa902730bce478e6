"""Events as other services would announce them, for handing to one service alone."""

import json
import uuid

from tidings.clock import millis, rfc3339
from tidings.contracts import Address, Money, OrderLine, OrderPlaced
from tidings.events import Contract, Event, encode, event_id

ADDRESS = Address("A. Customer", "1 Mill Lane", "Ghent", "9000", "BE")
EPOCH = 1_750_000_000_000


def new_order() -> str:
    return str(uuid.uuid4())


def fact(order: str, source: str, data: Contract, sequence: int = 1) -> str:
    """An event's JSON."""
    return encode(
        Event(
            id=event_id(source, order, sequence),
            source=source,
            type=type(data).__name__,
            dataschema=data.schema(),
            subject=order,
            time=rfc3339(EPOCH + sequence),
            sequence=sequence,
            correlationid="test",
            traceparent="00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
            data=data,
        )
    )


def placed(order: str, *lines: tuple[str, int], method: str = "pm_card_visa", price: int = 1000) -> str:
    """OrderPlaced, as orders announces it."""
    total = sum(quantity for _, quantity in lines) * price
    data = OrderPlaced(
        customer="customer-1",
        lines=tuple(OrderLine(sku, quantity, Money(price, "EUR")) for sku, quantity in lines),
        total=Money(total, "EUR"),
        email="customer@example.com",
        address=ADDRESS,
        payment_method=method,
    )
    return fact(order, "orders", data)


def at(body: str, milliseconds: int) -> str:
    """The same event, so much later."""
    event = json.loads(body)
    return json.dumps(event | {"time": rfc3339(millis(event["time"]) + milliseconds)})


def bounce(order: str, kind: str, message: str = "m-1") -> str:
    """SES's report, as EventBridge brings it (Amazon SES Developer Guide, "Bounce record")."""
    tags = {
        "order": [order],
        "kind": [kind],
        "correlation": [b"test".hex()],
        "trace": ["00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"],
        "ses:configuration-set": ["tidings"],
    }
    report = {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": "customer@example.com", "diagnosticCode": "550 no such user"}],
            "timestamp": "2026-01-31T08:30:00.123Z",
        },
        "mail": {"timestamp": "2026-01-31T08:29:59.000Z", "messageId": message, "tags": tags},
    }
    return json.dumps({"source": "aws.ses", "detail-type": "Email Bounced", "detail": report})
