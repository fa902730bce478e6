"""The texts about the jobs that export or erase a customer's personal data. They contain none of that data."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from ops.counts import counted

MAX_NAMED = 20
"""Maximum number of lines about what is under way."""


def describe_job(job: Mapping[str, Any]) -> Iterator[str]:
    """Return the lines about a job: its id and status, what is under way, and where its file is."""
    orders = counted(job["orders"], "order")
    who = f"requested by {_article(job['requested_by'])} at {job['requested_at']}"
    yield f"{job['kind']} {job['id']}: {job['status']}, {orders}, {who}"
    under_way = job["under_way"]
    for each in islice(under_way, MAX_NAMED):
        yield f"under way: order {each['order']}, {each['what']}"
    if len(under_way) > MAX_NAMED:
        yield f"under way: {len(under_way) - MAX_NAMED:,} more; --json names them all"
    if job["url"]:
        yield f"file, for 15 minutes: {job['url']}"


def next_steps(job: Mapping[str, Any], again: str) -> str | None:
    """Return a note about a job that has not ended; None if it has.

    Args:
        job: The job.
        again: The command that shows the job again.
    """
    if job["status"] == "running":
        return f"The job continues by itself. {again} shows how far it is."
    if job["status"] == "waiting":
        why = "for what was still under way" if job["under_way"] else "for orders that are found late"
        return f"The job runs again by itself within about an hour, {why}. {again} shows it."
    return None


def _article(who: str) -> str:
    return f"an {who}" if who == "operator" else f"the {who}"
