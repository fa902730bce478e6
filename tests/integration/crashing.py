"""Functions that die at a call, and what the world holds afterwards, told so that two endings can be compared."""

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

NOW = EPOCH + 3_600_000
"""The time, which stands still: so the times that an ending holds need no mask, and are compared like all else."""

VARYING = re.compile(r'\\"(message|correlationid|traceparent)\\":\\"[^"]*\\"')
"""What two endings of the same may differ in, as it stands in an item's events."""

Moment = Callable[[str, list[tuple[str, Mapping[str, Any]]]], bool]
"""Whether to die at a call, by its name and by the calls that were made before it."""


@contextmanager
def standing_clock() -> Iterator[None]:
    """Tidings' own clock stands; moto's goes."""
    with patch("tidings.clock.time", SimpleNamespace(time_ns=lambda: NOW * 1_000_000)):
        yield


@contextmanager
def dying(cloud: Cloud, *, before: Moment | None = None, after: Moment | None = None) -> Iterator[Calls]:
    """Counts the calls, and ends the function's process before or after the one chosen."""
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
def dying_after(cloud: Cloud, number: int | None) -> Iterator[Calls]:
    """Ends the process once so many calls are done, be it before the first; never, where that is None.

    After a call and before the next one are the same moment: nothing outside happens between them, and what the
    process knew is lost. So these moments, one more than there are calls, are all there are.
    """
    before = (lambda _name, _made: True) if number == 0 else None
    with dying(cloud, before=before, after=lambda _, made: len(made) == number) as calls:
        yield calls


@dataclass(frozen=True)
class Ending:
    """What a service's tables hold in the end: items, numbers of counters, and the bodies of its dead letters.

    What a death may change is left out: how often an item was written (an intent written again counts once more),
    SES's ids of e-mails (a mail sent again has another), a request's own ids (sent again it has others), and the shard
    that a counter's number lies in (chosen at random; who reads sums the shards).
    """

    items: Mapping[str, list[str]]
    numbers: Mapping[tuple[str, str, str], int]
    letters: list[str]


def ending(cloud: Cloud, service: str) -> Ending:
    """How a service has ended, in every table that its consumer knows of."""
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
                item.pop("version", None)
                kept.append(
                    re.sub(
                        r'\\"(message|correlationid|traceparent)\\":\\"[^"]*\\"', "", json.dumps(item, sort_keys=True)
                    )
                )
        items[name] = sorted(kept)
    return Ending(items, numbers, sorted(letter["body"] for letter in cloud.dead_letters(service)))


def mails(cloud: Cloud) -> Counter[str]:
    """The e-mails that went out, by address and text."""
    return Counter(f"{mail.destinations} {mail.subject} {mail.body}" for mail in cloud.mails())
