"""The invariant of stored formats: a field is read by the release that adds it, and written by the next one."""

from typing import Any

from infra.release.formats import Formats, read_formats, written_early
from tests.simulation.violation import ViolationError
from tidings.core.decisions import Numbers
from tidings.core.entity import StoredEntity
from tidings.core.formats import parse_release
from tidings.core.service import Service
from tidings.testing.ports import Watch

READ_FIRST = "a field is read by the release that adds it, and written by the next one"

RELEASED = read_formats()


def watch_formats(service: Service[Any], watch: Watch | None, released: Formats | None = RELEASED) -> Watch | None:
    """Return a function that requires that no write gives a value to a field that this release adds.

    Args:
        service: The service whose table is watched.
        watch: Another function to call after each write.
        released: The stored formats of the last release.
    """
    if released is None:
        return watch
    added = {each for kind in (service, *service.kinds) for each in kind.codec.format.releases}
    if all(parse_release(each) <= parse_release(released.release) for each in added):
        return watch

    def watched(key: str, old: StoredEntity | Numbers | None, new: StoredEntity | Numbers) -> None:
        if isinstance(new, StoredEntity):
            kind = service.kind_of(key)
            state = kind.codec.decode(new).state
            if early := written_early(released, kind, state):
                raise ViolationError(READ_FIRST, f"{service.name} writes {', '.join(early)} of {key}")
        if watch:
            watch(key, old, new)

    return watched
