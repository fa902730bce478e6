"""The contract of `PaymentVoided`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class PaymentVoided(OrderEvent, frozen=True, kw_only=True):
    """The payment of a cancelled order was undone before any money moved. The bank releases a reserved amount."""

    producer = "payment"

    payment: Id
    amount: Money
