"""The brake of the expiry job: it stops the job when many orders expire, until an operator resumes it.

An outage of another service leaves orders pending, and a job without a brake would cancel all of them. The brake is one
item of orders' table. An order is counted before its cancellation begins, and once however often it is tried. So a run
that crashes leaves nothing to repair, and runs at the same time agree which orders they may cancel.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from msgspec import Struct

from tidings.core.entity import StoredEntity, reserved_key
from tidings.core.errors import ContentionError
from tidings.core.ports import EntityWrite, Table, VersionConflictError
from tidings.handling.retries import MAX_ATTEMPTS
from tidings.observability.log import logger

KEY = reserved_key("expiry")
"""The key of the brake's item."""

HOUR = 60 * 60

MAX_EXPIRED = 1_000
"""Maximum number of orders that a brake counts. Its item then has about 50 KB, of 400 KB that an item may have."""


class BrakeLimit(NamedTuple):
    """The number of orders that may expire within a time.

    Attributes:
        orders: The number of orders.
        millis: The time in milliseconds.
    """

    orders: int
    millis: int

    @classmethod
    def of(cls, orders: int, pending_limit: float) -> "BrakeLimit":
        """Return the limit of a number of orders an hour.

        Orders expire for as long as an outage lasts beyond the pending limit. An hour is too short a time if the
        pending limit is longer: an outage of twice the pending limit would then fill several such times.

        Args:
            orders: The number of orders.
            pending_limit: The time in seconds after which a pending order expires.
        """
        return cls(orders, round(1000 * max(HOUR, pending_limit)))


class Brake(Struct, frozen=True, omit_defaults=True):
    """The state of the brake.

    Attributes:
        begun: When the job last began to cancel each order, in milliseconds since 1970, within the limit's time.
        stopped: Since when the job is stopped, in milliseconds since 1970; None while it runs.
    """

    begun: Mapping[str, int] = {}
    stopped: int | None = None


class Admission(NamedTuple):
    """The orders that a run may cancel, and whether the job is stopped from then on."""

    orders: frozenset[str]
    stopped: bool


def begin(brake: Brake, orders: Sequence[str], now: int, limit: BrakeLimit) -> tuple[Brake, frozenset[str]]:
    """Count orders, and stop the job if that reaches the limit.

    Args:
        brake: The brake.
        orders: The orders that a run wants to cancel, the most important first.
        now: The current time in milliseconds since 1970.
        limit: The limit.

    Returns:
        The brake's next state, and the orders that the run may cancel.
    """
    if brake.stopped is not None:
        return brake, frozenset()
    begun = {order: time for order, time in brake.begun.items() if time > now - limit.millis}
    admitted = set()
    for order in orders:
        if order in begun or len(begun) < limit.orders:
            begun[order] = now
            admitted.add(order)
    return Brake(begun, now if len(begun) >= limit.orders else None), frozenset(admitted)


def resume(brake: Brake) -> Brake:
    """Let a stopped job go on, with a new count."""
    return brake if brake.stopped is None else Brake()


@dataclass
class StoredBrake:
    """The brake in orders' table.

    Attributes:
        table: The table.
        limit: The limit.
        clock: Returns the current time in milliseconds since 1970.
    """

    table: Table
    limit: BrakeLimit
    clock: Callable[[], int]
    _stored: StoredEntity | None = field(default=None, init=False)

    def is_stopped(self) -> bool:
        """Return whether the job is stopped, by one read."""
        self._stored = self.table.read([KEY]).get(KEY)
        return _decode(self._stored).stopped is not None

    def begin(self, orders: Sequence[str]) -> Admission:
        """Count orders before they are cancelled, by one conditional write.

        Args:
            orders: The orders that a run wants to cancel, the most important first.

        Returns:
            The orders that it may cancel, and whether the job is stopped.

        Raises:
            ContentionError: If other runs were first on every attempt.
        """
        admitted: frozenset[str] = frozenset()

        def decide(brake: Brake) -> Brake:
            nonlocal admitted
            changed, admitted = begin(brake, orders, self.clock(), self.limit)
            return changed

        before, after = self._change(decide)
        if before.stopped is None and after.stopped is not None:
            logger.error("the expiry job is stopped, because many orders expired", extra={"orders": len(after.begun)})
        return Admission(admitted, after.stopped is not None)

    def resume(self) -> bool:
        """Let a stopped job go on, with a new count, by one conditional write.

        Returns:
            Whether it was stopped.

        Raises:
            ContentionError: If others were first on every attempt.
        """
        self._stored = self.table.read([KEY]).get(KEY)
        before, _ = self._change(resume)
        if before.stopped is not None:
            logger.warning("an operator resumed the expiry job")
        return before.stopped is not None

    def _change(self, decide: Callable[[Brake], Brake]) -> tuple[Brake, Brake]:
        """Store the next state, and return both states. If another run was first, decide again on what it stored."""
        for _ in range(MAX_ATTEMPTS):
            before = _decode(self._stored)
            after = decide(before)
            if after == before:
                return before, after
            version = self._stored.version if self._stored else 0
            stored = StoredEntity(KEY, version + 1, msgspec.json.encode(after).decode())
            try:
                self.table.commit([EntityWrite(stored, version)])
            except VersionConflictError as conflict:
                found = conflict.found[KEY]
                # The client's own retry may find the first request's write, whose answer was lost.
                if found != stored:
                    self._stored = found
                    continue
            self._stored = stored
            return before, after
        raise ContentionError(f"the brake of the expiry job was not written in {MAX_ATTEMPTS} attempts")


def _decode(stored: StoredEntity | None) -> Brake:
    return msgspec.json.decode(stored.state, type=Brake) if stored else Brake()
