"""The contract of `EmailSent`."""

from contracts.values.email import EmailKind
from contracts.values.order import OrderEvent
from contracts.values.text import Id


class EmailSent(OrderEvent, frozen=True, kw_only=True):
    """The mail system accepted an e-mail of this kind under this message id."""

    producer = "notification"

    kind: EmailKind
    message: Id
