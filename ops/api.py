"""The shop's HTTP API, as its commands use it."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from ops.failure import Failure

TIMEOUT_SECONDS = 30


class Shop:
    """The API as one user sees it; without a token, as anybody does. Every refusal is a Failure."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS)

    def products(self) -> list[dict[str, Any]]:
        """The catalogue's first page."""
        items: list[dict[str, Any]] = self._send("GET", "/products").json()["items"]
        return items

    def put_product(self, sku: str, product: Mapping[str, Any]) -> None:
        """Adds a product to the catalogue, or replaces it (operators)."""
        self._send("PUT", f"/products/{quote(sku, safe='')}", body=product)

    def put_stock(self, sku: str, on_hand: int) -> None:
        """Says how many units there are (operators)."""
        self._send("PUT", f"/stock/{quote(sku, safe='')}", body={"on_hand": on_hand})

    def place(self, order: Mapping[str, Any], key: str | None = None) -> httpx.Response:
        """Places an order; with a key that was used before, nothing but the first answer comes again."""
        return self._send("POST", "/orders", body=order, headers={"Idempotency-Key": key or str(uuid.uuid4())})

    def order(self, order_id: str) -> dict[str, Any]:
        """What has become of an order so far."""
        found: dict[str, Any] = self._send("GET", f"/orders/{quote(order_id, safe='')}").json()
        return found

    def cancel(self, order_id: str) -> dict[str, Any]:
        """Cancels an order, and gives it as it then is."""
        cancelled: dict[str, Any] = self._send("POST", f"/orders/{quote(order_id, safe='')}/cancellation").json()
        return cancelled

    def dispatch(self, order_id: str) -> None:
        """Says that an order's goods have left (operators)."""
        self._send("POST", f"/shipments/{quote(order_id, safe='')}/dispatch", body={})

    def sales(self, first: str, last: str) -> list[dict[str, Any]]:
        """The figures of the days from one to another, each as `2026-01-31` (operators)."""
        days: list[dict[str, Any]] = self._send("GET", f"/analytics/sales?from={first}&to={last}").json()["days"]
        return days

    def timeline(self, order_id: str) -> dict[str, Any]:
        """All events of an order, in causal order."""
        found: dict[str, Any] = self._send("GET", f"/orders/{quote(order_id, safe='')}/timeline").json()
        return found

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise Failure(f"{self._http.base_url} cannot be reached: {error}") from error
        if response.is_success:
            return response
        raise Refusal(response)


class Refusal(Failure):
    """The API said no; the text is its problem's detail."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(_explanation(response))
        self.status = response.status_code


def _explanation(response: httpx.Response) -> str:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    said = problem.get("detail") or problem.get("message") or response.text or response.reason_phrase
    field = f" [{problem['field']}]" if problem.get("field") else ""
    return f"{response.status_code} {problem.get('title', response.reason_phrase)}: {said}{field}"


def order_of(
    lines: Iterable[tuple[str, int]],
    payment_method: str = "pm_card_visa",
    email: str = "customer@example.com",
) -> dict[str, Any]:
    """The body of an order for these SKUs and quantities, sent to an address for trying things out."""
    return {
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "payment_method": payment_method,
        "email": email,
        "address": {
            "name": "A. Customer",
            "street": "1 Harbour Street",
            "city": "Ghent",
            "postal_code": "9000",
            "country": "BE",
        },
    }
