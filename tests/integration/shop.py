"""A client of the shop's API, for customers and operators."""

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

from infra.shop import shop_services
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
    """A client of a cloud's API. It invokes the function behind each route.

    Attributes:
        cloud: The cloud.
        customer: The caller of requests that name no other.
        verified: Whether the callers' e-mail address is verified.
    """

    cloud: Cloud
    customer: str = "customer-1"
    verified: bool = True

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: str | None = "",
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request.

        Args:
            method: The HTTP method.
            path: The path.
            body: The body: text, or anything else to encode as JSON.
            caller: The token's subject; empty for the shop's customer, None for a request without a token.
            headers: Further headers.
            query: The query's parameters.
        """
        claims = {
            "sub": self.customer if caller == "" else caller or "",
            "token_use": "id",
            "email": "customer@example.com",
            "email_verified": str(self.verified).lower(),
        }
        context: dict[str, Any] = {
            "requestId": uuid.uuid4().hex,
            "stage": "$default",
            "http": {"method": method, "path": path},
        }
        if caller is not None:
            context["authorizer"] = {"jwt": {"claims": claims}}
        target = _target(method, path)
        event = {
            "version": "2.0",
            "routeKey": target.key,
            "rawPath": path,
            "pathParameters": target.parameters,
            "headers": {"content-type": "application/json", **(headers or {})},
            "queryStringParameters": query,
            "requestContext": context,
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.cloud.invoke(target.service, "api", event)
        return Answer(
            answer["statusCode"],
            {name.lower(): value for name, value in answer["headers"].items()},
            json.loads(answer["body"]),
        )

    def stock(self, sku: str, on_hand: int, price: int = 1000) -> None:
        """Put a product on sale, with this many units on hand."""
        terms = {"name": f"Product {sku}", "price": {"amount": price, "currency": "EUR"}}
        assert self.call("PUT", f"/operators/products/{sku}", terms).status == 200
        assert self.call("PUT", f"/operators/stock/{sku}", {"on_hand": on_hand}).status == 200

    def level(self, sku: str) -> dict[str, int]:
        """Return a product's stock, as an operator sees it."""
        return dict(self.call("GET", f"/operators/stock/{sku}").body)

    def order(self, *lines: tuple[str, int], method: str = "pm_card_visa", **changes: Any) -> dict[str, Any]:
        """Return the body of an order."""
        return {
            "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
            "payment_method": method,
            "address": ADDRESS,
        } | changes

    def place(self, *lines: tuple[str, int], method: str = "pm_card_visa", key: str | None = None) -> str:
        """Place an order, and return its id."""
        answer = self.post(self.order(*lines, method=method), key)
        assert answer.status == 202, answer
        return str(answer.body["id"])

    def post(self, body: Any, key: str | None = None, *, caller: str | None = "") -> Answer:
        """Send `POST /orders`."""
        return self.call("POST", "/orders", body, headers={"idempotency-key": key or uuid.uuid4().hex}, caller=caller)

    def show(self, order: str) -> dict[str, Any]:
        """Return an order, as its customer sees it."""
        answer = self.call("GET", f"/orders/{order}")
        assert answer.status == 200, answer
        return dict(answer.body)

    def cancel(self, order: str) -> Answer:
        """Send `POST /orders/{id}/cancellation`."""
        return self.call("POST", f"/orders/{order}/cancellation")

    def timeline(self, order: str) -> list[dict[str, Any]]:
        """Return the events of an order, as its customer sees them."""
        answer = self.call("GET", f"/orders/{order}/timeline")
        assert answer.status == 200, answer
        return list(answer.body["events"])


class _Target(NamedTuple):
    """The service and the route that a gateway chooses for a request, with the parameters of the path."""

    service: str
    key: str
    parameters: dict[str, str]


def _target(method: str, path: str) -> _Target:
    for folder in shop_services():
        for route in folder.routes:
            pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route.template)
            if route.method == method and (found := re.fullmatch(pattern, path)):
                return _Target(folder.name, route.key, found.groupdict())
    raise LookupError(f"no route for {method} {path}")
