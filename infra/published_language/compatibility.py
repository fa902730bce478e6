"""The rules for a compatible change of a contract within its major version.

Queues keep events for two weeks, the event log replays old events to new consumers, and services deploy one by one.
So two rules hold within a major version:

- A newer version must read events that an older version announced. Otherwise queued and replayed events become dead
  letters.
- An older version must read events that a newer version announces, ignoring fields that it does not know. Otherwise a
  service that deploys later loses events.

The only change that keeps both rules is to add an optional field, that is, a field with a default. It may be added at
any depth. An existing field must accept exactly the same values: accepting fewer breaks the first rule, and accepting
more breaks the second. That covers the values of an enumeration, bounds, and whether a field is required. Patterns
cannot be compared, so every change of a pattern breaks both rules. If a field is removed, its readers find its default
instead. If a default changes, old events change their meaning. Titles and descriptions may change freely.

Every other change needs a new contract: raise `major`. The old version's schema stays published.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from infra.published_language.schemas import DEFINITIONS, Json, describe_type

ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}
FIELD_KEYWORDS = {"properties", "required"}
LOWER_BOUNDS = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
UPPER_BOUNDS = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}

BREAKS_EVENTS = "events that were announced before would be refused"
BREAKS_READERS = "readers of the published version would refuse new events"


def incompatibilities(published: Json, current: Json) -> list[str]:
    """Return how an event's current schema breaks its published schema, each with the reason."""
    return list(Comparison(published, current).differences("", published, current))


class Comparison:
    """The comparison of a published schema with the current one. A subclass compares schemas of something else.

    Attributes:
        whole: The name of the described thing in a message: `the event`.
        plural: Its plural: `events`.
        breaks_older: The reason why a field must not accept less than before.
        breaks_readers: The reason why a field must not accept more than before.
    """

    whole: ClassVar[str] = "the event"
    plural: ClassVar[str] = "events"
    breaks_older: ClassVar[str] = BREAKS_EVENTS
    breaks_readers: ClassVar[str] = BREAKS_READERS

    def __init__(self, published: Json, current: Json) -> None:
        """Compare parts of these two documents, whose definitions the parts refer to."""
        self._published = published
        self._current = current
        self._within: list[tuple[Any, Any]] = []

    def differences(self, path: str, old: Json, new: Json) -> Iterator[str]:
        """Iterate over the differences of two schemas of the value at `path`."""
        pair = (old.get("$ref"), new.get("$ref"))
        if all(pair) and pair in self._within:  # a struct that contains itself
            return
        self._within.append(pair)
        old, new = _resolved(old, self._published), _resolved(new, self._current)
        if _shape(old) == _shape(new):
            yield from self._fields(path, old, new)
            yield from self._values(path, old, new)
        else:
            change = f"{describe_type(old)} became {describe_type(new)}"
            yield f"{path or self.whole}: {change}: {self.breaks_older}, or {self.breaks_readers}"
        self._within.pop()

    def new_field(
        self,
        path: str,
        field: Json,  # noqa: ARG002 - a subclass reads it
        *,
        required: bool,
    ) -> Iterator[str]:
        """Iterate over the problems of a field that the published schema lacks.

        Args:
            path: Where the field is.
            field: Its schema.
            required: Whether it has no default.
        """
        if required:
            yield f"{path}: a new field without a default: {self.breaks_older}, because they lack it"

    def _fields(self, path: str, old: Json, new: Json) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        were_required, are_required = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() | after.keys()):
            field = f"{path}.{name}" if path else name
            if name not in after:
                yield f"{field}: the field is missing: its readers would find nothing, or its default"
            elif name not in before:
                yield from self.new_field(field, after[name], required=name in are_required)
                if old.get("additionalProperties") is False:
                    yield f"{field}: a new field where unknown fields are forbidden: {self.breaks_readers}"
            elif name in are_required - were_required:
                yield f"{field}: the field has become required: {self.breaks_older}"
            elif name in were_required - are_required:
                yield f"{field}: the field has become optional: {self.breaks_readers}"
            else:
                yield from self.differences(field, before[name], after[name])

    def _values(self, path: str, old: Json, new: Json) -> Iterator[str]:
        for key in sorted((old.keys() | new.keys()) - ANNOTATIONS - FIELD_KEYWORDS):
            before, after = old.get(key), new.get(key)
            if isinstance(before, dict) and isinstance(after, dict) and key != "default":
                yield from self.differences(path if key == "contentSchema" else f"{path}[]", before, after)
            elif key in {"anyOf", "prefixItems"}:
                for one, other in zip(before or (), after or (), strict=True):
                    yield from self.differences(path, one, other)
            elif before != after:
                yield f"{path or self.whole}: {self._changed(key, before, after)}"

    def _changed(self, key: str, before: Any, after: Any) -> str:
        if key == "enum" and before and after:
            return self._changed_enumeration(before, after)
        if key in LOWER_BOUNDS | UPPER_BOUNDS:
            looser = after is None or (before is not None and (after < before) == (key in LOWER_BOUNDS))
            return f"`{key}` {before} became {after}: {self.breaks_readers if looser else self.breaks_older}"
        if key == "default":
            text = f"{self.plural} without the field would change their meaning"
            return f"the default {before!r} became {after!r}: {text}"
        return f"`{key}` {before!r} became {after!r}: {self.breaks_older}, or {self.breaks_readers}"

    def _changed_enumeration(self, before: list[Any], after: list[Any]) -> str:
        removed = [value for value in before if value not in after]
        added = [value for value in after if value not in before]
        parts = [f"{removed} removed from its values: {self.breaks_older}"] if removed else []
        parts += [f"{added} added to its values: {self.breaks_readers}"] if added else []
        return "; ".join(parts)


def _resolved(schema: Json, document: Json) -> Json:
    while "$ref" in schema:
        definition = document["$defs"][schema["$ref"].removeprefix(DEFINITIONS)]
        schema = {**definition, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _shape(schema: Json) -> tuple[Any, ...]:
    """Return what two schemas must have in common so that their keywords can be compared one by one."""
    return schema.get("type"), *(len(schema.get(key, ())) for key in ("anyOf", "prefixItems"))
