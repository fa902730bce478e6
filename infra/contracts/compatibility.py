"""Whether a contract may change so, within its major version.

Events are for ever: queues hold them for two weeks, and history replays them to consumers that did not exist when
they were announced. Services deploy one by one. So within a major version both must hold, at any time:

- what was announced by an older version is read by the newer one (else queues and replays end as dead letters);
- what is announced by the newer version is read by an older one, which ignores the fields that it does not know
  (else whoever deploys later loses events).

Together they leave one way to change: **a field that may be absent is added** (one with a default), anywhere. All
that an existing field accepts stays just as it is. To accept less breaks the first rule, to accept more breaks
the second: a value is taken out of an enumeration or put into it, a bound is tightened or loosened, a field
becomes required or optional. Nobody can tell of two patterns which accepts more, so any change to one breaks both. A
field that is taken away was read by somebody, who would now find its default; and a default that changes gives
events that have long been announced another meaning. Words (titles, descriptions) may change at will.

Whatever else is wanted is another contract: raise `major`. The old one stays published.
"""

from collections.abc import Iterator
from typing import Any

from infra.contracts.schemas import DEFINED_IN, Json, kind

WORDS = {"$schema", "$id", "$defs", "title", "description"}
OF_THE_FIELDS = {"properties", "required"}
WHAT_IT_IS = ("$ref", "anyOf", "type")
LOWER_BOUNDS = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
UPPER_BOUNDS = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}

BREAKS_EVENTS = "events announced before would be refused"
BREAKS_READERS = "readers of the published version would refuse what is announced now"


def incompatibilities(published: Json, current: Json) -> list[str]:
    """What keeps the current schema of an event from taking the place of the published one; each with the reason."""
    return list(_Comparison(published, current).differences("", published, current))


class _Comparison:
    def __init__(self, published: Json, current: Json) -> None:
        self._published = published
        self._current = current
        self._within: list[tuple[Any, Any]] = []

    def differences(self, path: str, old: Json, new: Json) -> Iterator[str]:
        """How two schemas of the same value differ, `path` being where the value stands in the event."""
        pair = (old.get("$ref"), new.get("$ref"))
        if all(pair) and pair in self._within:  # a struct that holds others of its own kind
            return
        self._within.append(pair)
        old, new = _resolved(old, self._published), _resolved(new, self._current)
        if _sort(old) == _sort(new):
            yield from self._fields(path, old, new)
            yield from self._values(path, old, new)
        else:
            yield f"{path or 'the event'}: {kind(old)} became {kind(new)}: {BREAKS_EVENTS}, or {BREAKS_READERS}"
        self._within.pop()

    def _fields(self, path: str, old: Json, new: Json) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        were_required, are_required = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() | after.keys()):
            field = f"{path}.{name}" if path else name
            if name not in after:
                yield f"{field}: the field is gone: its readers would find nothing, or a default that nobody meant"
            elif name not in before:
                if name in are_required:
                    yield f"{field}: a new field without a default: {BREAKS_EVENTS}, for they lack it"
                if old.get("additionalProperties") is False:
                    yield f"{field}: a new field where unknown ones are forbidden: {BREAKS_READERS}"
            elif name in are_required - were_required:
                yield f"{field}: the field has become required: {BREAKS_EVENTS}"
            elif name in were_required - are_required:
                yield f"{field}: the field has become optional: {BREAKS_READERS}"
            else:
                yield from self.differences(field, before[name], after[name])

    def _values(self, path: str, old: Json, new: Json) -> Iterator[str]:
        for key in sorted((old.keys() | new.keys()) - WORDS - OF_THE_FIELDS):
            before, after = old.get(key), new.get(key)
            if isinstance(before, dict) and isinstance(after, dict) and key != "default":
                yield from self.differences(f"{path}[]", before, after)
            elif key in {"anyOf", "prefixItems"}:
                for one, other in zip(before or (), after or (), strict=True):
                    yield from self.differences(path, one, other)
            elif before != after:
                yield f"{path or 'the event'}: {_changed(key, before, after)}"


def _resolved(schema: Json, document: Json) -> Json:
    while "$ref" in schema:
        definition = document["$defs"][schema["$ref"].removeprefix(DEFINED_IN)]
        schema = {**definition, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _sort(schema: Json) -> tuple[Any, ...]:
    """What two schemas must have in common for their keywords to be worth comparing one by one."""
    return schema.get("type"), *(len(schema.get(key, ())) for key in ("anyOf", "prefixItems"))


def _changed(key: str, before: Any, after: Any) -> str:
    if key == "enum" and before and after:
        return _changed_enumeration(before, after)
    if key in LOWER_BOUNDS | UPPER_BOUNDS:
        looser = after is None or (before is not None and (after < before) == (key in LOWER_BOUNDS))
        return f"`{key}` {before} became {after}: {BREAKS_READERS if looser else BREAKS_EVENTS}"
    if key == "default":
        return f"the default {before!r} became {after!r}: events without the field would say something else"
    return f"`{key}` {before!r} became {after!r}: {BREAKS_EVENTS}, or {BREAKS_READERS}"


def _changed_enumeration(before: list[Any], after: list[Any]) -> str:
    gone = [value for value in before if value not in after]
    new = [value for value in after if value not in before]
    parts = [f"{gone} taken out of its values: {BREAKS_EVENTS}"] if gone else []
    parts += [f"{new} added to its values: {BREAKS_READERS}"] if new else []
    return "; ".join(parts)
