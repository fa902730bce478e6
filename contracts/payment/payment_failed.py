"""The contract of `PaymentFailed`."""

from contracts.values.order import OrderEvent
from contracts.values.text import Code


class PaymentFailed(OrderEvent, frozen=True, kw_only=True):
    """No money moved, and none will. `code` is the gateway's decline code, or `voided`."""

    producer = "payment"

    code: Code
