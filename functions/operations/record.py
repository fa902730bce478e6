"""The record of a running action in the table."""

from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from functions.operations.dead_letters import Changed
from functions.operations.state import Action, record_of
from tidings.aws.recovery import reporting
from tidings.core.decisions import Save
from tidings.core.entity import MessageMetadata
from tidings.handling.executor import UnitOfWork
from tidings.recovery import DeadLetterDetails, RecoveryError


class ActionRecord:
    """The record of a running action. It is written before the first message is taken, and completed after the last.

    Attributes:
        action: The action as recorded last.
    """

    def __init__(self, key: str, unit: UnitOfWork[Action], action: Action, metadata: MessageMetadata) -> None:
        self.key = key
        self.action = action
        self._unit = unit
        self._metadata = metadata

    @property
    def id(self) -> str | None:
        """The record's id; None if nothing is recorded."""
        return self.key if self.action.messages else None

    def add(self, found: Sequence[DeadLetterDetails]) -> None:
        """Record messages before they are taken.

        Raises:
            RecoveryError: If they cannot be recorded.
        """
        messages = (*self.action.messages, *(record_of(each) for each in found))
        self._save(replace(self.action, messages=messages))

    def complete(self, changed: Changed) -> None:
        """Record the end of the action, if it began.

        Raises:
            RecoveryError: If it cannot be recorded.
        """
        if self.id:
            refused, left, truncated = changed.refused, changed.left, changed.truncated
            self._save(replace(self.action, outcome="done", refused=refused, left=left, truncated=truncated))

    def fail(self, error: RecoveryError) -> None:
        """Record that a call was refused, if the action had begun. If that is refused too, it stays `begun`."""
        if self.id:
            with suppress(RecoveryError):
                self._save(replace(self.action, outcome="failed", problem=str(error)))

    def _save(self, action: Action) -> None:
        with reporting("the action cannot be recorded"):
            self._unit.execute(lambda _entity: Save(action), self._metadata, creates=not self.action.messages)
        self.action = action
