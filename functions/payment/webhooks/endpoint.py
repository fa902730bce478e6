"""The endpoint that receives Stripe's webhooks.

It verifies that Stripe has sent an event, and puts a report on payment's queue. Anyone can send requests to it.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from stripe import SignatureVerificationError, WebhookSignature

from functions.payment.reports import ReportQueue
from functions.payment.webhooks.events import report_of
from tidings.aws.secrets import Secret
from tidings.core import clock
from tidings.core.event import new_traceparent
from tidings.http.problems import FAILED, TOO_LARGE, Problem, Rule
from tidings.http.server import Answer, refuse
from tidings.observability.log import logger

MAX_BYTES = 256 * 1024
"""Maximum number of bytes in a body. Stripe's events have a few thousand."""

TOLERANCE = 300
"""Maximum age of a signature in seconds, so that nobody can repeat an old request (Stripe Docs, "Webhooks")."""

SECRETS_AGE = 60.0
"""Seconds for which the signing secrets are cached. A signature that does not fit has them not read again earlier,
because anyone can send one. Stripe repeats an event that was refused meanwhile."""

NOT_SIGNED = Rule(400, "Not signed", "The request has no valid signature of Stripe, or an old one.")
NOT_AN_EVENT = Rule(400, "Not an event", "The request is signed, and its body is no event of Stripe.")


class Endpoint:
    """The endpoint.

    Args:
        secrets: One or two signing secrets, separated by white space: during a rotation the new one and the old one.
        reports: Payment's queue.
        stage: The stage's name. Events of other stages are dropped.
        count: Counts what became of the requests, by the names of metrics.
    """

    def __init__(
        self, secrets: Secret, reports: ReportQueue, stage: str, count: Callable[[Mapping[str, int]], None]
    ) -> None:
        self._secrets = secrets
        self._reports = reports
        self._stage = stage
        self._count = count

    def answer(self, request: Mapping[str, Any]) -> Answer:
        """Answer a request of an HTTP API: 200 if nothing remains to be done. Stripe repeats an event otherwise."""
        received = refused = dropped = 0
        try:
            if self._receive(request):
                received = 1
            else:
                dropped = 1
            answer: Answer = {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}"}
        except Problem as problem:
            refused = 1
            # Neither the body nor the header is logged: anyone can send them, and an event contains personal data.
            logger.info("a webhook was refused", extra={"title": problem.rule.title})
            answer = refuse(problem)
        except Exception:
            logger.exception("a webhook could not be received")
            answer = refuse(Problem(FAILED, "Something failed on our side. Send the event again."))
        self._count({"WebhooksReceived": received, "WebhooksRefused": refused, "WebhooksDropped": dropped})
        return answer

    def _receive(self, request: Mapping[str, Any]) -> bool:
        """Put the report of a signed event on the queue, and return whether the event concerns this stage.

        Raises:
            Problem: If the request is too large, has no valid signature, or is no event.
        """
        body = _body(request)
        self._verify(body, request.get("headers") or {})
        trace = new_traceparent()
        try:
            report = report_of(body, self._stage, clock.now(), trace)
        except ValueError as error:
            raise Problem(NOT_AN_EVENT, "The event has not the form of its type.") from error
        if report is not None:
            self._reports.send(report)
        return report is not None

    def _verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Verify a body's signature by each secret.

        Raises:
            Problem: If no secret's signature fits, or it is too old.
        """
        header = next((text for name, text in headers.items() if name.lower() == "stripe-signature"), "")
        # Stripe's library compares texts in constant time, for which Python requires ASCII.
        if not header or not header.isascii():
            raise Problem(NOT_SIGNED, "The header `Stripe-Signature` is missing, or has not its form.")
        for secret in self._secrets.value().split():
            try:
                WebhookSignature.verify_header(body, header, secret, TOLERANCE)
            except (SignatureVerificationError, UnicodeDecodeError):
                continue
            return
        raise Problem(NOT_SIGNED, "The signature is not Stripe's, or is too old.")


def _body(request: Mapping[str, Any]) -> bytes:
    """Return a request's body, byte for byte.

    Raises:
        Problem: If it is too large, or cannot be read.
    """
    text = request.get("body") or ""
    # The text is measured before it is decoded. Base64 has four characters for three bytes.
    if len(text) > (MAX_BYTES + 2) // 3 * 4:
        raise Problem(TOO_LARGE, f"The body may have {MAX_BYTES} bytes at most.")
    try:
        body = base64.b64decode(text, validate=True) if request.get("isBase64Encoded") else text.encode()
    except ValueError as error:
        raise Problem(NOT_SIGNED, "The body cannot be read.") from error
    if len(body) > MAX_BYTES:
        raise Problem(TOO_LARGE, f"The body may have {MAX_BYTES} bytes at most.")
    return body
