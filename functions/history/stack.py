"""History's own alarm."""

from functions.history.log import CONFLICTS
from infra.constructs.alarm import FIVE_MINUTES, MISSING_IS_GOOD, Alarm
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack


def add_resources(stack: ServiceStack, _settings: ShopSettings) -> None:
    """Add the alarm on an event whose id is recorded with another body."""
    Alarm(
        stack,
        "conflicting-body",
        problem="Two facts have the same id. Only the first of them is in the log and reached the other services.",
        metric=stack.metric(CONFLICTS, "Sum", FIVE_MINUTES),
        threshold=0,
        missing=MISSING_IS_GOOD,
        critical=True,
    )
