"""The audit: compares the outboxes of services with the event log in both directions, and fills the gaps on demand.

Every fact exists twice: in its producer's outbox and in the log. So either can be mended from the other. First the
outboxes are read in segments, and each event is looked up in the log. Then the log is read by time, and each event is
looked up in its producer's outbox. Only what both contain with two different bodies cannot be mended.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from msgspec import Struct

from tidings.core.entity import EventHead, OutboxEvent
from tidings.core.event import is_same_event
from tidings.core.ports import Table
from tidings.messaging.relay import refusal_of
from tidings.recovery.checkpoint import ProgressFile
from tidings.recovery.outbox import OutboxError, append_to_outbox
from tidings.recovery.ports import (
    EntityOutbox,
    LoggedEvent,
    OutboxPage,
    SearchableLog,
    SegmentedOutboxTable,
    UnreadableEvent,
)
from tidings.recovery.rate import RateLimit
from tidings.recovery.republish import Republisher

SEGMENTS = 4
"""Number of segments of a table that are read in parallel."""

PAGE_ITEMS = 500
"""Maximum number of items of a page, and of events of the log that are looked up together."""

SETTLE_SECONDS = 20 * 60
"""Age from which on an announced event must be recorded. Operators are notified of a relay that is later than a few
minutes, and of a queue whose oldest message has waited for a quarter of an hour."""

MAX_LISTED = 1000
"""Maximum number of differences that are listed. All are counted, and all are repaired."""

DifferenceKind = Literal["not-in-log", "not-in-outbox", "conflicting-body", "unreadable"]


class Difference(Struct, frozen=True):
    """A difference between an outbox and the log.

    Attributes:
        kind: An event of an outbox that the log lacks (`not-in-log`), an event of the log that its producer's outbox
            lacks (`not-in-outbox`), an id with two bodies (`conflicting-body`), or a text that is no event of its
            producer (`unreadable`).
        service: The service whose outbox differs; empty for a record of the log that holds no event.
        event: The event's id; the entity's key if the text has none.
        repaired: Whether the gap was filled.
        detail: Why it cannot be read, or was not repaired.
    """

    kind: DifferenceKind
    service: str
    event: str
    repaired: bool = False
    detail: str = ""


class AuditScope(Struct, frozen=True):
    """The events that an audit compares.

    Attributes:
        since: The time (RFC 3339) from which on they were announced or recorded; empty for all.
        until: The time (RFC 3339) before which. Later ones may still be on their way.
    """

    since: str
    until: str


class AuditProgress(Struct, frozen=True):
    """The progress of an audit.

    Attributes:
        scope: The events that it compares.
        segments: The position of each segment by service; None for a segment that was read to its end.
        position: The position in the log up to which all events were looked up.
        items: Number of items that were read in the tables of the services.
        announced: Number of events of outboxes that were looked up in the log.
        recorded: Number of events of the log that were looked up in outboxes.
        found: Number of differences by kind, including those that were repaired.
        repaired: Number of differences by kind that were repaired.
        differences: The first differences.
        uncompared: Number of events of the log whose producer is not audited, by producer.
    """

    scope: AuditScope
    segments: dict[str, tuple[str | None, ...]] = {}
    position: str = ""
    items: int = 0
    announced: int = 0
    recorded: int = 0
    found: dict[str, int] = {}
    repaired: dict[str, int] = {}
    differences: tuple[Difference, ...] = ()
    uncompared: dict[str, int] = {}

    @property
    def remaining(self) -> int:
        """The number of differences that were not repaired."""
        return sum(self.found.values()) - sum(self.repaired.values())


class AuditCheckpoint(ProgressFile[AuditProgress]):
    """The progress of an audit in a file."""

    command = "audit"
    progress = AuditProgress


STATE_MAY_LACK_IT = "the state may lack it too; recover the service"
"""The reason for which an event is not added at the end of an outbox."""


@dataclass(frozen=True)
class AuditRepair:
    """The repair of the gaps that an audit finds.

    An outbox that lacks its last events most likely belongs to a restored table, whose states lack them as well. The
    recovery of the service recalls them, and takes those in the outbox for recalled. So they are added on demand only.

    Attributes:
        republisher: Publishes the events that the log lacks.
        tables: The tables of the audited services, by service, whose outboxes get the events that they lack.
        appends: Whether events are added at the end of outboxes too, and not only between others.
    """

    republisher: Republisher
    tables: Mapping[str, Table]
    appends: bool = False


def ignore_progress(_part: str, _progress: AuditProgress) -> None:
    """Ignore the progress of an audit."""


@dataclass
class Audit:
    """One audit.

    Attributes:
        outboxes: The tables of the audited services, by service.
        log: The event log.
        scope: The events to compare. A run that continues another one keeps that one's.
        threads: Reads segments and outboxes in parallel.
        repair: Fills the gaps; None only reports them.
        limit: The rate of items that are read, of all tables together.
        checkpoint: Keeps the progress; None begins at the beginning on each run.
        watch: Receives the name of the part that is read (a service, or `log`), and the progress, after each page.
    """

    outboxes: Mapping[str, SegmentedOutboxTable]
    log: SearchableLog
    scope: AuditScope
    threads: Executor
    repair: AuditRepair | None = None
    limit: RateLimit = field(default_factory=RateLimit)
    checkpoint: AuditCheckpoint | None = None
    watch: Callable[[str, AuditProgress], None] = ignore_progress
    _segments: dict[str, list[str | None]] = field(default_factory=dict, init=False)
    _position: str = field(default="", init=False)
    _numbers: Counter[str] = field(default_factory=Counter, init=False)
    _found: Counter[str] = field(default_factory=Counter, init=False)
    _repaired: Counter[str] = field(default_factory=Counter, init=False)
    _differences: list[Difference] = field(default_factory=list, init=False)
    _uncompared: Counter[str] = field(default_factory=Counter, init=False)

    def run(self) -> AuditProgress:
        """Compare everything, and repair what can be repaired. After a break, another run continues.

        Returns:
            The differences, and the numbers of what was compared.

        Raises:
            RecoveryError: If a table or the log cannot be read, or the topic takes no events.
        """
        self._continue(self.checkpoint.load() if self.checkpoint else None)
        for service, table in self.outboxes.items():
            self._compare_table(service, table)
        self._compare_log()
        if self.checkpoint:
            self.checkpoint.remove()
        return self._progress

    # The outboxes

    def _compare_table(self, service: str, table: SegmentedOutboxTable) -> None:
        """Read a table's segments. Each segment's next page is read while one is compared."""
        positions = self._segments.setdefault(service, [""] * SEGMENTS)
        reads: dict[Future[OutboxPage], int] = {}

        def read(segment: int, after: str) -> None:
            reads[self.threads.submit(table.read_page, segment, len(positions), after, self._page_items)] = segment

        for segment, position in enumerate(positions):
            if position is not None:
                read(segment, position)
        while reads:
            for future in wait(reads, return_when=FIRST_COMPLETED).done:
                segment, page = reads.pop(future), future.result()
                self.limit.wait(page.items)
                if page.position:
                    read(segment, page.position)
                self._numbers["items"] += page.items
                self._compare_outboxes(service, page.outboxes)
                positions[segment] = page.position or None
                self._finish_page(service)

    def _compare_outboxes(self, service: str, outboxes: Sequence[EntityOutbox]) -> None:
        events = [event for outbox in outboxes for event in self._readable(service, outbox)]
        self.limit.wait(len(events))
        self._numbers["announced"] += len(events)
        recorded = self.log.find([event.head for event in events])
        missing = []
        for event in events:
            body = recorded.get(event.head.id)
            if body is None:
                missing.append(event)
            elif not is_same_event(body, event.body):
                detail = "the outbox and the log have different bodies"
                self._note(Difference("conflicting-body", service, event.head.id, detail=detail))
        self._publish(service, missing)

    def _readable(self, service: str, outbox: EntityOutbox) -> Iterator[OutboxEvent]:
        """Iterate over the events to look up, and note the texts that no relay would publish."""
        for event in outbox.events:
            if refusal := refusal_of(event, service):
                self._note(Difference("unreadable", service, outbox.key, detail=": ".join(refusal)))
            elif event.envelope.subject != outbox.key:
                detail = f"it is in the outbox of {outbox.key}"
                self._note(Difference("unreadable", service, event.head.id, detail=detail))
            elif self.scope.since <= event.envelope.time < self.scope.until:
                yield event

    def _publish(self, service: str, missing: Sequence[OutboxEvent]) -> None:
        """Note the events that the log lacks, and publish them again. The log records them a little later."""
        refused: dict[str, str] = {}
        if self.repair and missing:
            before = len(self.repair.republisher.refused)
            self.repair.republisher.republish(service, missing)
            refused = dict(self.repair.republisher.refused[before:])
        for event in missing:
            reason = refused.get(event.head.id, "")
            repaired = self.repair is not None and not reason
            self._note(Difference("not-in-log", service, event.head.id, repaired, reason))

    # The log

    def _compare_log(self) -> None:
        start = max(self._position, self.scope.since or self.log.beginning() or "")
        records = iter(self.log.read(start, self.scope.until)) if start else iter(())
        while chunk := list(islice(records, self._page_items)):
            self.limit.wait(len(chunk))
            # The record at the position of the checkpoint was looked up before.
            self._compare_records([record for record in chunk if record.position > self._position])
            self._position = chunk[-1].position
            self._finish_page("log")

    def _compare_records(self, records: Sequence[LoggedEvent | UnreadableEvent]) -> None:
        entities: dict[tuple[str, str], list[str]] = {}
        for record in records:
            if isinstance(record, UnreadableEvent):
                self._note(Difference("unreadable", "", record.id, detail=record.reason))
            elif record.event.source not in self.outboxes:
                self._uncompared[record.event.source] += 1
            else:
                self._numbers["recorded"] += 1
                entities.setdefault((record.event.source, record.event.subject), []).append(record.event.id)
        self.limit.wait(len(entities))
        outboxes = self.threads.map(lambda entity: self.outboxes[entity[0]].entity_outbox(entity[1]), entities)
        for ((service, key), recorded), outbox in zip(entities.items(), outboxes, strict=True):
            announced = {head.id for event in outbox if (head := _head_of(event))}
            missing = [event for event in recorded if event not in announced]
            if missing and self.repair:
                self._complete(self.repair, service, key, announced, missing)
            else:
                for event in missing:
                    self._note(Difference("not-in-outbox", service, event))

    def _complete(
        self, repair: AuditRepair, service: str, key: str, announced: Collection[str], missing: Collection[str]
    ) -> None:
        """Add the events that an outbox lacks, and note the differences.

        An outbox has no gap, and the log may have recorded a later event first. So all that it lacks is added at once.

        Args:
            repair: The repair.
            service: The service.
            key: The entity's key.
            announced: The ids of the events in the outbox.
            missing: The ids of those events of the current page of the log that the outbox lacks.
        """
        last = max(map(_number_of, announced), default=0)
        own = [
            record
            for record in self.log.read_entity(key)
            if isinstance(record, LoggedEvent) and record.event.source == service
        ]
        added = [record for record in own if repair.appends or record.event.number <= last]
        reason = ""
        try:
            append_to_outbox(repair.tables[service], key, [record.body for record in added])
        except OutboxError as error:
            reason = str(error)
        for record in own:
            if record.event.id in announced:
                continue
            detail = reason if record in added else STATE_MAY_LACK_IT
            # Another page of the log finds an event that stays missing again. Only its own page notes it.
            if not detail or record.event.id in missing:
                self._note(Difference("not-in-outbox", service, record.event.id, not detail, detail))

    # The progress

    def _continue(self, before: AuditProgress | None) -> None:
        if before is None:
            return
        self.scope = before.scope
        self._segments = {service: list(positions) for service, positions in before.segments.items()}
        self._position = before.position
        self._numbers.update(items=before.items, announced=before.announced, recorded=before.recorded)
        self._found.update(before.found)
        self._repaired.update(before.repaired)
        self._differences = list(before.differences)
        self._uncompared.update(before.uncompared)

    @property
    def _progress(self) -> AuditProgress:
        return AuditProgress(
            scope=self.scope,
            segments={service: tuple(positions) for service, positions in self._segments.items()},
            position=self._position,
            items=self._numbers["items"],
            announced=self._numbers["announced"],
            recorded=self._numbers["recorded"],
            found=dict(self._found),
            repaired=dict(self._repaired),
            differences=tuple(self._differences),
            uncompared=dict(self._uncompared),
        )

    def _finish_page(self, part: str) -> None:
        progress = self._progress
        if self.checkpoint:
            self.checkpoint.save(progress)
        self.watch(part, progress)

    def _note(self, difference: Difference) -> None:
        self._found[difference.kind] += 1
        if difference.repaired:
            self._repaired[difference.kind] += 1
        if len(self._differences) < MAX_LISTED:
            self._differences.append(difference)

    @property
    def _page_items(self) -> int:
        """The number of items of a page: those of one second, so that a low rate is kept from the first page on."""
        return PAGE_ITEMS if self.limit.rate is None else max(1, min(PAGE_ITEMS, round(self.limit.rate)))


def _head_of(event: OutboxEvent) -> EventHead | None:
    """Return an event's head; None for a text that is no event."""
    try:
        return event.head
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _number_of(event: str) -> int:
    """Return the number in an event's id; 0 for a text that is no id."""
    number = event.rpartition("/")[2]
    return int(number) if number.isdecimal() else 0
