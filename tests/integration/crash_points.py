"""Crashes of functions at each of their calls, and the final states that must not depend on them."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.integration.cloud import Calls, Cloud
from tests.integration.facts import EPOCH

NOW = EPOCH + 2 * 24 * 3_600_000
"""The time at which the clock is stopped, so that the times in two final states are equal. It is after every event."""

VARYING = re.compile(r'\\"(message|correlation_?id|traceparent)\\":\\"[^"]*\\"')
"""The members of an item's state and events that may differ between two runs."""

Condition = Callable[[str, list[tuple[str, Mapping[str, Any]]]], bool]
"""True if the process crashes at a call, given its name and the calls that were made before it."""


@contextmanager
def stopped_clock() -> Iterator[None]:
    """Stop the library's clock. moto's goes on."""
    with patch("tidings.core.clock.time", SimpleNamespace(time_ns=lambda: NOW * 1_000_000)):
        yield


@contextmanager
def crash(cloud: Cloud, *, before: Condition | None = None, after: Condition | None = None) -> Iterator[Calls]:
    """Record the calls, and end the function's process before or after a chosen one."""
    calls = cloud.calls
    with calls.counted():
        if before:
            calls.before = lambda name, _: before(name, calls.made)
        if after:
            calls.after = lambda name, _: after(name, calls.made)
        try:
            yield calls
        finally:
            calls.before = calls.after = lambda _name, _request: False


@contextmanager
def crash_after(cloud: Cloud, number: int | None) -> Iterator[Calls]:
    """End the process after a number of calls; 0 ends it before the first call, None never.

    A crash after one call and a crash before the next have the same effect: nothing outside the process happens
    between them. So a function that makes n calls has n + 1 crash points.
    """
    before = (lambda _name, _made: True) if number == 0 else None
    with crash(cloud, before=before, after=lambda _, made: len(made) == number) as calls:
        yield calls


@dataclass(frozen=True)
class FinalState:
    """The final contents of a service's tables: items, sums of counters, and the bodies of its dead letters.

    It leaves out what a crash may change: the number of an item's writes, SES's ids of e-mails, the ids of a
    repeated request, the shard of a counter, and a payment's secret.
    """

    items: Mapping[str, list[str]]
    numbers: Mapping[tuple[str, str, str], int]
    letters: list[str]


def final_state(cloud: Cloud, service: str) -> FinalState:
    """Return a service's final state, from every table that its consumer's environment names."""
    tables = {name: table for name, table in cloud.environment(service, "consumer").items() if name.endswith("TABLE")}
    items: dict[str, list[str]] = {}
    numbers: Counter[tuple[str, str, str]] = Counter()
    for name, table in tables.items():
        kept = []
        for item in cloud.items(table):
            counts = {column: int(value["N"]) for column, value in item.items() if "N" in value}
            if counts.keys() | {"pk", "sk"} >= item.keys():
                row = re.sub(r"#\d$", "", item["pk"]["S"]), item.get("sk", {"S": ""})["S"]
                numbers.update({(*row, column): n for column, n in counts.items()})
            else:
                for varying in ("version", "client_secret"):
                    item.pop(varying, None)
                kept.append(VARYING.sub("", json.dumps(item, sort_keys=True)))
        items[name] = sorted(kept)
    return FinalState(items, numbers, sorted(letter["body"] for letter in cloud.dead_letters(service)))


def mails(cloud: Cloud) -> Counter[str]:
    """Return the e-mails that were sent, by address and text."""
    return Counter(f"{mail.destinations} {mail.subject} {mail.body}" for mail in cloud.mails())
