"""The contract of `EmailFailed`."""

from contracts.values.email import EmailKind
from contracts.values.order import OrderEvent
from contracts.values.text import Text


class EmailFailed(OrderEvent, frozen=True, kw_only=True):
    """An e-mail could not be delivered and will not be tried again."""

    producer = "notification"

    kind: EmailKind
    detail: Text
