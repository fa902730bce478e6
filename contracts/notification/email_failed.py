"""The contract of `EmailFailed`."""

from contracts.values.email import EmailKind
from contracts.values.order import OrderEvent
from contracts.values.text import Code


class EmailFailed(OrderEvent, frozen=True, kw_only=True):
    """An e-mail was not delivered and will not be tried again.

    `code` is why: an enhanced status code of a mail server (RFC 3463) such as `5.1.1`, a code of the mail system, or
    `limited` if the customer had as many e-mails as an hour allows. `address_bad` says that the address accepts no
    e-mail, so none will be sent to it about this order.
    """

    producer = "notification"

    kind: EmailKind
    code: Code
    address_bad: bool
