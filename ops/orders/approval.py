"""The approval of an order's payment in a terminal, on the page of the simulated bank."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

from ops.errors import CommandError
from ops.orders.client import RefusedError, ShopClient
from tidings.recovery import wait_until

Decision = Literal["approve", "decline"]

# The first payment starts its functions cold.
AUTHORIZATION_SECONDS = 60


def decide_approval(customer: ShopClient, order: str, decision: Decision) -> None:
    """Approve or decline an order's payment as its customer. Wait until the bank has asked for that.

    Args:
        customer: The API as the order's customer.
        order: The order's id.
        decision: What to do.

    Raises:
        RefusedError: If the customer has no such order.
        CommandError: If the payment awaits no approval, only a browser can approve it, or the bank refuses.
        TimeoutError: If payment has not begun with the order after a minute.
    """
    payment = wait_until(lambda: _begun(customer, order), AUTHORIZATION_SECONDS, "the order's payment")
    approval = payment["approval"]
    if approval is None:
        status = payment["status"].replace("_", " ")
        raise CommandError(f"the payment of order {order} awaits no approval; its status is: {status}")
    if payment["gateway"] != "simulated":
        raise CommandError(
            "at Stripe only the customer's browser can approve a payment; see docs/guides/take-payments-with-stripe.md"
        )
    customer.decide(order, approval["url"], decision)


def _begun(customer: ShopClient, order: str) -> Mapping[str, Any] | None:
    """Return the customer's view of a payment; None until the gateway has answered for the first time."""
    try:
        payment = customer.payment(order)
    except RefusedError as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        # Either the order is not this customer's, which orders knows, or payment has not heard of it yet.
        customer.order(order)
        return None
    return payment if payment["status"] != "authorizing" else None
