"""A mail system, which takes every letter except to the addresses that it will not write to."""

from collections import Counter

from functions.notification.letters import Letter
from functions.notification.mail import Rejected, Send, Sent
from tidings.contracts import EmailKind

BAD_ADDRESS = "bad@customers.example"


class MemoryMailer:
    """The e-mails that it took: how many of each kind, by order."""

    def __init__(self) -> None:
        self.sent: Counter[tuple[str, EmailKind]] = Counter()

    def send(self, effect: Send, letter: Letter) -> Sent | Rejected:
        if effect.order not in letter.subject:
            raise ValueError("the letter is about another order")
        if effect.placed.email == BAD_ADDRESS:
            return Rejected(effect.kind, "no such address")
        self.sent[effect.order, effect.kind] += 1
        return Sent(effect.kind, f"mail-{self.sent.total()}")
