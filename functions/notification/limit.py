"""The limit of e-mails about orders, for each customer and hour."""

from msgspec import Struct

from contracts.values.email import EmailKind
from functions.notification.mail import Mailer, Rejected, Send, Sent
from functions.notification.templates import RenderedEmail
from tidings.core.clock import to_rfc3339
from tidings.core.decisions import Increment, Numbers
from tidings.core.entity import reserved_key
from tidings.core.ports import ConditionFailedError, Table

LIMITED = "limited"
"""The code of an e-mail that is not sent because its customer had as many as an hour allows."""

HOUR = 60 * 60 * 1000
KEPT_DAYS = 29
"""Number of days for which an hour's count is kept. A message can wait 14 days in a queue and 14 more in a dead-letter
queue, and its e-mail must still find its hour."""

LEFT = "left"
"""The number of e-mails that are left of an hour. It falls by one for each."""


class LimitedMailer(Struct, frozen=True):
    """A mail system that receives a limited number of e-mails about orders for each customer and hour.

    The hour is that of the event that causes the e-mail, so a repeated event counts in the same hour. An e-mail is
    counted by one conditional write before it is sent, and remembered there. If it is tried again, it is not counted
    again, and it is not limited if it was not before.

    Attributes:
        mailer: The mail system.
        table: The table with the counts.
        per_hour: Maximum number of e-mails to one customer in an hour.
    """

    mailer: Mailer
    table: Table
    per_hour: int

    def send(self, request: Send, email: RenderedEmail) -> Sent | Rejected:
        """Send an e-mail if the limit allows it."""
        if not self.count(request.order, request.kind, request.placed.customer, request.time):
            return Rejected(request.kind, LIMITED, address_bad=False)
        return self.mailer.send(request, email)

    def count(self, order: str, kind: EmailKind, customer: str, time: int) -> bool:
        """Take an e-mail from what is left of its hour. Return whether it may be sent. A repeat takes nothing.

        Args:
            order: The order that it is about.
            kind: Its kind.
            customer: The customer.
            time: The time of the event that causes it, in milliseconds since 1970.
        """
        mark = f"{order}/{kind}"
        start: Numbers = {LEFT: self.per_hour, mark: 1}
        hour = time // HOUR
        increment = Increment(
            count_key(customer, time),
            add=dict.fromkeys(start, -1),
            at_least=dict.fromkeys(start, 1),
            start=start,
            expires=(hour + 1) * HOUR // 1000 + KEPT_DAYS * 24 * 60 * 60,
        )
        try:
            self.table.commit([], [increment])
        except ConditionFailedError as error:
            ((_, found),) = error.failed.failures
            # An e-mail that is limited leaves no mark.
            return mark in (found or {})
        return True


def count_key(customer: str, time: int) -> str:
    """Return the key of the item that counts a customer's e-mails of the hour of a time in milliseconds since 1970."""
    return reserved_key("mails", customer, to_rfc3339(time)[:13])
