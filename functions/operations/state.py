"""The record of an operator's action: who did what, when, to which messages, and how it ended."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from tidings.core.entity import Entity
from tidings.http.pagination import list_entry
from tidings.recovery import DeadLetterDetails, FailureKind

ActionName = Literal["redrive", "drop"]

Outcome = Literal["begun", "done", "failed"]

ACTIONS = "actions"
"""The list of all actions."""


MAX_ORDERS = 50
"""Maximum number of orders that an action in a list names."""

MAX_REASONS = 20
"""Maximum number of reasons that an action in a list names. With its orders it then has less than 60 KB."""


class MessageRecord(Struct, frozen=True):
    """A dead letter that an action concerns. It has no body, because that may contain personal data.

    `order` is the key of what it is about, which is an order if the message is an event.
    """

    id: str
    order: str | None
    event: str | None
    type: str | None
    reason: str


class Action(Struct, frozen=True, omit_defaults=True):
    """The state of an action.

    Attributes:
        action: What was done.
        who: The operator's id.
        time: When it began.
        service: The service whose dead letters it concerns.
        kind: The kind of their queue.
        subject: The order by which they were selected.
        reason: The reason by which they were selected.
        outcome: `begun` before its end. If it stays so, the function ended before the action did.
        messages: The dead letters, each recorded before it was sent or deleted.
        refused: The messages that the consumer's queue will never accept, with the reason: by the event's id, or by the
            message's if it holds no event.
        left: Number of selected messages that are still there.
        truncated: Whether the time ended before all dead letters were received.
        problem: Why it failed.
    """

    action: ActionName
    who: str
    time: str
    service: str
    kind: FailureKind
    subject: str | None = None
    reason: str | None = None
    outcome: Outcome = "begun"
    messages: tuple[MessageRecord, ...] = ()
    refused: Mapping[str, str] = {}
    left: int = 0
    truncated: bool = False
    problem: str = ""

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders that the messages are about."""
        return tuple(dict.fromkeys(message.order for message in self.messages if message.order))


class ActionDetails(Struct, frozen=True):
    """The details of an action.

    `outcome` is `begun`, `done`, or `failed`; an action that stays `begun` was broken off. `messages` is the number of
    messages that it was begun for, and `reasons` that number by the reason of their failure: the 20 most frequent ones.
    `refused` is the number of those that the consumer's queue will never accept. `left` is the number of selected
    messages that are still there, and `truncated` says that not all messages were looked at. `problem` says why it
    failed.
    """

    kind: FailureKind
    reason: str | None
    outcome: Outcome
    messages: int
    reasons: Mapping[str, int]
    refused: int
    left: int
    truncated: bool
    problem: str | None


class ActionView(Struct, frozen=True):
    """An action of an operator: who did what, and when.

    `who` is the operator's id. `subject` is the order that it was limited to. `orders` are those that its messages were
    about, at most 50, and `more_orders` the number of the others.
    """

    id: str
    action: ActionName
    who: str
    time: str
    service: str
    subject: str | None
    orders: tuple[str, ...]
    more_orders: int
    details: ActionDetails


class ActionMessages(ActionView, frozen=True):
    """An action with the messages that it concerned. Their bodies are not recorded."""

    messages: tuple[MessageRecord, ...]


def record_of(details: DeadLetterDetails) -> MessageRecord:
    """Return what is recorded of a dead letter."""
    return MessageRecord(details.message, details.subject, details.event, details.type, details.reason)


def view(key: str, action: Action) -> ActionView:
    """Return an action as the list shows it."""
    return ActionView(
        id=key,
        action=action.action,
        who=action.who,
        time=action.time,
        service=action.service,
        subject=action.subject,
        orders=action.orders[:MAX_ORDERS],
        more_orders=max(0, len(action.orders) - MAX_ORDERS),
        details=_details(action),
    )


def view_with_messages(key: str, action: Action) -> ActionMessages:
    """Return an action with its messages."""
    shown = view(key, action)
    return ActionMessages(**{name: getattr(shown, name) for name in shown.__struct_fields__}, messages=action.messages)


def listing(entity: Entity[Action]) -> Mapping[str, str]:
    """Return the attributes by which an action is in the list of all actions, by time."""
    action = entity.state
    if action is None:
        return {}
    return list_entry(ACTIONS, f"{action.time}#{entity.key}", view(entity.key, action))


def _details(action: Action) -> ActionDetails:
    return ActionDetails(
        kind=action.kind,
        reason=action.reason,
        outcome=action.outcome,
        messages=len(action.messages),
        reasons=dict(Counter(message.reason for message in action.messages).most_common(MAX_REASONS)),
        refused=len(action.refused),
        left=action.left,
        truncated=action.truncated,
        problem=action.problem or None,
    )
