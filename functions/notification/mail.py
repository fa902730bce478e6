"""The mail system: what notification asks of one, and SES behind it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from functions.notification.letters import Letter, letter
from tidings.contracts import EmailKind, OrderPlaced

if TYPE_CHECKING:
    from mypy_boto3_ses import SESClient

MAX_DETAIL = 256

REJECTIONS = {"MessageRejected", "InvalidParameterValue"}
"""How SES refuses a mail for good (Amazon SES Developer Guide, "Amazon SES API errors")."""

OUR_OWN_FAULT = ("not verified", "suspended", "paused")
"""What it says where the fault is our account's and not the customer's address: the mail goes once that is mended."""


@dataclass(frozen=True)
class Send:
    """Send the customer of an order the e-mail of this kind; `detail` is what it tells beside the order."""

    kind: EmailKind
    order: str
    placed: OrderPlaced
    detail: str
    correlation: str
    traceparent: str


@dataclass(frozen=True)
class Sent:
    """The mail system has taken it, under this id."""

    kind: EmailKind
    message: str


@dataclass(frozen=True)
class Rejected:
    """The mail system will never take it for this address."""

    kind: EmailKind
    detail: str


class Mailer(Protocol):
    """A mail system. Any error of it means: try again later."""

    def send(self, effect: Send, letter: Letter) -> Sent | Rejected:
        """Sends a letter, tagged so that a later bounce tells which it was."""


def perform(mailer: Mailer, effect: Send) -> Sent | Rejected:
    """Writes the letter, and sends it."""
    return mailer.send(effect, letter(effect.kind, effect.order, effect.placed, effect.detail))


class SesMailer:
    """Amazon SES, by its first API: the model of the second one takes three times as long to load."""

    def __init__(self, client: "SESClient", sender: str, configuration_set: str) -> None:
        self._client = client
        self._sender = sender
        self._configuration_set = configuration_set

    def send(self, effect: Send, letter: Letter) -> Sent | Rejected:
        """One SendEmail. Tags take letters, digits, `-` and `_` only, and so the correlation id goes as hexadecimal."""
        tags = {
            "order": effect.order,
            "kind": effect.kind,
            "correlation": effect.correlation.encode().hex(),
            "trace": effect.traceparent,
        }
        try:
            answer = self._client.send_email(
                Source=self._sender,
                Destination={"ToAddresses": [effect.placed.email]},
                Message={
                    "Subject": {"Data": letter.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": letter.text, "Charset": "UTF-8"},
                        "Html": {"Data": letter.html, "Charset": "UTF-8"},
                    },
                },
                Tags=[{"Name": name, "Value": value} for name, value in tags.items()],
                ConfigurationSetName=self._configuration_set,
            )
        except ClientError as error:
            refusal = error.response["Error"]
            if refusal["Code"] not in REJECTIONS or any(words in refusal["Message"] for words in OUR_OWN_FAULT):
                raise
            return Rejected(effect.kind, refusal["Message"][:MAX_DETAIL])
        return Sent(effect.kind, answer["MessageId"])
