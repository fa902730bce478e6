"""A mail system. It accepts every e-mail except those to bad addresses."""

from collections import Counter

from functions.notification.mail import Rejected, Send, Sent
from functions.notification.templates import RenderedEmail

BAD = "bad."
"""The beginning of addresses that accept no e-mail."""


class MemoryMailer:
    """A mail system. `sent` counts the accepted e-mails by order and kind."""

    def __init__(self) -> None:
        self.sent: Counter[tuple[str, str]] = Counter()

    def send(self, request: Send, email: RenderedEmail) -> Sent | Rejected:
        if request.order not in email.subject:
            raise ValueError("the e-mail is about another order")
        if request.recipient.email.startswith(BAD):
            return Rejected(request.kind, "MessageRejected", address_bad=True)
        self.sent[request.order, request.kind] += 1
        return Sent(request.kind, f"mail-{self.sent.total()}")
