"""The mail port: its effect and its outcomes, and Amazon SES behind it."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError
from msgspec import Struct

from contracts.orders.order_placed import OrderPlaced
from contracts.values.email import EmailKind
from contracts.values.recipient import Recipient
from functions.notification.templates import RenderedEmail, render
from tidings.core.errors import as_code

if TYPE_CHECKING:
    from mypy_boto3_ses import SESClient

REJECTIONS = {"MessageRejected", "InvalidParameterValue"}
"""The codes with which SES refuses an e-mail for good (Amazon SES Developer Guide, "Amazon SES API errors")."""

ACCOUNT_ERRORS = ("not verified", "suspended", "paused")
"""Texts with which SES says that our account is the cause, not the address. The e-mail is retried."""

ABOUT_ADDRESS = re.compile("address|domain", re.IGNORECASE)
"""The words of a refusal because of the address: `Address blacklisted.`, `Missing final '@domain'`."""


class Sent(Struct, frozen=True):
    """The mail system accepted the e-mail under this id."""

    kind: EmailKind
    message: str


class Rejected(Struct, frozen=True):
    """The e-mail will never be accepted.

    Attributes:
        kind: The kind of e-mail.
        code: Why, as a fixed word.
        address_bad: Whether the address accepts no e-mail at all.
    """

    kind: EmailKind
    code: str
    address_bad: bool


class Mailer(Protocol):
    """A mail system. Any error means: it is unknown whether the e-mail was sent."""

    def send(self, request: "Send", email: RenderedEmail) -> Sent | Rejected:
        """Send an e-mail, tagged so that a later bounce identifies it."""


class Send(Struct, frozen=True):
    """The request to send the customer of an order the e-mail of this kind.

    Attributes:
        kind: The kind of e-mail.
        order: The order's id.
        placed: What was ordered.
        recipient: Who receives the e-mail.
        detail: The reason of a cancellation or the tracking of a dispatch.
        time: The time of the event that causes it, in milliseconds since 1970.
        correlation_id: The correlation id of that event.
        traceparent: The trace context of that event.
    """

    kind: EmailKind
    order: str
    placed: OrderPlaced
    recipient: Recipient
    detail: str
    time: int
    correlation_id: str
    traceparent: str

    def perform(self, mailer: Mailer) -> Sent | Rejected:
        """Render the e-mail, and send it."""
        return mailer.send(self, render(self.kind, self.order, self.placed, self.recipient, self.detail))


class SesMailer:
    """Amazon SES by its first API. The model of the second one takes three times as long to load.

    Args:
        client: The client.
        sender: The address that e-mails come from.
        configuration_set: The configuration set that reports what becomes of them.
        pace: Waits before each e-mail until the rate of e-mails allows it.
    """

    def __init__(
        self, client: "SESClient", sender: str, configuration_set: str, pace: Callable[[], None] = lambda: None
    ) -> None:
        self._client = client
        self._pace = pace
        self._sender = sender
        self._configuration_set = configuration_set

    def send(self, request: Send, email: RenderedEmail) -> Sent | Rejected:
        """Send an e-mail by one SendEmail.

        Tags accept letters, digits, `-` and `_` only, so the correlation id is encoded as hexadecimal.
        """
        tags = {
            "order": request.order,
            "kind": request.kind,
            "correlation": request.correlation_id.encode().hex(),
            "trace": request.traceparent,
        }
        self._pace()
        try:
            answer = self._client.send_email(
                Source=self._sender,
                Destination={"ToAddresses": [request.recipient.email]},
                Message={
                    "Subject": {"Data": email.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": email.text, "Charset": "UTF-8"},
                        "Html": {"Data": email.html, "Charset": "UTF-8"},
                    },
                },
                Tags=[{"Name": name, "Value": value} for name, value in tags.items()],
                ConfigurationSetName=self._configuration_set,
            )
        except ClientError as error:
            refusal = error.response["Error"]
            code, text = refusal["Code"], refusal["Message"]
            if code not in REJECTIONS or any(words in text for words in ACCOUNT_ERRORS):
                raise
            # The text may contain the address, and goes no further.
            return Rejected(request.kind, as_code(code), address_bad=ABOUT_ADDRESS.search(text) is not None)
        return Sent(request.kind, answer["MessageId"])
