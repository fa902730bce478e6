"""The ids of orders as users write them."""

from contracts.values.order import is_order_id
from ops.errors import CommandError


def parse_order_id(text: str) -> str:
    """Return an order's id.

    Raises:
        CommandError: If the text does not have the form of one.
    """
    if not is_order_id(text):
        raise CommandError(f"{text!r} is not an order's id, which is a UUID in lower case")
    return text
