"""What fraud has seen of late: buckets of orders, each written before its neighbours are read."""

from collections.abc import Callable

from functions.fraud.rules import Seen, Window
from functions.fraud.windows import digest
from tidings.contracts import Address


class MemoryWindows:
    """The buckets of `functions.fraud.windows.Windows`. `between` is called between its writing and its reading."""

    def __init__(self, between: Callable[[], None] = lambda: None) -> None:
        self._between = between
        self._buckets: dict[str, dict[Seen, None]] = {}

    def note(self, rule: Window, seen: Seen, address: Address) -> list[Seen] | None:
        whose = seen.customer if rule.by == "customer" else digest(address)
        number = seen.time // rule.span
        bucket = self._buckets.setdefault(f"{rule.name}#{whose}#{number}", {})
        bucket[seen] = None
        own = list(bucket)
        self._between()
        for step in (-1, 1):
            own += self._buckets.get(f"{rule.name}#{whose}#{number + step}", ())
        return own
