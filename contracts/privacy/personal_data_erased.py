"""The contract of `PersonalDataErased`."""

from typing import Literal

from contracts.values.order import OrderEvent

ErasureReason = Literal["customer", "operator", "retention"]
"""Who had the data erased: the customer, an operator, or the shop's rule of how long it keeps data."""


class PersonalDataErased(OrderEvent, frozen=True, kw_only=True):
    """The personal data of an order is erased, in every service that keeps any.

    A service that handles this event never stores personal data of the order again.

    Attributes:
        reason: Who had it erased.
    """

    producer = "privacy"

    reason: ErasureReason
