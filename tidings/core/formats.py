"""Formats of stored states: which release added a field, and which release is needed to read a state.

Two releases run side by side during a deployment and after a rollback. An older one would drop the fields that it does
not know. So an entity is stored with the release that added the newest field of its state which has a value, and a
release that knows no such field leaves the entity alone: its message waits for a newer one.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct

SINCE = "x-since"
"""The keyword of a field's schema that names the release which added it."""

Release = tuple[int, ...]
"""A release's number as a sequence of its parts, which sorts like the releases: `(1, 10)` for `1.10`."""

FIRST: Release = (0,)
"""The release of fields that do not name one. It is before all others."""


def since(release: str) -> Meta:
    """Declare the release that added a field of a state, or of a struct that states contain.

    The field must have a default. The release that adds it reads it and never gives it another value; the next release
    may. So the release before, which runs beside each of them, finds no field that it does not know.

    Args:
        release: The release's number.

    Raises:
        ValueError: If the release is no number such as `1.4`.

    Example:
        ```python
        class Assignment(Struct, frozen=True):
            agent: str
            team: Annotated[str, since("1.4")] = ""
        ```
    """
    parse_release(release)
    return Meta(extra_json_schema={SINCE: release})


def parse_release(text: str) -> Release:
    """Return the parts of a release's number.

    Raises:
        ValueError: If the text is no number such as `1.4`.
    """
    parts = text.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"{text!r} is not the number of a release, such as 1.4")
    return tuple(int(part) for part in parts)


class AddedField(NamedTuple):
    """A field that names the release which added it.

    Attributes:
        name: The field's name.
        release: The release's number.
        default: The value that it has in a state which was stored before.
    """

    name: str
    release: str
    default: Any


class StateFormat:
    """The format of one service's states."""

    def __init__(self, state: Any) -> None:
        """Find the fields that name a release, in a state's struct and in those that it contains.

        Raises:
            TypeError: If such a field has no default.
        """
        self._added: dict[type, tuple[AddedField, ...]] = {}
        self._find(state, set())
        self._reads = max(map(parse_release, self.releases), default=FIRST)

    @property
    def releases(self) -> set[str]:
        """The releases that added the fields."""
        return {field.release for fields in self._added.values() for field in fields}

    def of(self, state: Any) -> str:
        """Return the release that is needed to read a state; "" if every release can."""
        if not self._added:
            return ""
        return max((field.release for field in self.written(state)), key=parse_release, default="")

    def reads(self, written: str) -> bool:
        """Return whether this release knows all fields of a stored state.

        Args:
            written: The release that is needed to read it, as `of` returned it in the release that wrote it.
        """
        try:
            return not written or parse_release(written) <= self._reads
        except ValueError:
            # A newer release may say more here.
            return False

    def written(self, value: Any) -> Iterator[AddedField]:
        """Iterate over the fields that name a release and have another value than their default."""
        if isinstance(value, Struct):
            for field in self._added.get(type(value), ()):
                if getattr(value, field.name) != field.default:
                    yield field
            parts: Any = (getattr(value, name) for name in value.__struct_fields__)
        elif isinstance(value, Mapping):
            parts = value.values()
        elif isinstance(value, tuple | list | set | frozenset):
            parts = value
        else:
            return
        for part in parts:
            yield from self.written(part)

    def _find(self, form: Any, seen: set[Any]) -> None:
        if isinstance(form, type) and issubclass(form, Struct):
            if form in seen:
                return
            seen.add(form)
            fields = msgspec.structs.fields(form)
            if added := tuple(_added(form, field, named) for field in fields if (named := _release_of(field.type))):
                self._added[form] = added
            for field in fields:
                self._find(field.type, seen)
        else:
            for part in get_args(form):
                self._find(part, seen)


def _added(form: type, field: msgspec.structs.FieldInfo, release: str) -> AddedField:
    if field.required:
        raise TypeError(f"{form.__name__}.{field.name} was added by release {release}, and has no default")
    default = field.default if field.default_factory is NODEFAULT else field.default_factory()
    return AddedField(field.name, release, default)


def _release_of(form: Any) -> str:
    """Return the release that `since` named when it annotated a field's type; "" if it did not."""
    parts = get_args(form) if get_origin(form) is Annotated else ()
    found = (part.extra_json_schema for part in parts if isinstance(part, Meta) and part.extra_json_schema)
    return next((keywords[SINCE] for keywords in found if SINCE in keywords), "")
