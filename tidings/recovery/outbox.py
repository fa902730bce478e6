"""The completion of an outbox: adds the recorded events that a table has lost, byte for byte.

An entity's next event is numbered after its last one. So an outbox that lacks an event announces another fact under the
same id, which every consumer drops as a duplicate.
"""

from collections.abc import Sequence

import msgspec

from tidings.core.entity import OutboxEvent, StoredEntity
from tidings.core.errors import PermanentError
from tidings.core.event import is_same_event
from tidings.core.personal import redacted
from tidings.core.ports import EntityWrite, Table, TransactionConflictError, VersionConflictError
from tidings.recovery.errors import RecoveryError

MAX_WRITE_ATTEMPTS = 10
"""Number of attempts to write an entity that other writers change meanwhile."""


class OutboxError(RecoveryError):
    """An outbox that cannot be completed. No later attempt would succeed."""


def complete_outbox(key: str, stored: StoredEntity | None, recorded: Sequence[str]) -> StoredEntity | None:
    """Return an entity's next version, whose outbox has all recorded events; None if it lacks none.

    A missing event is added at its number, as it was recorded. The state and the inbox stay as they are. If personal
    data of the subject was erased, no added event contains any. The stream skips the write, so nothing is published.

    Args:
        key: The entity's key.
        stored: The entity; None if the table does not contain it.
        recorded: The recorded events of this entity that its service announced, in any sequence.

    Raises:
        OutboxError: If a number has two bodies or none, or a text is no event of the entity.
    """
    outbox = stored.outbox if stored else ()
    bodies = {_number(key, body): body for body in outbox}
    for body in recorded:
        number = _number(key, body)
        if number not in bodies:
            bodies[number] = redacted(body) if stored and stored.erased else body
        elif not is_same_event(bodies[number], body):
            raise OutboxError(f"number {number} of {key} is recorded with another body")
    if len(bodies) == len(outbox):
        return None
    numbers = sorted(bodies)
    if numbers != list(range(1, len(numbers) + 1)):
        lacking = sorted(set(range(1, numbers[-1])) - set(numbers))
        raise OutboxError(f"neither the log nor the outbox has number {lacking[0]} of {key}")
    completed = tuple(bodies[number] for number in numbers)
    if stored is None:
        return StoredEntity(key, 1, "null", outbox=completed)
    return msgspec.structs.replace(stored, version=stored.version + 1, outbox=completed, announces=False)


def append_to_outbox(table: Table, key: str, recorded: Sequence[str]) -> int:
    """Complete an entity's outbox in its table, and return the number of events added; see `complete_outbox`.

    The write is conditional: an event that the service announces meanwhile is kept.

    Args:
        table: The table of the service that announced the events.
        key: The entity's key.
        recorded: The recorded events of this entity that its service announced, in any sequence.

    Raises:
        OutboxError: If the outbox cannot be completed, or the table's item is no entity.
        RecoveryError: If other writers were first on every attempt.
    """
    for _ in range(MAX_WRITE_ATTEMPTS):
        try:
            stored = table.read([key]).get(key)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise OutboxError(f"the item of {key} is no entity: {type(error).__name__}") from error
        completed = complete_outbox(key, stored, recorded)
        if completed is None:
            return 0
        try:
            table.commit([EntityWrite(completed, stored.version if stored else 0)])
        except (VersionConflictError, TransactionConflictError):
            continue
        return len(completed.outbox) - len(stored.outbox if stored else ())
    raise RecoveryError(f"other writers changed {key} {MAX_WRITE_ATTEMPTS} times; repeat what was begun")


def _number(key: str, body: str) -> int:
    try:
        event = OutboxEvent(body).envelope
    except (PermanentError, TypeError, AttributeError) as error:
        raise OutboxError(f"the outbox of {key} holds a text that is no event") from error
    if event.subject != key:
        raise OutboxError(f"{event.id} is no event of {key}")
    return event.number
