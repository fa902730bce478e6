"""A service's table that goes back to an earlier moment, and how an operator brings it to the present.

A service that announces events is recovered from the log. A projection is rebuilt from it. History's log is filled from
the outboxes, by the repair of an audit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from functions.fraud.recovery import PaidOrders
from functions.fraud.recovery import recovery as fraud
from functions.history.service import service as history
from functions.inventory.recovery import recovery as inventory
from functions.loyalty.recovery import recovery as loyalty
from functions.notification.limit import LimitedMailer
from functions.notification.mail import Mailer
from functions.notification.recovery import recovery as notification
from functions.orders.recovery import recovery as orders
from functions.payment.recovery import recovery as payment
from functions.privacy.recovery import recovery as privacy
from functions.warehouse.recovery import recovery as warehouse
from tests.invariants.services import SERVICES
from tests.simulation.audit import audit
from tests.simulation.clock import HOUR
from tests.simulation.faults import Calls, FaultProfile, FaultyTable
from tests.simulation.random_source import RandomSource
from tests.simulation.redrive import ConsumerDestination
from tests.simulation.replay import ALWAYS, ReadLog
from tests.simulation.shop import MAILS_PER_HOUR, DeployedService, Shop
from tests.simulation.violation import ViolationError
from tidings.core.clock import to_rfc3339
from tidings.core.decisions import Numbers
from tidings.core.entity import StoredEntity
from tidings.core.ports import EntityWrite, VersionConflictError
from tidings.recovery.errors import RecoveryError
from tidings.recovery.recalls import Recovery
from tidings.recovery.recover import Recover, RecoverProgress
from tidings.recovery.replay import Replay, ReplaySelection
from tidings.recovery.sender import Sender
from tidings.testing import InlineExecutor

RECOVERIES: Mapping[str, Recovery[Any]] = {
    each.service.name: each for each in (orders, payment, inventory, fraud, notification, warehouse, loyalty, privacy)
}
"""The recoveries of the services that announce events."""

WRITERS = {
    "orders": ("orders' API", "the expiry job"),
    "payment": ("payment's API", "the check job"),
    "privacy": ("privacy's API",),
    "warehouse": ("the warehouse's API",),
}
"""The functions that write to a service's table besides its consumer."""

FAULTS = (FaultProfile(), FaultProfile(failures=0.002, crashes=0.002), FaultProfile(failures=0.01, crashes=0.01))
"""The faults of a recovery. The service is closed meanwhile, so no other function of it interferes."""

RESTORED = (*RECOVERIES, *(service.name for service in SERVICES if service.rebuildable), history.name)
"""The services whose tables go back."""

RUNS = 100
"""Maximum number of runs of a recovery, of which one succeeds."""


@dataclass(frozen=True)
class Snapshot:
    """A service's table at one moment.

    Attributes:
        of: The service.
        time: The moment, in milliseconds since 1970.
        entities: The entities by key.
        items: The numbers of the other items.
        expires: When these expire.
        log: The items of history's log.
    """

    of: DeployedService
    time: int
    entities: Mapping[str, StoredEntity]
    items: Mapping[tuple[str, str], Numbers]
    expires: Mapping[tuple[str, str], int]
    log: Mapping[tuple[str, str], Any]


class MemoryProgress:
    """The progress of a recovery, which outlasts a crash of the command."""

    def __init__(self) -> None:
        self._progress: RecoverProgress | None = None

    def load(self) -> RecoverProgress | None:
        return self._progress

    def save(self, progress: RecoverProgress) -> None:
        self._progress = progress

    def remove(self) -> None:
        self._progress = None


@dataclass(frozen=True)
class SimulatedServiceTable:
    """A service's table, as the engine recovers it."""

    of: DeployedService
    calls: Calls

    def read(self, key: str) -> StoredEntity | None:
        return self.calls.make("read", lambda: self.of.table.entities.get(key))

    def write(self, entity: StoredEntity) -> None:
        def call() -> None:
            try:
                self.of.table.commit([EntityWrite(entity, entity.version - 1)])
            except VersionConflictError as conflict:
                if conflict.found[entity.key] != entity:
                    raise RecoveryError("another writer is at work") from conflict

        self.calls.make("write", call)

    def entities(self) -> Iterator[StoredEntity]:
        yield from self.calls.make("scan", lambda: list(self.of.table.entities.values()))

    def counters(self) -> Iterator[tuple[str, str]]:
        yield from self.calls.make("scan", lambda: list(self.of.table.items))

    def set_numbers(self, key: str, row: str, numbers: Numbers) -> None:
        found = self.of.table.numbers(key, row)
        self.calls.make("set", lambda: self.of.table.put_numbers(key, {**found, **numbers}, row))


class Restores:
    """The snapshots of a history, and the tables that are restored from them.

    Attributes:
        done: Number of tables that went back.
        unchecked: The orders that passed fraud only because they waited for their check when its table went back.
    """

    def __init__(self, shop: Shop, choices: RandomSource, service: str) -> None:
        """Create without snapshots, but one of the empty table.

        Args:
            shop: The shop.
            choices: The choices of the history.
            service: The name of the service whose table goes back.
        """
        self._shop = shop
        self._choices = choices
        self._of = shop.deployed[service]
        self._snapshots: list[Snapshot] = []
        self._waiting: Snapshot | None = None
        self._runs = 0
        self._closed = 0
        self.done = 0
        self.unchecked: set[str] = set()
        self.take()

    def take(self) -> bool:
        """Take a snapshot."""
        table = self._of.table
        log = dict(self._shop.log.table.items) if self._of.service is history else {}
        now = self._shop.clock.now
        taken = Snapshot(self._of, now, dict(table.entities), dict(table.items), dict(table.expires), log)
        self._snapshots.append(taken)
        self._shop.say(f"a snapshot of {self._of.name} is taken")
        return True

    def restore_any(self) -> bool:
        """Let the table go back to a snapshot, as soon as its service can be closed, and perhaps twice in a row."""
        self._waiting = self._snapshots[-1 - self._choices.below(len(self._snapshots))]
        self._shop.say(f"{self._of.name} is to go back")
        return True

    def proceed(self) -> bool:
        """Restore and recover the table if that was asked for, and is possible now. Return whether it was done."""
        snapshot = self._waiting
        if snapshot is None or self._blockers():
            return False
        self._waiting = None
        self._go_back(snapshot)
        if self._choices.below(3) == 2:
            # The recovery was begun, and the table is restored again.
            self._go_back(self._snapshots[-1 - self._choices.below(len(self._snapshots))])
        return True

    def finish(self) -> None:
        """Audit the log once everything has healed, if it went back.

        An earlier audit may have published an event that the topic still remembered, and so did not deliver again.
        """
        if self._of.service is history:
            self._shop.clock.now += HOUR
            self._shop.say("an audit fills the log")
            audit(self._shop, repair=True)

    def _go_back(self, snapshot: Snapshot) -> None:
        table, shop = self._of.table, self._shop
        shop.say(f"{self._of.name} goes back to {to_rfc3339(snapshot.time)}")
        self._closed = shop.clock.now + 1
        checked = self._counted()
        table.entities = dict(snapshot.entities)
        table.items = dict(snapshot.items)
        table.expires = dict(snapshot.expires)
        if self._of.service is history:
            shop.log.table.items = dict(snapshot.log)
        self._of.idle.clear()
        self.done += 1
        profile, shop.calls.profile = shop.calls.profile, FAULTS[self._choices.below(len(FAULTS))]
        shop.recovering.add(self._of.name)
        try:
            self._recover(snapshot)
        finally:
            shop.calls.profile = profile
            shop.recovering.clear()
        self.unchecked |= self._counted() - checked

    def _recover(self, snapshot: Snapshot) -> None:
        progress, done = MemoryProgress(), list[object]()

        def act() -> None:
            try:
                done.append(self._bring_back(snapshot, progress))
            except Exception as error:  # noqa: BLE001 - the operator runs the command again
                self._shop.say(f"    failed: {error}")

        for _ in range(RUNS):
            self._shop.invoke(f"the recovery of {self._of.name}", act)
            if done:
                self._shop.say(f"    {done[0]}")
                return
        raise ViolationError("a table can be recovered", f"{self._of.name} is not, after {RUNS} runs")

    def _bring_back(self, snapshot: Snapshot, progress: MemoryProgress) -> object:
        if self._of.service is history:
            return self._fill_log()
        if self._of.service.rebuildable:
            self._of.table.entities, self._of.table.items = {}, {}
            return self._replay(*ALWAYS)
        return self._command(snapshot, progress).run()

    def _fill_log(self) -> object:
        try:
            return audit(self._shop, repair=True)
        except RecoveryError as error:
            # The topic refuses an event for now. The last audit fills what is left.
            return error

    def _command(self, snapshot: Snapshot, progress: MemoryProgress) -> Recover:
        shop, service = self._shop, self._of.service
        end = to_rfc3339(shop.clock.now + 1)
        return Recover(
            recovery=RECOVERIES[service.name],
            log=ReadLog(shop.log, shop.calls),
            table=SimulatedServiceTable(self._of, shop.calls),
            blockers=self._blockers,
            snapshot=to_rfc3339(snapshot.time),
            end=end,
            port=self._port(),
            replay=(lambda start: self._replay(start, end)) if service.consumes else None,
            checkpoint=progress,
            saved_every=3,
        )

    def _replay(self, start: str, end: str) -> int:
        """Send the service's consumer the inputs that were recorded between two times. Return their number."""
        shop, types = self._shop, frozenset(contract.__name__ for contract in self._of.service.contracts)
        self._runs += 1
        destination = ConsumerDestination(self._of.queue, shop.calls)
        sender = Sender(destination, f"recovery-{self._runs}", InlineExecutor(), pause=lambda _seconds: None)
        log = ReadLog(shop.log, shop.calls)
        return sum(Replay(log, ReplaySelection(start, end, types), sender).run().sent.values())

    def _port(self) -> Any:
        if self._of.name == "payment":
            return self._shop.payment_ports()
        if self._of.name == "notification":
            mailer = cast("Mailer", None)
            return LimitedMailer(mailer, FaultyTable(self._of.table, self._shop.calls), MAILS_PER_HOUR)
        if self._of.name == "fraud":
            table = FaultyTable(self._of.table, self._shop.calls)
            return PaidOrders(self._shop.inspector(), table, self._closed)
        return None

    def _counted(self) -> set[str]:
        """Return the orders that fraud has counted, if it is the service."""
        if self._of.service is not fraud.service:
            return set()
        decoded = map(self._of.service.codec.decode, self._of.table.entities.values())
        return {each.key for each in decoded if each.state and each.state.status == "counted"}

    def _blockers(self) -> Sequence[str]:
        """Return what an operator finds that forbids the recovery."""
        shop, of = self._shop, self._of
        names = (of.name, f"relay of {of.name}", f"a republishing of {of.name}", *WRITERS.get(of.name, ()))
        checks: dict[str, Callable[[], bool]] = {
            "a writer is at work": lambda: any(task.name.rpartition(" #")[0] in names for task in shop.tasks.paused),
            "the relay is behind": lambda: any(of.stream.lanes) or bool(of.busy),
            "the relay has dead letters": lambda: bool(of.relay_dlq.letters),
            "the log is behind": self._is_log_behind,
        }
        return [reason for reason, holds in checks.items() if holds()]

    def _is_log_behind(self) -> bool:
        """Return whether a message in a queue of history may hold an event that concerns the service.

        Such an event is one of the service, the cause of one, or one that it may have handled.
        """
        if self._of.service is history:
            return False
        log = self._shop.deployed["history"]
        outboxes = (entity.outbox for entity in self._of.table.entities.values())
        causes = {_head(body).causationid for outbox in outboxes for body in outbox}
        heads = [_head(message.body) for message in (*log.queue.messages(), *log.dlq.messages())]
        types = {contract.__name__ for contract in self._of.service.contracts}
        return any(head.source == self._of.name or head.id in causes or head.type in types for head in heads)


class _Head(msgspec.Struct):
    id: str = ""
    source: str = ""
    type: str = ""
    causationid: str = ""


def _head(body: str) -> _Head:
    try:
        return msgspec.json.decode(body, type=_Head)
    except msgspec.MsgspecError:
        return _Head()
