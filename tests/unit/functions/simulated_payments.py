"""Payments at the simulated gateway, for tests."""

from typing import Any

from msgspec.structs import replace

from functions.payment.simulated import SimulatedPayment

ORDER = "0b9d7c0e-5f0e-4c43-9c0a-1f6f1f1f3b11"
PAYMENT = "pay_" + "1" * 32
SECRET = f"{PAYMENT}_secret_{'2' * 32}"


def payment(status: Any = "open", method: str = "pm_card_visa", **changes: Any) -> SimulatedPayment:
    """Return a payment of 19.99 EUR."""
    made = SimulatedPayment(
        id=PAYMENT,
        order=ORDER,
        stage="dev",
        correlation="request-1",
        trace=f"00-{'a' * 32}-{'b' * 16}-01",
        amount=1999,
        currency="EUR",
        method=method,
        client_secret=SECRET,
        status=status,
        captured=int(status == "captured"),
        version=1,
    )
    return replace(made, **changes)
