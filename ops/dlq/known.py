"""The refusal of a selection of dead letters by an order or a reason that does not exist."""

from collections.abc import Callable

from contracts.values.order import is_order_id
from ops.dlq.queues import MAX_EXAMINED, DeadLetterSelection
from ops.errors import CommandError
from ops.outputs import Outputs
from ops.stage import DeployedStage
from tidings.recovery import DeadLetterFilter, DeadLetters
from tidings.recovery.dead_letters import DEFAULT_REASONS, REMEDIES

RELAY_REASONS = {"refused", "unpublishable", "unreadable-record"}
"""The reasons for which only a relay dead-letters an event."""

KNOWN_REASONS = REMEDIES.keys() | set(DEFAULT_REASONS.values()) | RELAY_REASONS


def require_known(selection: DeadLetterSelection, dead_letters: DeadLetters, is_order: Callable[[str], bool]) -> None:
    """Refuse a selection that no dead letter meets, and that none ever could.

    An order without a dead letter is known if it was placed, and a reason if the library has it: a command that is
    repeated selects nothing the second time.

    Args:
        selection: The selection.
        dead_letters: The dead letters of its queue.
        is_order: Returns whether an order was placed.

    Raises:
        CommandError: If no dead letter has the order or the reason, and nothing else knows it.
    """
    order, reason = selection.order, selection.reason
    if order is None and reason is None:
        return
    found = [details for _, details in dead_letters.find(limit=MAX_EXAMINED).letters]
    about = DeadLetterFilter(subject=order)
    if order is not None and not any(map(about.selects, found)) and not is_order(order):
        raise CommandError(f"there is no order {order!r}, and {selection.service} has no dead letter about one")
    reasons = {details.reason for details in found}
    failed = DeadLetterFilter(reason=reason)
    if reason is not None and reason not in KNOWN_REASONS and not any(map(failed.selects, found)):
        known = f"; it has: {', '.join(sorted(reasons))}" if reasons else ": its queue is empty"
        raise CommandError(f"{selection.service} has no dead letter with the reason {reason!r}{known}")


def was_placed(stage: DeployedStage, outputs: Outputs, order: str) -> bool:
    """Return whether an order with this id was placed on the stage."""
    if not is_order_id(order):
        return False
    found = stage.client("dynamodb").get_item(
        TableName=outputs.table("orders"), Key={"pk": {"S": order}}, ProjectionExpression="pk", ConsistentRead=True
    )
    return "Item" in found
