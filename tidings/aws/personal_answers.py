"""The answers of a service about its entities of a person.

There are two questions:

- `{"list": person, "after": cursor}`: `{"keys": [...], "next": cursor or null}`, a page of the keys of the person's
  entities, oldest first.
- `{"read": keys}`, at most `MAX_KEYS`: `{"entities": [...], "unread": [...]}`. An entity is `{"key", "state", "events",
  "under_way", "erased"}` with its state and its announced events as they are stored. Unread are the keys that an answer
  has no room for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from tidings.core.entity import StoredEntity
from tidings.core.errors import NewerReleaseError
from tidings.core.service import Service
from tidings.http.pagination import OWNER
from tidings.observability.log import logger

MAX_KEYS = 20
"""Maximum number of entities to read at once."""

MAX_ANSWER = 1_500_000
"""Bytes of stored texts after which an answer has no room. Lambda's own limit is 6 MB, and a text may grow when it is
encoded again (AWS Lambda Developer Guide, "Lambda quotas")."""

UNREADABLE = "unreadable"
"""The name of what goes on with an entity whose state this release cannot decode."""


class Entities(Protocol):
    """The part of a table that the function reads."""

    def read(self, keys: Sequence[str]) -> Mapping[str, StoredEntity]:
        """Return those of the entities that exist."""
        ...


class Lists(Protocol):
    """The part of an index of lists that the function reads."""

    def keys(self, owner: str, cursor: str | None = None) -> tuple[tuple[str, ...], str | None]:
        """Return a page of a list's keys, and the cursor of the next one."""
        ...


def lists_index(service: Service[Any]) -> str:
    """Return the name of the index with a service's lists.

    Raises:
        ValueError: If the service declares `list_of` and no such index.
    """
    for index in service.indexes:
        if index.partition == OWNER:
            return index.name
    raise ValueError(f"{service.name} declares list_of, and no index of lists")


def answer(
    service: Service[Any], entities: Entities, lists: Lists | None, question: Mapping[str, Any]
) -> dict[str, Any]:
    """Answer a question about a person's entities.

    Args:
        service: The service.
        entities: Its entities.
        lists: Its lists; None if it declares no `list_of`.
        question: The question.

    Raises:
        ValueError: If the question is none of the two, names too many entities, or asks for a list that the service
            does not have.
    """
    if "read" in question:
        return _read(service, entities, question["read"])
    if "list" not in question:
        raise ValueError("a question is {'list': person} or {'read': keys}")
    if service.list_of is None or lists is None:
        raise ValueError(f"{service.name} declares no list of a person's entities")
    keys, following = lists.keys(service.list_of(question["list"]), question.get("after"))
    return {"keys": list(keys), "next": following}


def _read(service: Service[Any], entities: Entities, keys: Sequence[str]) -> dict[str, Any]:
    if len(keys) > MAX_KEYS:
        raise ValueError(f"{len(keys)} entities are asked for; {MAX_KEYS} are allowed")
    found = entities.read(list(dict.fromkeys(keys))) if keys else {}
    told: list[dict[str, Any]] = []
    size = 0
    for n, (key, stored) in enumerate(found.items()):
        size += len(stored.state.encode()) + sum(len(event.encode()) for event in stored.outbox)
        if told and size > MAX_ANSWER:
            return {"entities": told, "unread": [key, *list(found)[n + 1 :]]}
        told.append(_entity(service, stored))
    return {"entities": told, "unread": []}


def _entity(service: Service[Any], stored: StoredEntity) -> dict[str, Any]:
    return {
        "key": stored.key,
        # As they are stored: this release may not know every member.
        "state": msgspec.json.decode(stored.state),
        "events": [msgspec.json.decode(body) for body in stored.outbox],
        "under_way": _under_way(service, stored),
        "erased": stored.erased,
    }


def _under_way(service: Service[Any], stored: StoredEntity) -> str:
    if service.under_way is None:
        return ""
    try:
        state = service.codec.decode(stored).state
    except (ValueError, NewerReleaseError) as error:
        # One that cannot be decoded holds up no other. The error's text is omitted, because it may contain its data.
        logger.error("an entity cannot be decoded", extra={"key": stored.key, "error": type(error).__name__})
        return UNREADABLE
    return service.under_way(state) if state is not None else ""
