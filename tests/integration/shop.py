"""What a customer and an operator do, over the handlers behind the API."""

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from infra.services import discover
from tests.integration.cloud import Cloud

ADDRESS = {
    "name": "A. Customer",
    "street": "1 Mill Lane",
    "city": "Ghent",
    "postal_code": "9000",
    "country": "BE",
}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: header names in lower case, the body decoded."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Shop:
    """The API of a cloud, by the handlers that its routes lead to."""

    cloud: Cloud
    customer: str = "customer-1"
    products: dict[str, int] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: str | None = "",
        operator: bool = False,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Answer:
        """One request; `caller` is the token's subject, the shop's customer unless told, None without a token."""
        claims: dict[str, str] = {"sub": self.customer if caller == "" else caller or ""}
        if operator:
            claims["cognito:groups"] = "[operators]"
        context: dict[str, Any] = {
            "requestId": uuid.uuid4().hex,
            "stage": "$default",
            "http": {"method": method, "path": path},
        }
        if caller is not None:
            context["authorizer"] = {"jwt": {"claims": claims}}
        event = {
            "version": "2.0",
            "rawPath": path,
            "headers": {"content-type": "application/json", **(headers or {})},
            "queryStringParameters": query,
            "requestContext": context,
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.cloud.invoke(_service(method, path), "api", event)
        return Answer(
            answer["statusCode"],
            {name.lower(): value for name, value in answer["headers"].items()},
            json.loads(answer["body"]),
        )

    def stock(self, sku: str, on_hand: int, price: int = 1000) -> None:
        """Puts a product on sale."""
        terms = {"name": f"Product {sku}", "price": {"amount": price, "currency": "EUR"}}
        assert self.call("PUT", f"/products/{sku}", terms, operator=True).status == 200
        assert self.call("PUT", f"/stock/{sku}", {"on_hand": on_hand}, operator=True).status == 200

    def level(self, sku: str) -> dict[str, int]:
        """A product's stock, as an operator sees it."""
        return dict(self.call("GET", f"/stock/{sku}", operator=True).body)

    def order(self, *lines: tuple[str, int], method: str = "pm_card_visa", **changes: Any) -> dict[str, Any]:
        """The body of an order."""
        return {
            "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
            "payment_method": method,
            "email": "customer@example.com",
            "address": ADDRESS,
        } | changes

    def place(self, *lines: tuple[str, int], method: str = "pm_card_visa", key: str | None = None) -> str:
        """Places an order, and gives its id."""
        answer = self.post(self.order(*lines, method=method), key)
        assert answer.status == 202, answer
        return str(answer.body["id"])

    def post(self, body: Any, key: str | None = None, *, caller: str | None = "") -> Answer:
        """POST /orders."""
        return self.call("POST", "/orders", body, headers={"idempotency-key": key or uuid.uuid4().hex}, caller=caller)

    def show(self, order: str) -> dict[str, Any]:
        """An order, as its customer sees it."""
        answer = self.call("GET", f"/orders/{order}")
        assert answer.status == 200, answer
        return dict(answer.body)

    def cancel(self, order: str) -> Answer:
        """POST /orders/{id}/cancellation."""
        return self.call("POST", f"/orders/{order}/cancellation")

    def timeline(self, order: str) -> list[dict[str, Any]]:
        """The events of an order, as its customer sees them."""
        answer = self.call("GET", f"/orders/{order}/timeline")
        assert answer.status == 200, answer
        return list(answer.body["events"])


def _service(method: str, path: str) -> str:
    """The service whose route takes a request, as the API would find it."""
    for found in discover():
        for route in found.routes:
            pattern = re.sub(r"{\w+}", "[^/]+", route.path)
            if route.method == method and re.fullmatch(pattern, path):
                return found.name
    return "orders"
