"""Stripe's gateway as a payment provider under test."""

from dataclasses import dataclass
from typing import Any

import httpx

from functions.payment.gateway import Gateway
from functions.payment.stripe_gateway import StripeGateway
from tests.gateway.keys import StubSecrets
from tests.gateway.providers import APPROVED, ORIGIN, TOTAL, new_order, payment_of
from tests.gateway.stripe_edge import LOOPBACK, StripeEdge

NEEDS_APPROVAL = "4000002500003155"
"""The test card whose holder must approve each payment."""


def stripe_gateway(secrets: StubSecrets, url: str, stage: str = "test") -> StripeGateway:
    """Return Stripe's gateway over the API at this address."""
    return StripeGateway(secrets.secret(), stage, "pk_test_1", url)


@dataclass(frozen=True)
class StripeProvider:
    """Stripe's gateway over the edge in front of localstripe. Its books are localstripe's, read without the edge."""

    gateway: Gateway
    elsewhere: Gateway
    edge: StripeEdge
    http: httpx.Client

    @property
    def authenticated(self) -> str:
        return self.card(NEEDS_APPROVAL)

    def moved(self, payment: str) -> tuple[int, int]:
        charges = [each for each in self.listed("charges") if each["payment_intent"] == payment and each["captured"]]
        return len(charges), sum(self.refunded(payment))

    def refunded(self, payment: str) -> list[int]:
        """Return the amounts of a payment's refunds, the smallest first."""
        amounts = sorted(each["amount"] for each in self.listed("refunds") if each["payment_intent"] == payment)
        assert sum(amounts) <= self.intent(payment)["amount"]
        return amounts

    def reserved(self, payment: str) -> bool:
        return bool(self.intent(payment)["status"] == "requires_capture")

    def opened(self, order: str) -> int:
        return [each["metadata"].get("order") for each in self.listed("payment_intents")].count(order)

    def opened_elsewhere(self) -> str:
        return payment_of(self.elsewhere.open(new_order(), TOTAL, APPROVED, ORIGIN))

    def answer(self, payment: str, *, approved: bool) -> None:
        intent = self.intent(payment)
        if intent["status"] == "requires_action":
            form = {"client_secret": intent["client_secret"], "success": str(approved).lower()}
            self._call("POST", f"payment_intents/{payment}/_authenticate", form)

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
