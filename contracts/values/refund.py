"""Refunds."""

from typing import Literal

OperatorsReason = Literal["damaged", "missing", "returned", "goodwill", "other"]
"""Why an operator refunds a part of an order or all of it."""

RefundReason = Literal["cancelled", "unexpected", "damaged", "missing", "returned", "goodwill", "other"]
"""Why money goes back: the order was cancelled, the payment was unexpected, or an operator's reason."""
