"""A gateway on trial: how it is asked, and how its money is counted behind its back."""

import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from functions.payment.gateway import Captured, Declined, Gateway, Opened, Refunded, Voided
from tests.gateway.stripe_edge import LOOPBACK, StripeEdge
from tests.simulation.ports.gateway import MemoryGateway
from tidings.contracts import Money

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TOTAL = Money(1999, "EUR")
APPROVED = "pm_card_visa"


class Bench(Protocol):
    """What a test knows of a gateway beside the gateway itself."""

    @property
    def gateway(self) -> Gateway: ...

    def moved(self, payment: str) -> tuple[int, int]:
        """How often the payment's money was captured, and how often refunded."""

    def opened(self, order: str) -> int:
        """How many payments there are for an order."""


def opened(bench: Bench, method: str = APPROVED) -> str:
    """An open payment of a new order."""
    return payment_of(bench.gateway.open(new_order(), TOTAL, method))


def payment_of(answer: Opened | Declined) -> str:
    """The payment that was opened."""
    assert isinstance(answer, Opened)
    return answer.payment


def new_order() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class SimulatedBench:
    """The simulated gateway, whose table tells."""

    gateway: Gateway
    client: "DynamoDBClient"

    def moved(self, payment: str) -> tuple[int, int]:
        item = self.client.get_item(TableName="payments", Key={"pk": {"S": payment}})["Item"]
        return int(item["captured"]["N"]), int(item["refunded"]["N"])

    def opened(self, order: str) -> int:
        return [item["order"]["S"] for item in self.client.scan(TableName="payments")["Items"]].count(order)


@dataclass(frozen=True)
class MemoryBench:
    """The simulation's gateway, which is asked one thing at a time, as the simulation does."""

    memory: MemoryGateway
    lock: AbstractContextManager[object] = field(default_factory=Lock)

    @property
    def gateway(self) -> Gateway:
        return self

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        with self.lock:
            return self.memory.open(order, amount, method)

    def confirm(self, payment: str) -> Captured | Declined | Voided | Refunded:
        with self.lock:
            return self.memory.confirm(payment)

    def cancel(self, payment: str) -> Voided | Refunded:
        with self.lock:
            return self.memory.cancel(payment)

    def moved(self, payment: str) -> tuple[int, int]:
        found = self.memory.payments[payment]
        return found.captured, found.refunded

    def opened(self, order: str) -> int:
        return len(self.memory.of_order(order))


@dataclass(frozen=True)
class StripeBench:
    """Stripe's gateway, with its edge before localstripe, which is asked itself."""

    gateway: Gateway
    edge: StripeEdge
    http: httpx.Client

    def moved(self, payment: str) -> tuple[int, int]:
        charges = [each for each in self.listed("charges") if each["payment_intent"] == payment and each["paid"]]
        refunds = [each for each in self.listed("refunds") if each["payment_intent"] == payment]
        amount = self.intent(payment)["amount"]
        assert all(each["amount"] == amount for each in charges + refunds)
        return len(charges), len(refunds)

    def opened(self, order: str) -> int:
        return [each["metadata"].get("order") for each in self.listed("payment_intents")].count(order)

    def intent(self, payment: str) -> dict[str, Any]:
        """A payment intent as localstripe keeps it."""
        return dict(self._ask("GET", f"payment_intents/{payment}"))

    def listed(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind."""
        return list(self._ask("GET", f"{kind}?limit=10000")["data"])

    def card(self, number: str) -> str:
        """A payment method for one of Stripe's test cards (Stripe Docs, "Test card numbers")."""
        card = {"number": number, "exp_month": "12", "exp_year": "2040", "cvc": "123"}
        form = {"type": "card"} | {f"card[{name}]": value for name, value in card.items()}
        return str(self._ask("POST", "payment_methods", form)["id"])

    def _ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Any:
        url = f"http://{LOOPBACK}:{self.edge.upstream}/v1/{path}"
        return self.http.request(method, url, data=form).raise_for_status().json()
