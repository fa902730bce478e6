"""The contract of `PaymentRefunded`."""

from contracts.values.money import Money
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class PaymentRefunded(OrderEvent, frozen=True, kw_only=True):
    """Captured money of a cancelled order went back to the customer.

    `amount` is what this refund returned: less than the captured amount if the shop's staff had returned a part at the
    gateway's own dashboard, and zero if they had returned all of it.
    """

    producer = "payment"

    payment: Id
    amount: Money
