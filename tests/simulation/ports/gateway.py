"""A payment gateway that forgets after a day under which key it opened a payment, as Stripe does."""

from dataclasses import dataclass
from typing import Literal

from contracts.values.money import Money
from functions.payment.gateway import Cancelled, Captured, Confirmed, Declined, Opened, Refunded, Voided
from tests.simulation.clock import DAY
from tidings.core.clock import Clock
from tidings.core.errors import RetryableError

DECLINED = "pm_card_declined"
ERROR_ONCE = "pm_card_error_once"

MIN_AMOUNT = 50
"""Minor units below which nothing can be paid. Such a payment is declined at once."""


@dataclass
class Payment:
    """A payment. `captured` and `refunded` count how often its money moved each way."""

    order: str
    amount: Money
    method: str
    opened: int
    status: Literal["open", "captured", "declined", "voided", "refunded"] = "open"
    confirmations: int = 0
    captured: int = 0
    refunded: int = 0


class MemoryGateway:
    """The gateway's payments by id."""

    def __init__(self, clock: Clock) -> None:
        self.payments: dict[str, Payment] = {}
        self._clock = clock
        self._keys: dict[str, str] = {}

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        if amount.amount < MIN_AMOUNT:
            return Declined("amount_too_small")
        known = self._keys.get(order)
        if known is None or self.payments[known].opened + DAY <= self._clock():
            known = self._keys[order] = f"pay_{len(self.payments) + 1}"
            self.payments[known] = Payment(order, amount, method, self._clock())
        return Opened(known)

    def confirm(self, payment: str) -> Confirmed:
        found = self.payments[payment]
        found.confirmations += 1
        if found.method == ERROR_ONCE and found.confirmations == 1:
            raise RetryableError("the gateway failed; nothing was moved")
        match found.status:
            case "voided":
                return Voided()
            case "refunded":
                return Refunded()
            case "open" if found.method != DECLINED:
                found.status = "captured"
                found.captured += 1
            case "open":
                found.status = "declined"
        return Captured() if found.status == "captured" else Declined("card_declined")

    def cancel(self, payment: str) -> Cancelled:
        found = self.payments[payment]
        match found.status:
            case "captured":
                found.status = "refunded"
                found.refunded += 1
            case "open" | "declined":
                found.status = "voided"
        return Refunded() if found.status == "refunded" else Voided()
