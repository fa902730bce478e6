"""The simulated payment gateway, for stages without a real one. It keeps payments in a table and moves no money.

The payment method's id selects the outcome:

- `pm_card_visa` succeeds.
- `pm_card_declined` and `pm_card_insufficient_funds` are declined.
- `pm_card_error_once` succeeds after its first authorization failed.
- `pm_card_authorization_expires` is authorized, and its capture fails for good.
- `pm_card_refund_pending` succeeds. Its refund is pending when it is made, and has succeeded at the next look.
- `pm_card_refund_fails` succeeds, and its refund fails for good.

As with Stripe, an amount that is too small or too large, or in another currency, is declined before a payment is
opened.
"""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from contracts.values.money import Money
from functions.payment.gateway import (
    AUTHORIZATION_EXPIRED,
    UNKNOWN_METHOD,
    AuthorizationOutcome,
    Authorized,
    Cancelled,
    Captured,
    CaptureOutcome,
    Declined,
    NotRefunded,
    Opened,
    Refunded,
    RefundPending,
    Voided,
)
from tidings.core.errors import RetryableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

DECLINES = {
    "pm_card_declined": "card_declined",
    "pm_card_insufficient_funds": "insufficient_funds",
}
EXPIRES, REFUND_PENDING, REFUND_FAILS = (
    "pm_card_authorization_expires",
    "pm_card_refund_pending",
    "pm_card_refund_fails",
)
APPROVED = {"pm_card_visa", "pm_card_error_once", EXPIRES, REFUND_PENDING, REFUND_FAILS}

REFUND_FAILURE = "expired_or_canceled_card"

TOO_SMALL, TOO_LARGE, INVALID_CURRENCY = "amount_too_small", "amount_too_large", "invalid_currency"

_NAMESPACE = uuid.UUID("0c9bd7ef-95b0-4d2f-9f0a-6a7d4ee1b9f4")


class SimulatedGateway:
    """The gateway over its own table, with an item for each payment.

    The attributes `captured` and `refunded` count how often the money moved each way, so that a test can tell one
    charge from two.

    Args:
        client: The client of DynamoDB.
        table: The table's name.
        totals: The smallest and the largest amount that is taken, by currency.
    """

    def __init__(self, client: "DynamoDBClient", table: str, totals: Mapping[str, tuple[int, int]]) -> None:
        self._client = client
        self._table = table
        self._totals = totals

    def open(self, order: str, amount: Money, method: str) -> Opened | Declined:
        """Put a payment, unless the order has one. Decline an amount that is not taken."""
        if code := self._refusal(amount):
            return Declined(code)
        payment = f"pay_{uuid.uuid5(_NAMESPACE, order).hex}"
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": payment},
                    "order": {"S": order},
                    "amount": {"N": str(amount.amount)},
                    "currency": {"S": amount.currency},
                    "method": {"S": method},
                    "status": {"S": "open"},
                    "authorizations": {"N": "0"},
                    "captured": {"N": "0"},
                    "refunded": {"N": "0"},
                },
                ConditionExpression="attribute_not_exists(pk)",
            )
        return Opened(payment)

    def authorize(self, payment: str) -> AuthorizationOutcome:
        """Authorize or decline a payment, as its method selects."""
        item = self._item(payment)
        method = item["method"]["S"]
        if item["status"]["S"] == "open" and method == "pm_card_error_once" and item["authorizations"]["N"] == "0":
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": payment}},
                UpdateExpression="ADD authorizations :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
            raise RetryableError("the gateway failed; nothing was reserved")
        if item["status"]["S"] == "open":
            item = self._move(payment, "open", "authorized" if method in APPROVED else "declined")
        return Authorized() if item["status"]["S"] == "authorized" else self._ended(item)

    def capture(self, payment: str) -> CaptureOutcome:
        """Capture an authorized payment, or let its authorization expire, as its method selects."""
        item = self._item(payment)
        if item["status"]["S"] == "authorized" and item["method"]["S"] == EXPIRES:
            item = self._move(payment, "authorized", "expired")
        elif item["status"]["S"] == "authorized":
            item = self._move(payment, "authorized", "captured", counts=True)
        return self._ended(item)

    def cancel(self, payment: str) -> Cancelled:
        """Void a payment whose money has not moved, or refund a captured one."""
        while True:
            item = self._item(payment)
            match item["status"]["S"]:
                case "captured" if item["method"]["S"] in (REFUND_PENDING, REFUND_FAILS):
                    after = "refund_pending" if item["method"]["S"] == REFUND_PENDING else "refund_failed"
                    item = self._move(payment, "captured", after)
                case "captured" | "refund_pending" as status:
                    item = self._move(payment, status, "refunded", counts=True)
                case "open" | "authorized" as status:
                    item = self._move(payment, status, "voided")
            match item["status"]["S"]:
                case "refunded":
                    return Refunded(_amount(item))
                case "refund_pending":
                    return RefundPending()
                case "refund_failed":
                    return NotRefunded(REFUND_FAILURE)
                case "voided" | "declined" | "expired":
                    return Voided()
            # Another call changed the payment between the read and the update.

    def _refusal(self, amount: Money) -> str:
        """Return the code of the reason for which an amount is not taken; empty if it is."""
        if amount.currency not in self._totals:
            return INVALID_CURRENCY
        smallest, largest = self._totals[amount.currency]
        return TOO_SMALL if amount.amount < smallest else TOO_LARGE if amount.amount > largest else ""

    def _move(
        self, payment: str, before: str, after: str, *, counts: bool = False
    ) -> "dict[str, AttributeValueTypeDef]":
        """Change a payment's status, and return the payment. If another call was first, return what that made of it."""
        expression = f"SET #status = :after{f' ADD {after} :one' if counts else ''}"
        values: dict[str, AttributeValueTypeDef] = {":before": {"S": before}, ":after": {"S": after}}
        if counts:
            values[":one"] = {"N": "1"}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": payment}},
                UpdateExpression=expression,
                ConditionExpression="#status = :before",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return self._item(payment)
        return answer["Attributes"]

    def _item(self, payment: str) -> "dict[str, AttributeValueTypeDef]":
        answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": payment}}, ConsistentRead=True)
        return answer["Item"]

    @staticmethod
    def _ended(item: "dict[str, AttributeValueTypeDef]") -> CaptureOutcome:
        """Return the outcome of a payment that has ended.

        Raises:
            ValueError: If it has not ended. Stripe, too, captures no payment that it has not authorized.
        """
        match item["status"]["S"]:
            case "captured" | "refund_pending" | "refund_failed":
                return Captured()
            case "refunded":
                return Refunded(_amount(item))
            case "voided":
                return Voided()
            case "expired":
                return Declined(AUTHORIZATION_EXPIRED)
            case "declined":
                return Declined(DECLINES.get(item["method"]["S"], UNKNOWN_METHOD))
            case status:
                raise ValueError(f"the payment {item['pk']['S']} is {status}")


def _amount(item: "dict[str, AttributeValueTypeDef]") -> Money:
    return Money(int(item["amount"]["N"]), item["currency"]["S"])
