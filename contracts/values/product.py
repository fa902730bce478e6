"""Products: the subject of the events about operators' changes.

The changes of a product belong to one entity for each month, because an entity with all of them would outgrow an item
of DynamoDB after some 990 changes.
"""

import re

from tidings.core.clock import to_rfc3339
from tidings.core.contract import Contract

PRODUCT_MONTH = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}:[0-9]{4}-(0[1-9]|1[0-2])"
"""The form of a product's month: its SKU and the month in UTC, `mug-blue:2026-11`."""

_PRODUCT_MONTH = re.compile(PRODUCT_MONTH)


class ProductEvent(Contract, frozen=True, kw_only=True):
    """The contract of an event whose subject is a product's month."""

    subject_pattern = PRODUCT_MONTH


def product_month(sku: str, time: int) -> str:
    """Return the subject of a product's changes in the month of a time in milliseconds since 1970."""
    return f"{sku}:{to_rfc3339(time)[:7]}"


def sku_of(subject: str) -> str:
    """Return the SKU in a product's month."""
    return subject.rpartition(":")[0]


def is_product_month(text: str) -> bool:
    """Return whether a text has the form of a product's month."""
    return _PRODUCT_MONTH.fullmatch(text) is not None
