"""The simulated gateway over its table, with an item for each payment."""

import hmac
import re
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from contracts.values.money import Money
from functions.payment.gateway import (
    KEYS_KEPT,
    Approval,
    AuthorizationOutcome,
    CaptureOutcome,
    Declined,
    Inspection,
    Labels,
    Opened,
    Origin,
    RefundOutcome,
    VoidOutcome,
)
from functions.payment.simulated import payment as decisions
from functions.payment.simulated.payment import Answer, Change, News, SimulatedPayment
from tidings.core import clock as machine
from tidings.core.clock import Clock
from tidings.core.errors import RetryableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

T = TypeVar("T")

TOO_SMALL, TOO_LARGE, INVALID_CURRENCY = "amount_too_small", "amount_too_large", "invalid_currency"

PUBLISHABLE_KEY = "pk_simulated"
SECRET_FORM = re.compile(r"(pay_[0-9a-f]{32})_secret_[0-9a-f]{32}")

PAGE = "/simulated-bank"
"""The path of the bank's page."""

PAGE_OF_PAYMENT = f"../..{PAGE}"
"""The address of the bank's page, relative to that of an order's payment: `/orders/{id}/payment`."""

_NAMESPACE = uuid.UUID("0c9bd7ef-95b0-4d2f-9f0a-6a7d4ee1b9f4")


class SimulatedGateway:
    """The gateway.

    The attribute `captured` of an item counts how often the money was captured, and `refunded` is the amount that went
    back, so that a test can tell one charge and one refund from two.

    Args:
        client: The client of DynamoDB.
        table: The table's name.
        totals: The smallest and the largest amount that is taken, by currency.
        stage: The shop's stage.
        webhooks: Receives what changed at the gateway without a call of the shop.
        pace: Waits before each call until the rate of calls allows it.
        clock: The current time.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        totals: Mapping[str, tuple[int, int]],
        stage: str,
        webhooks: Callable[[News], None],
        pace: Callable[[], None] = lambda: None,
        clock: Clock = machine.now,
    ) -> None:
        self._client = client
        self._table = table
        self._totals = totals
        self._stage = stage
        self._webhooks = webhooks
        self._pace = pace
        self._clock = clock

    def open(self, order: str, amount: Money, method: str, origin: Origin) -> Opened | Declined:
        """Put a payment, unless the order has one. Decline an amount that is not taken."""
        self._pace()
        if code := self._refusal(amount):
            return Declined(code)
        payment = _payment_of(order)
        self._put(
            SimulatedPayment(
                id=payment,
                order=order,
                stage=self._stage,
                correlation=origin.correlation,
                trace=origin.trace,
                amount=amount.amount,
                currency=amount.currency,
                method=method,
                client_secret=f"{payment}_secret_{secrets.token_hex(16)}",
                status="open",
                captured=0,
                version=1,
            )
        )
        return Opened(payment)

    def find(self, order: str, placed: int) -> str | None:
        """Return the order's payment; None if the order was placed less than `KEYS_KEPT` ago."""
        if self._clock() - placed < KEYS_KEPT:
            return None
        self._pace()
        payment = _payment_of(order)
        return payment if self._read(payment) else None

    def authorize(self, payment: str) -> AuthorizationOutcome:
        """Have an open payment decided, as its method selects."""
        self._pace()
        outcome = self._change(payment, decisions.authorize)
        if outcome is None:
            raise RetryableError("the gateway failed; nothing was reserved")
        return outcome

    def capture(self, payment: str) -> CaptureOutcome:
        """Capture an authorized payment, or let its authorization expire, as its method selects."""
        self._pace()
        return self._change(payment, partial(decisions.capture, now=self._clock()))

    def void(self, payment: str) -> VoidOutcome:
        """Void a payment whose money has not moved."""
        self._pace()
        return self._change(payment, decisions.void)

    def refund(self, payment: str, attempt: str, amount: Money | None) -> RefundOutcome:
        """Refund a part of a captured payment, or look at the refund that was made under the attempt's name."""
        self._pace()
        return self._change(payment, partial(decisions.refund, attempt=attempt, amount=amount))

    def inspect(self, payment: str) -> Inspection:
        """Return the payment, its refunds and its dispute."""
        self._pace()
        return self._change(payment, decisions.inspect)

    def approval(self, payment: str) -> Approval | None:
        """Return what a browser needs for a payment that awaits its customer's approval.

        The secret is in the page's address, as in those of Stripe's redirects: a bank knows no customer of the shop, so
        the address itself must show who may approve. It is in the query, because access logs record the path, and not
        in the fragment, which only a script could read, and the page allows none. It approves this payment only, and
        the page sends its address to nobody (`Referrer-Policy: no-referrer`).
        """
        self._pace()
        found = self._read(payment)
        if found is None or found.status != "action_required":
            return None
        return Approval(PUBLISHABLE_KEY, found.client_secret, f"{PAGE_OF_PAYMENT}?client_secret={found.client_secret}")

    def labels(self, payment: str) -> Labels | None:
        """Return the labels of a payment of this stage."""
        self._pace()
        found = self._read(payment)
        if found is None or found.stage != self._stage:
            return None
        return Labels(found.order, Origin(found.correlation, found.trace))

    def disputed_since(self, time: int) -> Iterator[str]:
        """Read the whole table, and iterate over the payments with a dispute that began since a time."""
        self._pace()
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="disputed_at >= :time",
            ExpressionAttributeValues={":time": {"N": str(time)}},
            ProjectionExpression="pk",
        )
        for page in pages:
            yield from (item["pk"]["S"] for item in page["Items"])

    # The bank

    def payment_of(self, client_secret: str) -> SimulatedPayment | None:
        """Return the payment with a client secret; None if there is no such payment."""
        form = SECRET_FORM.fullmatch(client_secret)
        found = self._read(form[1]) if form else None
        # A comparison that ends at the first difference would tell a guesser how much of the secret is right.
        return found if found and hmac.compare_digest(found.client_secret, client_secret) else None

    def answer(self, payment: str, answer: Answer) -> SimulatedPayment:
        """Record the customer's answer, if the payment awaits one, and return the payment."""
        return self._change(payment, partial(decisions.answered, answer=answer))

    def close_dispute(self, payment: str, status: Literal["won", "lost"]) -> None:
        """Close the payment's open dispute."""
        self._change(payment, partial(decisions.close_dispute, status=status))

    def _refusal(self, amount: Money) -> str:
        """Return the code of the reason for which an amount is not taken; empty if it is."""
        if amount.currency not in self._totals:
            return INVALID_CURRENCY
        smallest, largest = self._totals[amount.currency]
        return TOO_SMALL if amount.amount < smallest else TOO_LARGE if amount.amount > largest else ""

    def _change(self, payment: str, decide: Callable[[SimulatedPayment], Change[T]]) -> T:
        """Store what a call makes of a payment, send what changed besides, and return the call's outcome.

        The write is conditional on the version that was read. If another call was first, the call is decided again.
        """
        while True:
            before = self._existing(payment)
            change = decide(before)
            if change.payment == before:
                return change.outcome
            if self._put(replace(change.payment, version=before.version + 1)):
                for news in change.news:
                    self._webhooks(news)
                return change.outcome

    def _put(self, payment: SimulatedPayment) -> bool:
        """Store a version of a payment. Return False if that version exists."""
        item = msgspec.to_builtins(payment) | {"refunded": payment.refunded}
        try:
            self._client.put_item(
                TableName=self._table,
                Item={name: _attribute(value) for name, value in item.items()},
                ConditionExpression="attribute_not_exists(pk) OR #version < :version",
                ExpressionAttributeNames={"#version": "version"},
                ExpressionAttributeValues={":version": _attribute(payment.version)},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _existing(self, payment: str) -> SimulatedPayment:
        found = self._read(payment)
        if found is None:
            raise LookupError(f"there is no payment {payment!r}")
        return found

    def _read(self, payment: str) -> SimulatedPayment | None:
        answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": payment}}, ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None


def _payment_of(order: str) -> str:
    """Return the id of the payment that is opened for an order."""
    return f"pay_{uuid.uuid5(_NAMESPACE, order).hex}"


def from_item(item: "Mapping[str, AttributeValueTypeDef]") -> SimulatedPayment:
    """Return the payment of an item."""
    return msgspec.convert({name: _value(each) for name, each in item.items()}, SimulatedPayment)


def _attribute(value: Any) -> "AttributeValueTypeDef":
    """Return a text, a whole number or an object of these in DynamoDB's form."""
    if isinstance(value, dict):
        return {"M": {name: _attribute(each) for name, each in value.items()}}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _value(attribute: Any) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "M":
        return {name: _value(each) for name, each in value.items()}
    return int(value) if kind == "N" else value
