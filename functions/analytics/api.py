"""What operators ask of analytics."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta

from msgspec import Struct

from functions.analytics.report import Counters, DayFigures, days
from tidings.routes import Problem, Request, route

MOST_DAYS = 92
"""The longest range: a quarter of a year, whichever."""

MOST_ROWS = 20_000
"""The most figures of a day and a product in one answer: some 4 MB, and Lambda's own limit is 6 MB."""


class Sales(Struct, frozen=True, omit_defaults=True, rename={"first": "from", "last": "to"}):
    """What was sold from one day to another, both included, in UTC; days without anything to tell are left out.

    `rebuilding` says that these figures are being counted anew, and are not complete yet.
    """

    first: str
    last: str
    days: tuple[DayFigures, ...]
    rebuilding: bool = False


class Api:
    """The routes of analytics, over its counters."""

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
            "to": f"The last day, included; {MOST_DAYS} days at most with the first.",
        },
        problems=(400,),
    )
    def sales(self, request: Request) -> Sales:
        """Shows what was sold, by day and product, and what became of the orders."""
        first, last = _day(request, "from"), _day(request, "to")
        if last < first:
            raise Problem(400, "Not a range", "`to` is not before `from`.", field="to")
        if last - first >= timedelta(days=MOST_DAYS):
            raise Problem(400, "Too long a range", f"Ask for {MOST_DAYS} days at most.", field="to")
        rebuilding = self._is_rebuilding()
        numbers = self._counters.read(first, last, MOST_ROWS)
        if len(numbers) > MOST_ROWS:
            detail = f"These days have more than {MOST_ROWS} figures of products between them: ask for fewer days."
            raise Problem(400, "Too much", detail, field="to")
        return Sales(str(first), str(last), days(numbers), rebuilding)


def _day(request: Request, name: str) -> date:
    text = request.query.get(name, "")
    with suppress(ValueError):
        day = date.fromisoformat(text)
        # ISO 8601 writes a day in several ways; the API knows one.
        if str(day) == text:
            return day
    raise Problem(400, "Not a day", f"`{name}` is a day of the calendar, as `2026-01-31`.", field=name)
