"""The simulated gateway's webhooks, in the form and with the signature of Stripe's.

Stripe also sends an event after each authorization, capture and refund that it answered at once. The simulated gateway
does not: the shop knows the answer, and each event costs two invocations and a message.
"""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable

from functions.payment.simulated.payment import News
from tidings.core import clock as machine
from tidings.core.clock import Clock
from tidings.core.errors import described
from tidings.observability.log import logger

TIMEOUT = 3.0
"""Seconds to wait for the receiver. The shop's call to the gateway waits for as long."""

SCHEMES = ("http://", "https://")


class WebhookSender:
    """A sender of signed events. An event that cannot be sent is logged and dropped, since the shop asks by itself.

    Args:
        url: The address of the receiver.
        secrets: Returns the signing secrets, separated by white space. The first one signs.
        clock: The current time.
    """

    def __init__(self, url: str, secrets: Callable[[], str], clock: Clock = machine.now) -> None:
        self._url = url
        self._secrets = secrets
        self._clock = clock

    def __call__(self, news: News) -> None:
        """Send an event."""
        time = self._clock() // 1000
        identity = f"evt_{uuid.uuid4().hex}"
        event = {
            "id": identity,
            "object": "event",
            "type": news.type,
            "created": time,
            "livemode": False,
            "data": {"object": news.object},
        }
        try:
            self._post(json.dumps(event).encode(), time)
        except Exception as error:  # noqa: BLE001 - a lost webhook loses nothing
            extra = {"event_type": news.type, "webhook_id": identity, "error": described(error)}
            logger.warning("a webhook of the simulated gateway was not received", extra=extra)

    def _post(self, body: bytes, time: int) -> None:
        # Few payments need it.
        from urllib.request import Request, urlopen

        if not self._url.startswith(SCHEMES):
            raise ValueError("the receiver's address is not one of HTTP")
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": self._signature(body, time)}
        request = Request(self._url, body, headers, method="POST")  # noqa: S310 - it is one of HTTP
        urlopen(request, timeout=TIMEOUT).close()  # noqa: S310 - the same

    def _signature(self, body: bytes, time: int) -> str:
        """Return the header that Stripe sends (Stripe Docs, "Verify webhook signatures manually")."""
        secret = self._secrets().split()[0]
        signed = hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={time},v1={signed}"
