"""The orders that fraud has seen lately, in buckets of time."""

from collections.abc import Callable, Sequence

from contracts.values.address import Address
from functions.fraud.rules import Seen, Window
from functions.fraud.windows import Place


class MemoryWindows:
    """The buckets of `functions.fraud.windows.Windows`. `between` is called after the write and before the read."""

    def __init__(self, between: Callable[[], None] = lambda: None) -> None:
        self._between = between
        self._buckets: dict[str, dict[Seen, None]] = {}

    def note(self, rules: Sequence[Window], seen: Seen, address: Address) -> list[list[Seen] | None]:
        places = [Place.of(rule, seen, address) for rule in rules]
        found: list[list[Seen]] = []
        for place in places:
            bucket = self._buckets.setdefault(place.own, {})
            bucket[seen] = None
            found.append(list(bucket))
        self._between()
        for place, own in zip(places, found, strict=True):
            for key in place.neighbours:
                own += self._buckets.get(key, ())
        return [*found]
