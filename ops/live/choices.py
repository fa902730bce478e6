"""The event types and services that a stream can be narrowed to."""

from collections.abc import Collection
from difflib import get_close_matches

from ops.errors import CommandError
from ops.services import service_named, service_names


def check_types(types: Collection[str]) -> None:
    """Raise `CommandError` if a service announces no event of one of these types."""
    known = {contract.__name__ for name in service_names() for contract in service_named(name).announces}
    for each in types:
        if each not in known:
            raise CommandError(f"no service announces an event of the type {each!r}; {_suggestion(each, known)}")


def check_sources(sources: Collection[str]) -> None:
    """Raise `CommandError` if one of these services does not exist or announces no event."""
    known = {name for name in service_names() if service_named(name).announces}
    for each in sources:
        if each not in known:
            raise CommandError(f"no service {each!r} announces events; {_suggestion(each, known)}")


def _suggestion(name: str, known: Collection[str]) -> str:
    spelled = {each.casefold(): each for each in sorted(known)}
    close = get_close_matches(name.casefold(), spelled, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(spelled[each] for each in close)}?"
    return f"there are {', '.join(sorted(known))}"
