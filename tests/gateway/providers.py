"""Payment providers under test: each is a gateway together with its books, which the gateway does not see."""

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol

from contracts.values.money import Money
from functions.payment.gateway import (
    ActionRequired,
    Approval,
    AuthorizationOutcome,
    Authorized,
    Captured,
    CaptureOutcome,
    Declined,
    Gateway,
    Inspection,
    Labels,
    Opened,
    Origin,
    RefundOutcome,
    VoidOutcome,
)
from functions.payment.simulated import SimulatedGateway
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
        """The gateway of the shop's stage."""

    @property
    def authenticated(self) -> str:
        """A payment method whose customer must approve each payment."""

    def moved(self, payment: str) -> tuple[int, int]:
        """Return how often a payment's money was captured, and the amount that went back."""

    def reserved(self, payment: str) -> bool:
        """Return whether a payment's amount is reserved, and has not moved."""

    def opened(self, order: str) -> int:
        """Return the number of an order's payments."""

    def opened_elsewhere(self) -> str:
        """Open a payment for a shop of another stage, and return its id."""

    def answer(self, payment: str, *, approved: bool) -> None:
        """Let the customer approve a payment or decline it, if the bank still lets them."""


class Bank(Protocol):
    """The decisions of the banks behind a provider."""

    def decide(self, payment: str) -> None:
        """Let the bank accept a payment or a refund about which it has not decided."""

    def return_money(self, payment: str) -> None:
        """Let the bank return the money of a refund, whose method is `pm_card_refund_returned`."""

    def dispute(self, payment: str) -> None:
        """Let the bank dispute a captured payment, whose method is `pm_card_disputed`."""

    def close_dispute(self, payment: str, status: Literal["won", "lost"]) -> None:
        """Let the bank decide about a dispute."""


class BankedProvider(Provider, Bank, Protocol):
    """A payment provider whose banks decide as the payment method says."""


def opened(provider: Provider, method: str = APPROVED) -> str:
    """Open a payment for a new order, and return its id."""
    return payment_of(provider.gateway.open(new_order(), TOTAL, method, ORIGIN))


def authorized(provider: Provider, method: str = APPROVED) -> str:
    """Authorize a payment for a new order, and return its id."""
    payment = opened(provider, method)
    assert provider.gateway.authorize(payment) == Authorized()
    return payment


def awaiting_approval(provider: Provider) -> str:
    """Authorize a payment that its customer must approve, and return its id."""
    payment = opened(provider, provider.authenticated)
    assert provider.gateway.authorize(payment) == ActionRequired()
    return payment


def captured(provider: Provider, method: str = APPROVED) -> str:
    """Capture a payment for a new order, and return its id."""
    payment = authorized(provider, method)
    assert provider.gateway.capture(payment) == Captured()
    return payment


def disputed(provider: BankedProvider) -> str:
    """Capture a payment that is then disputed, and return its id."""
    payment = captured(provider, "pm_card_disputed")
    provider.dispute(payment)
    return payment


def payment_of(answer: Opened | Declined) -> str:
    """Return the id of the payment that was opened."""
    assert isinstance(answer, Opened)
    return answer.payment


def new_order() -> str:
    """Return a new order id."""
    return str(uuid.uuid4())


def new_attempt() -> str:
    """Return the name of a new attempt of a refund."""
    return f"{new_order()}/refund/1"


@dataclass(frozen=True)
class SimulatedProvider:
    """The simulated gateway. Its books are its table, and its banks decide when they are looked at."""

    gateway: SimulatedGateway
    elsewhere: SimulatedGateway
    client: "DynamoDBClient"
    authenticated: str = "pm_card_authentication_required"

    def moved(self, payment: str) -> tuple[int, int]:
        item = self._item(payment)
        return int(item["captured"]["N"]), int(item["refunded"]["N"])

    def reserved(self, payment: str) -> bool:
        return bool(self._item(payment)["status"]["S"] == "authorized")

    def opened(self, order: str) -> int:
        return [item["order"]["S"] for item in self.client.scan(TableName="payments")["Items"]].count(order)

    def opened_elsewhere(self) -> str:
        return payment_of(self.elsewhere.open(new_order(), TOTAL, APPROVED, ORIGIN))

    def answer(self, payment: str, *, approved: bool) -> None:
        self.gateway.answer(payment, "approved" if approved else "declined")

    def decide(self, payment: str) -> None:
        """Do nothing, because the next look finds the decision."""

    def return_money(self, payment: str) -> None:
        self.gateway.inspect(payment)

    def dispute(self, payment: str) -> None:
        """Do nothing, because the payment was disputed when it was captured."""

    def close_dispute(self, payment: str, status: Literal["won", "lost"]) -> None:
        self.gateway.close_dispute(payment, status)

    def _item(self, payment: str) -> Any:
        return self.client.get_item(TableName="payments", Key={"pk": {"S": payment}})["Item"]


@dataclass(frozen=True)
class MemoryProvider:
    """The simulation's gateway. It is called by one thread at a time, as in the simulation."""

    memory: MemoryGateway
    lock: AbstractContextManager[object] = field(default_factory=Lock)
    authenticated: str = "pm_card_authentication_required"

    @property
    def gateway(self) -> Gateway:
        return self

    def open(self, order: str, amount: Money, method: str, origin: Origin) -> Opened | Declined:
        with self.lock:
            return self.memory.open(order, amount, method, origin)

    def find(self, order: str, placed: int) -> str | None:
        with self.lock:
            return self.memory.find(order, placed)

    def authorize(self, payment: str) -> AuthorizationOutcome:
        with self.lock:
            return self.memory.authorize(payment)

    def capture(self, payment: str) -> CaptureOutcome:
        with self.lock:
            return self.memory.capture(payment)

    def void(self, payment: str) -> VoidOutcome:
        with self.lock:
            return self.memory.void(payment)

    def refund(self, payment: str, attempt: str, amount: Money | None) -> RefundOutcome:
        with self.lock:
            return self.memory.refund(payment, attempt, amount)

    def inspect(self, payment: str) -> Inspection:
        with self.lock:
            return self.memory.inspect(payment)

    def approval(self, payment: str) -> Approval | None:
        with self.lock:
            return self.memory.approval(payment)

    def labels(self, payment: str) -> Labels | None:
        with self.lock:
            return self.memory.labels(payment)

    def disputed_since(self, time: int) -> Iterator[str]:
        with self.lock:
            return self.memory.disputed_since(time)

    def moved(self, payment: str) -> tuple[int, int]:
        found = self.memory.payments[payment]
        return found.captured, found.returned

    def reserved(self, payment: str) -> bool:
        return self.memory.payments[payment].status == "authorized"

    def opened(self, order: str) -> int:
        return sum(payment.order == order for payment in self.memory.payments.values())

    def opened_elsewhere(self) -> str:
        return self.memory.pay_elsewhere(new_order(), TOTAL)

    def answer(self, payment: str, *, approved: bool) -> None:
        (self.memory.approve if approved else self.memory.decline)(payment)

    def decide(self, payment: str) -> None:
        self.memory.decide(payment, well=True)

    def return_money(self, payment: str) -> None:
        self.memory.decide(payment, well=False)

    def dispute(self, payment: str) -> None:
        self.memory.dispute(payment)

    def close_dispute(self, payment: str, status: Literal["won", "lost"]) -> None:
        self.memory.decide(payment, well=status == "won")
