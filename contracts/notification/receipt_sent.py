"""The contract of `ReceiptSent`."""

from contracts.values.order import OrderEvent
from contracts.values.text import Id


class ReceiptSent(OrderEvent, frozen=True, kw_only=True):
    """The mail system accepted the receipt under this message id."""

    producer = "notification"

    message: Id
