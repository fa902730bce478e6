"""The recovery of fraud: the check of an order once it was flagged.

The restored counts are right. No order is recalled that takes a quota: such orders are counted again by the replay.
"""

from typing import Any

from contracts.fraud.order_flagged import OrderFlagged
from functions.fraud.handlers import Check
from functions.fraud.service import service
from tidings.core.event import Event
from tidings.recovery import Recovery, recall


def _after_flagged(_check: Check | None, event: Event[OrderFlagged], _cause: Event[Any] | None) -> Check:
    return Check("flagged", rules=event.data.rules)


recovery = Recovery(service=service, recalls=(recall(OrderFlagged, _after_flagged),))
