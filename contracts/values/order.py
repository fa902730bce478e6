"""Orders: the subject of the shop's events."""

import re
from typing import Annotated

from msgspec import Meta

from tidings.core.contract import Contract

ORDER_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""The form of an order's id: a UUID in lower case."""

OrderId = Annotated[str, Meta(pattern=rf"^{ORDER_ID}\Z", description="An order's id is a UUID in lower case")]

_ORDER_ID = re.compile(ORDER_ID)


class OrderEvent(Contract, frozen=True, kw_only=True):
    """The contract of an event whose subject is an order."""

    subject_pattern = ORDER_ID


def is_order_id(text: str) -> bool:
    """Return whether a text has the form of an order's id."""
    return _ORDER_ID.fullmatch(text) is not None
