"""The routes of analytics."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from functions.analytics.report import Counters, DayFigures, days
from tidings.core.clock import DATE_PATTERN
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Request
from tidings.http.routes import route

MAX_DAYS = 92
"""Maximum number of days in a report: the longest quarter of a year."""

MAX_ROWS = 20_000
"""Maximum number of rows in a report, about 4 MB. Lambda's limit for an answer is 6 MB."""

FirstDay = Annotated[
    str,
    Meta(
        pattern=DATE_PATTERN,
        description="The first day, such as `2026-01-31`, in the shop's time zone",
        extra_json_schema={"format": "date"},
    ),
]
LastDay = Annotated[
    str,
    Meta(
        pattern=DATE_PATTERN,
        description=f"The last day, included, such as `2026-02-28`. The range has {MAX_DAYS} days at most",
        extra_json_schema={"format": "date"},
    ),
]

NOT_A_RANGE = Rule(422, "Not a range", "`to` is before `from`.")
TOO_MANY_DAYS = Rule(422, "Too many days", f"The range has more than {MAX_DAYS} days.")
TOO_MANY_ROWS = Rule(422, "Too many rows", f"The report of these days has more than {MAX_ROWS} rows.")


class Sales(Struct, frozen=True, omit_defaults=True, rename={"first": "from", "last": "to"}):
    """The sales from one day to another, both included, in the shop's time zone. Days without sales are left out.

    `time_zone` is the shop's time zone, by its name in the IANA Time Zone Database. A day has 23 or 25 hours where its
    clocks change. `rebuilding` means that the figures are being rebuilt and are not complete yet.
    """

    first: str
    last: str
    time_zone: str
    days: tuple[DayFigures, ...]
    rebuilding: bool = False


class Api:
    """The routes of analytics."""

    def __init__(self, counters: Counters, is_rebuilding: Callable[[], bool], time_zone: str) -> None:
        self._counters = counters
        self._is_rebuilding = is_rebuilding
        self._time_zone = time_zone

    @route(
        "GET",
        "/operators/sales",
        Sales,
        query={"from": FirstDay, "to": LastDay},
        rules=(NOT_A_RANGE, TOO_MANY_DAYS, TOO_MANY_ROWS),
    )
    def sales(self, request: Request) -> Sales:
        """Show the sales by day and product, and the number of orders by status."""
        first, last = date.fromisoformat(request.query["from"]), date.fromisoformat(request.query["to"])
        if last < first:
            raise Problem(NOT_A_RANGE, "`to` must not be before `from`.", field="to")
        if last - first >= timedelta(days=MAX_DAYS):
            raise Problem(TOO_MANY_DAYS, f"Ask for {MAX_DAYS} days at most.", field="to")
        rebuilding = self._is_rebuilding()
        numbers = self._counters.read(first, last, MAX_ROWS)
        if len(numbers) > MAX_ROWS:
            detail = f"These days have more than {MAX_ROWS} rows. Ask for fewer days."
            raise Problem(TOO_MANY_ROWS, detail, field="to")
        return Sales(str(first), str(last), self._time_zone, days(numbers), rebuilding)
