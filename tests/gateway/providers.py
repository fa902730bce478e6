"""Payment providers under test: each is a gateway together with its books, which the gateway does not see."""

import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from contracts.values.money import Money
from functions.payment.gateway import (
    AuthorizationOutcome,
    Authorized,
    Captured,
    CaptureOutcome,
    Declined,
    Gateway,
    Opened,
    Origin,
)
from tests.simulation.ports.gateway import MemoryGateway

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TOTAL = Money(1999, "EUR")
APPROVED = "pm_card_visa"
ORIGIN = Origin("request-1", f"00-{'a' * 32}-{'b' * 16}-01")


class Provider(Protocol):
    """A payment provider."""

    @property
    def gateway(self) -> Gateway:
        """The gateway."""

    def moved(self, payment: str) -> tuple[int, int]:
        """Return how often a payment's money was captured, and how often it was refunded."""

    def reserved(self, payment: str) -> bool:
        """Return whether a payment's amount is reserved, and has not moved."""

    def opened(self, order: str) -> int:
        """Return the number of an order's payments."""


def opened(provider: Provider, method: str = APPROVED) -> str:
    """Open a payment for a new order, and return its id."""
    return payment_of(provider.gateway.open(new_order(), TOTAL, method, ORIGIN))


def authorized(provider: Provider, method: str = APPROVED) -> str:
    """Authorize a payment for a new order, and return its id."""
    payment = opened(provider, method)
    assert provider.gateway.authorize(payment) == Authorized()
    return payment


def captured(provider: Provider, method: str = APPROVED) -> str:
    """Capture a payment for a new order, and return its id."""
    payment = authorized(provider, method)
    assert provider.gateway.capture(payment) == Captured()
    return payment


def payment_of(answer: Opened | Declined) -> str:
    """Return the id of the payment that was opened."""
    assert isinstance(answer, Opened)
    return answer.payment


def new_order() -> str:
    """Return a new order id."""
    return str(uuid.uuid4())


@dataclass(frozen=True)
class SimulatedProvider:
    """The simulated gateway. Its books are its table."""

    gateway: Gateway
    client: "DynamoDBClient"

    def moved(self, payment: str) -> tuple[int, int]:
        item = self._item(payment)
        return int(item["captured"]["N"]), int(item["refunded"]["N"])

    def reserved(self, payment: str) -> bool:
        return bool(self._item(payment)["status"]["S"] == "authorized")

    def opened(self, order: str) -> int:
        return [item["order"]["S"] for item in self.client.scan(TableName="payments")["Items"]].count(order)

    def _item(self, payment: str) -> Any:
        return self.client.get_item(TableName="payments", Key={"pk": {"S": payment}})["Item"]


@dataclass(frozen=True)
class MemoryProvider:
    """The simulation's gateway. It is called by one thread at a time, as in the simulation."""

    memory: MemoryGateway
    lock: AbstractContextManager[object] = field(default_factory=Lock)

    @property
    def gateway(self) -> Gateway:
        return self

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        with self.lock:
            return self.memory.open(order, amount, method)

    def authorize(self, payment: str) -> AuthorizationOutcome:
        with self.lock:
            return self.memory.authorize(payment)

    def capture(self, payment: str) -> CaptureOutcome:
        with self.lock:
            return self.memory.capture(payment)

    def moved(self, payment: str) -> tuple[int, int]:
        found = self.memory.payments[payment]
        return found.captured, found.refunded

    def reserved(self, payment: str) -> bool:
        return self.memory.payments[payment].status == "authorized"

    def opened(self, order: str) -> int:
        return sum(payment.order == order for payment in self.memory.payments.values())
