"""The routes of analytics."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta

from msgspec import Struct

from functions.analytics.report import Counters, DayFigures, days
from tidings.http.problems import Problem
from tidings.http.requests import Request
from tidings.http.routes import route

MAX_DAYS = 92
"""Maximum number of days in a report: the longest quarter of a year."""

MAX_ROWS = 20_000
"""Maximum number of rows in a report, about 4 MB. Lambda's limit for an answer is 6 MB."""


class Sales(Struct, frozen=True, omit_defaults=True, rename={"first": "from", "last": "to"}):
    """The sales from one day to another, both included, in UTC. Days without sales are left out.

    `rebuilding` means that the figures are being rebuilt and are not complete yet.
    """

    first: str
    last: str
    days: tuple[DayFigures, ...]
    rebuilding: bool = False


class Api:
    """The routes of analytics."""

    def __init__(self, counters: Counters, is_rebuilding: Callable[[], bool]) -> None:
        self._counters = counters
        self._is_rebuilding = is_rebuilding

    @route(
        "GET",
        "/analytics/sales",
        Sales,
        operators=True,
        query={
            "from": "The first day, as `2026-01-31`, in UTC.",
            "to": f"The last day, included. The range has {MAX_DAYS} days at most.",
        },
        problems=(400,),
    )
    def sales(self, request: Request) -> Sales:
        """Show the sales by day and product, and the number of orders by status."""
        first, last = _day(request, "from"), _day(request, "to")
        if last < first:
            raise Problem(400, "Not a range", "`to` must not be before `from`.", field="to")
        if last - first >= timedelta(days=MAX_DAYS):
            raise Problem(400, "Too long a range", f"Ask for {MAX_DAYS} days at most.", field="to")
        rebuilding = self._is_rebuilding()
        numbers = self._counters.read(first, last, MAX_ROWS)
        if len(numbers) > MAX_ROWS:
            detail = f"These days have more than {MAX_ROWS} rows. Ask for fewer days."
            raise Problem(400, "Too much", detail, field="to")
        return Sales(str(first), str(last), days(numbers), rebuilding)


def _day(request: Request, name: str) -> date:
    text = request.query.get(name, "")
    with suppress(ValueError):
        day = date.fromisoformat(text)
        # ISO 8601 has several forms of a day. The API accepts one.
        if str(day) == text:
            return day
    raise Problem(400, "Not a day", f"`{name}` is a day such as `2026-01-31`.", field=name)
