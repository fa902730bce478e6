"""Reindexing: rewrites the attributes by which a service's entities are in its indexes.

DynamoDB fills a new index with the items that have its key attributes. An entity that was stored before its service
declared them gets them at its next write, or by reindexing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tidings.core.entity import RESERVED, StoredEntity
from tidings.core.errors import NewerReleaseError, described
from tidings.core.service import Service
from tidings.handling.pace import Pace

REWRITTEN, RIGHT, OVERTAKEN, UNREADABLE = "rewritten", "right", "overtaken", "unreadable"
"""The outcomes for an entity. An overtaken one was written by its service meanwhile, which made it right."""


class IndexedTable(Protocol):
    """A service's table, as it is reindexed."""

    def entities(self, after: str) -> Iterator[tuple[Sequence[StoredEntity], str]]:
        """Iterate over the pages of all items that have the form of entities, each with the position after it.

        The last position is empty. Items under reserved keys are included.

        Args:
            after: The position after which to begin; empty for the beginning.
        """

    def rewrite(self, entity: StoredEntity, attributes: Mapping[str, str]) -> bool:
        """Replace an entity's further attributes if its version is still the stored one, and return whether it was.

        Its version stays the same, because its state does.
        """


@dataclass(frozen=True)
class ReindexCheckpoint:
    """The file with the position up to which a table is reindexed."""

    path: Path

    def load(self) -> str:
        """Return the position after which to continue; empty for the beginning."""
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def save(self, position: str) -> None:
        """Replace the position atomically."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(position, encoding="utf-8")
        new.replace(self.path)

    def remove(self) -> None:
        """Delete the file, so that the next run begins at the beginning."""
        self.path.unlink(missing_ok=True)


def ignore_counts(_counts: Mapping[str, int]) -> None:
    """Ignore the number of entities."""


@dataclass(frozen=True)
class Reindexer:
    """The rewriting of the index attributes of one service's entities.

    Attributes:
        service: The service's declaration.
        table: Its table.
        pace: Limits the rate of writes; None only counts them.
        checkpoint: Keeps the position; None begins at the beginning on each run.
        watch: Receives the number of entities by outcome after each page.
        unreadable: The keys of the entities that this release cannot decode, each with the reason. They are left as
            they are.
    """

    service: Service[Any]
    table: IndexedTable
    pace: Pace | None
    checkpoint: ReindexCheckpoint | None = None
    watch: Callable[[Mapping[str, int]], None] = ignore_counts
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    def run(self) -> Counter[str]:
        """Rewrite the attributes that are not what the service declares. Return the number of entities by outcome."""
        counts: Counter[str] = Counter()
        for entities, position in self.table.entities(self.checkpoint.load() if self.checkpoint else ""):
            counts.update(self._reindex(entity) for entity in entities if self._is_declared(entity.key))
            if self.checkpoint:
                self.checkpoint.save(position)
            self.watch(counts)
        if self.checkpoint:
            self.checkpoint.remove()
        return counts

    def _reindex(self, stored: StoredEntity) -> str:
        try:
            attributes = self._attributes(stored)
        except (msgspec.DecodeError, NewerReleaseError) as error:
            self.unreadable.append((stored.key, described(error)))
            return UNREADABLE
        if attributes == stored.attributes:
            return RIGHT
        if self.pace is None:
            return REWRITTEN
        self.pace.wait()
        return REWRITTEN if self.table.rewrite(stored, attributes) else OVERTAKEN

    def _is_declared(self, key: str) -> bool:
        """Return whether the item with a key is an entity. Under reserved keys only further kinds of entities are."""
        return not key.startswith(RESERVED) or self.service.kind_of(key) is not self.service

    def _attributes(self, stored: StoredEntity) -> Mapping[str, str]:
        """Return the attributes that the executor would store. An entity without a state is in no index."""
        declared = self.service.kind_of(stored.key)
        entity = declared.codec.decode(stored)
        return {} if entity.state is None else declared.index_attributes(entity)
