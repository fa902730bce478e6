"""The client of the shop's HTTP API."""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from msgspec.structs import asdict

from contracts.values.money import Money
from ops.errors import CommandError

TIMEOUT_SECONDS = 30
PAGE_SIZE = 100


class RefusedError(CommandError):
    """A request that the API refused. Its text is the details of all its errors.

    Attributes:
        status: The HTTP status.
        problem: The members of the answer; none if the answer is not problem+json.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.problem = _problem(response)
        super().__init__(_describe(response, self.problem))
        self.status = response.status_code


class ShopClient:
    """The API as one user calls it. Its methods raise `CommandError` if the API refuses or does not answer."""

    def __init__(self, url: str, token: str | None = None, *, operator: bool = False) -> None:
        """Create a client.

        Args:
            url: The API's base URL.
            token: The user's ID token; None to call the API as nobody.
            operator: Whether the token is an operator's. An operator reads and cancels every customer's orders.

        Raises:
            CommandError: If the token does not have the form of one.
        """
        if token is not None and not re.fullmatch(r"[!-~]+", token):
            # No header can contain it.
            raise CommandError(
                "the token has characters that no token has; set TIDINGS_TOKEN to what tidings token prints"
            )
        self._operator = operator
        self._orders = "/operators/orders" if operator else "/orders"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS)

    def products(self) -> list[dict[str, Any]]:
        """Return the first page of the catalogue."""
        items: list[dict[str, Any]] = self._send("GET", "/products").json()["items"]
        return items

    def all_products(self) -> Iterator[dict[str, Any]]:
        """Iterate over the whole catalogue, by SKU."""
        return self._items("/products")

    def product(self, sku: str) -> dict[str, Any] | None:
        """Return a product; None if no product has the SKU."""
        return self._find(f"/products/{_segment(sku)}")

    def put_product(self, sku: str, product: Mapping[str, Any]) -> dict[str, Any]:
        """Add a product to the catalogue, or replace it, as an operator. Return it."""
        put: dict[str, Any] = self._send("PUT", f"/operators/products/{_segment(sku)}", body=product).json()
        return put

    def stock(self, sku: str) -> dict[str, Any] | None:
        """Return a product's stock, as an operator; None if it was never set."""
        return self._find(f"/operators/stock/{_segment(sku)}")

    def put_stock(self, sku: str, on_hand: int) -> dict[str, Any]:
        """Set the number of units on hand, as an operator. Return the stock."""
        put: dict[str, Any] = self._send("PUT", f"/operators/stock/{_segment(sku)}", body={"on_hand": on_hand}).json()
        return put

    def place(self, order: Mapping[str, Any], key: str | None = None) -> httpx.Response:
        """Place an order. A repeated idempotency key returns the first answer.

        Args:
            order: The order; see `order_request`.
            key: The idempotency key; None for a new one.
        """
        return self._send("POST", "/orders", body=order, headers={"Idempotency-Key": key or str(uuid.uuid4())})

    def order(self, order_id: str) -> dict[str, Any]:
        """Return an order."""
        found: dict[str, Any] = self._send("GET", f"{self._orders}/{_segment(order_id)}").json()
        return found

    def cancel(self, order_id: str) -> dict[str, Any]:
        """Cancel an order, and return it."""
        cancelled: dict[str, Any] = self._send("POST", f"{self._orders}/{_segment(order_id)}/cancellation").json()
        return cancelled

    def payment(self, order_id: str) -> dict[str, Any]:
        """Return an order's payment: as its customer what the customer may know of it, as an operator all of it."""
        found: dict[str, Any] = self._send("GET", f"{self._orders}/{_segment(order_id)}/payment").json()
        return found

    def refund(self, order_id: str, amount: Mapping[str, Any], reason: str, key: str) -> dict[str, Any]:
        """Refund a part of an order's payment, as an operator. A repeated idempotency key makes no second refund.

        Args:
            order_id: The order.
            amount: The amount in minor units, and its currency.
            reason: The operator's reason.
            key: The idempotency key.

        Returns:
            The refund, which is pending.
        """
        path = f"/operators/orders/{_segment(order_id)}/refunds"
        body = {"amount": amount, "reason": reason}
        made: dict[str, Any] = self._send("POST", path, body=body, headers={"Idempotency-Key": key}).json()
        return made

    def retry_refund(self, order_id: str, refund: str) -> dict[str, Any]:
        """Try a failed refund again, as an operator. Return the refund."""
        path = f"/operators/orders/{_segment(order_id)}/refunds/{_segment(refund)}/attempts"
        again: dict[str, Any] = self._send("POST", path).json()
        return again

    def settle_refund(self, order_id: str, refund: str) -> dict[str, Any]:
        """Record that a failed refund's money was returned in another way, as an operator. Return the refund."""
        path = f"/operators/orders/{_segment(order_id)}/refunds/{_segment(refund)}/settlement"
        settled: dict[str, Any] = self._send("POST", path).json()
        return settled

    def shipments(self) -> Iterator[dict[str, Any]]:
        """Iterate over the shipments to pick, oldest first, as an operator."""
        return self._items("/operators/shipments")

    def dispatch(self, order_id: str, tracking: str = "") -> dict[str, Any]:
        """Record that an order's goods were dispatched, as an operator. Return the shipment."""
        dispatched: dict[str, Any] = self._send(
            "POST", f"/operators/shipments/{_segment(order_id)}/dispatch", body={"tracking": tracking}
        ).json()
        return dispatched

    def sales(self, first: str, last: str) -> dict[str, Any]:
        """Return the sales of the days from one to another, each written `2026-01-31`, as an operator."""
        found: dict[str, Any] = self._send("GET", f"/operators/sales?{urlencode({'from': first, 'to': last})}").json()
        return found

    def request_export(self, customer: str, key: str) -> dict[str, Any]:
        """Request the export of a customer's personal data, as an operator. Return the job.

        Args:
            customer: The customer's id.
            key: The idempotency key. A repeat returns the same job.
        """
        return self._request_job(customer, "export", key)

    def request_erasure(self, customer: str, key: str) -> dict[str, Any]:
        """Request the erasure of a customer's personal data and account, as an operator. Return the job.

        Args:
            customer: The customer's id.
            key: The idempotency key. A repeat returns the same job.
        """
        return self._request_job(customer, "erasure", key)

    def privacy_job(self, customer: str, job: str) -> dict[str, Any]:
        """Return a job that exports or erases a customer's personal data, as an operator."""
        found: dict[str, Any] = self._send(
            "GET", f"/operators/customers/{_segment(customer)}/jobs/{_segment(job)}"
        ).json()
        return found

    def _request_job(self, customer: str, kind: str, key: str) -> dict[str, Any]:
        path = f"/operators/customers/{_segment(customer)}/{kind}"
        job: dict[str, Any] = self._send("POST", path, headers={"Idempotency-Key": key}).json()
        return job

    def timeline(self, order_id: str) -> dict[str, Any]:
        """Return an order's timeline."""
        found: dict[str, Any] = self._send("GET", f"{self._orders}/{_segment(order_id)}/timeline").json()
        return found

    def live_ticket(self) -> str:
        """Return a ticket for one connection that receives the events that the user may see."""
        path = "/operators/live/tickets" if self._operator else "/live/tickets"
        return str(self._send("POST", path).json()["ticket"])

    def decide(self, order_id: str, url: str, decision: str) -> None:
        """Send the customer's decision about an order's payment to the simulated bank's page.

        Args:
            order_id: The order.
            url: The page's address relative to that of the payment. It contains the payment's secret.
            decision: `approve` or `decline`.
        """
        page = self._http.base_url.join(f"orders/{_segment(order_id)}/payment").join(url)
        try:
            # No token: the page is the bank's.
            answer = httpx.post(page, data={"decision": decision}, timeout=TIMEOUT_SECONDS)
        except httpx.TransportError as error:
            raise CommandError(f"the simulated bank does not answer: {type(error).__name__}") from error
        if not answer.is_success:
            raise CommandError(f"the simulated bank refused: {answer.status_code} {answer.reason_phrase}")

    def _find(self, path: str) -> dict[str, Any] | None:
        """Return what a path shows; None if it does not exist."""
        try:
            found: dict[str, Any] = self._send("GET", path).json()
        except RefusedError as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            return None
        return found

    def _items(self, path: str) -> Iterator[dict[str, Any]]:
        """Iterate over the items of all pages of a list."""
        cursor: str | None = ""
        while cursor is not None:
            query = urlencode({"limit": PAGE_SIZE} | ({"cursor": cursor} if cursor else {}))
            page = self._send("GET", f"{path}?{query}").json()
            yield from page["items"]
            cursor = page["next"]

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
            raise CommandError(f"{self._http.base_url} does not answer: {error}") from error
        if response.is_success:
            return response
        raise RefusedError(response)


def _segment(text: str) -> str:
    """Return a text as one segment of a path. A dot is encoded too, because `.` and `..` name other paths."""
    return quote(text, safe="").replace(".", "%2E")


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _describe(response: httpx.Response, problem: Mapping[str, Any]) -> str:
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        # The gateway itself answers, and says no more than "Unauthorized".
        return (
            "401 Unauthorized: the token has expired, is not one of this stage, or is a customer's instead of an "
            "operator's or the reverse; unset TIDINGS_TOKEN to sign in, or set it to what tidings token prints for "
            "this stage (with --operator, an operator's)"
        )
    errors = [f"{error['title']}: {_detail(error)}" for error in problem.get("errors", ())]
    if not errors:
        detail = problem.get("message") or response.text or response.reason_phrase
        errors = [f"{problem.get('title', response.reason_phrase)}: {_detail({'detail': detail, **problem})}"]
    return f"{response.status_code} {'; '.join(errors)}"


def _detail(error: Mapping[str, Any]) -> str:
    return f"{error['detail']} [{error['field']}]" if error.get("field") else str(error["detail"])


def order_request(
    lines: Iterable[tuple[str, int]],
    payment_method: str = "pm_card_visa",
    expected_total: Money | None = None,
) -> dict[str, Any]:
    """Return the request for an order of these SKUs and quantities, sent to an example address."""
    expectation = {"expected_total": asdict(expected_total)} if expected_total else {}
    return {
        **expectation,
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "payment_method": payment_method,
        "address": {
            "name": "A. Customer",
            "street": "1 Harbour Street",
            "city": "Ghent",
            "postal_code": "9000",
            "country": "BE",
        },
    }
