"""The bank's server: answers an HTTP API's requests for its pages."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

from functions.payment.bank.pages import HEADERS, Page, error_page, payment_page
from functions.payment.simulated import SimulatedPayment
from functions.payment.simulated.payment import Answer
from tidings.core.errors import described
from tidings.observability.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

FORM = "application/x-www-form-urlencoded"

MAX_BODY_BYTES = 256
"""Maximum size of a form, which has one short field."""

ANSWERS: Mapping[str, Answer] = {"approve": "approved", "decline": "declined"}
"""The customer's answer by the value of the field `decision`."""


class Bank(Protocol):
    """The simulated gateway, as the bank's page uses it."""

    def payment_of(self, client_secret: str) -> SimulatedPayment | None:
        """Return the payment with a client secret; None if there is no such payment."""

    def answer(self, payment: str, answer: Answer) -> SimulatedPayment:
        """Record the customer's answer, if the payment awaits one, and return the payment."""


def serve(bank: Bank) -> "Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]":
    """Return the Lambda handler of `GET` and `POST /simulated-bank?client_secret=…`.

    Args:
        bank: The simulated gateway.
    """

    def handler(event: Mapping[str, Any], _context: "LambdaContext") -> dict[str, Any]:
        logger.append_keys(correlation_id=event["requestContext"]["requestId"])
        try:
            page = _answer(bank, event)
        except Exception as error:  # noqa: BLE001 - every request is answered
            logger.error("a page of the simulated bank failed", extra={"error": described(error)})
            page = error_page(503, "The bank does not answer", "Please load this page again in a moment.")
        return {"statusCode": page.status, "headers": HEADERS, "body": page.html}

    return handler


def _answer(bank: Bank, event: Mapping[str, Any]) -> Page:
    payment = bank.payment_of((event.get("queryStringParameters") or {}).get("client_secret", ""))
    if payment is None:
        return error_page(404, "There is no such payment", "Please use the address that the shop gave you.")
    if event["requestContext"]["http"]["method"] == "GET":
        return payment_page(payment)
    decision = _decision(event)
    if isinstance(decision, Page):
        return decision
    after = bank.answer(payment.id, decision)
    return payment_page(after, 200 if after.answer == decision else 409)


def _decision(event: Mapping[str, Any]) -> Answer | Page:
    """Return the answer in a form, or the page that refuses the form."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return error_page(415, "This is no form", f"Please send a form as {FORM}.")
    text = event.get("body") or ""
    if len(text) > 2 * MAX_BODY_BYTES:
        return _too_large()
    try:
        content = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
        if len(content) > MAX_BODY_BYTES:
            return _too_large()
        fields = parse_qs(content.decode(), strict_parsing=True, max_num_fields=1)
    except ValueError:
        fields = {}
    answer = ANSWERS.get(fields.get("decision", [""])[0])
    return answer or error_page(400, "There is no decision", "The field decision must be approve or decline.")


def _too_large() -> Page:
    return error_page(413, "The form is too large", f"It may have {MAX_BODY_BYTES} bytes at most.")
