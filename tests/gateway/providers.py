"""Payment providers under test: each is a gateway together with its books, which the gateway does not see."""

import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from contracts.values.money import Money
from functions.payment.gateway import (
    AuthorizationOutcome,
    Authorized,
    Cancelled,
    Captured,
    CaptureOutcome,
    Declined,
    Gateway,
    Opened,
)
from tests.gateway.stripe_edge import LOOPBACK, StripeEdge
from tests.simulation.ports.gateway import MemoryGateway

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TOTAL = Money(1999, "EUR")
APPROVED = "pm_card_visa"


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
    return payment_of(provider.gateway.open(new_order(), TOTAL, method))


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

    def cancel(self, payment: str) -> Cancelled:
        with self.lock:
            return self.memory.cancel(payment)

    def moved(self, payment: str) -> tuple[int, int]:
        found = self.memory.payments[payment]
        return found.captured, found.refunded

    def reserved(self, payment: str) -> bool:
        return self.memory.payments[payment].status == "authorized"

    def opened(self, order: str) -> int:
        return sum(payment.order == order for payment in self.memory.payments.values())


@dataclass(frozen=True)
class StripeProvider:
    """Stripe's gateway over the edge in front of localstripe. Its books are localstripe's, read without the edge."""

    gateway: Gateway
    edge: StripeEdge
    http: httpx.Client

    def moved(self, payment: str) -> tuple[int, int]:
        charges = [each for each in self.listed("charges") if each["payment_intent"] == payment and each["captured"]]
        refunds = [each for each in self.listed("refunds") if each["payment_intent"] == payment]
        amount = self.intent(payment)["amount"]
        assert all(each["amount"] == amount for each in charges + refunds)
        return len(charges), len(refunds)

    def reserved(self, payment: str) -> bool:
        return bool(self.intent(payment)["status"] == "requires_capture")

    def opened(self, order: str) -> int:
        return [each["metadata"].get("order") for each in self.listed("payment_intents")].count(order)

    def intent(self, payment: str) -> dict[str, Any]:
        """Return a payment intent as localstripe has it."""
        return dict(self._call("GET", f"payment_intents/{payment}"))

    def listed(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind."""
        return list(self._call("GET", f"{kind}?limit=10000")["data"])

    def refund(self, payment: str, amount: int) -> None:
        """Refund a part of a payment, as staff do at the dashboard."""
        self._call("POST", "refunds", {"payment_intent": payment, "amount": str(amount)})

    def card(self, number: str) -> str:
        """Create a payment method for one of Stripe's test cards (Stripe Docs, "Test card numbers")."""
        card = {"number": number, "exp_month": "12", "exp_year": "2040", "cvc": "123"}
        form = {"type": "card"} | {f"card[{name}]": value for name, value in card.items()}
        return str(self._call("POST", "payment_methods", form)["id"])

    def _call(self, method: str, path: str, form: dict[str, str] | None = None) -> Any:
        url = f"http://{LOOPBACK}:{self.edge.upstream}/v1/{path}"
        return self.http.request(method, url, data=form).raise_for_status().json()
