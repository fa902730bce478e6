"""The erasure of a page of orders on moto, recorded: by privacy's job, and by the services that keep personal data."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any
from unittest.mock import patch

from bench.shop import Call, Invocation, RecordedCloud, Schema, happy_orders, recorded_shop
from functions.privacy.jobs.people import LambdaPeople
from tests.integration.shop import Shop
from tidings.aws.personal_answers import MAX_KEYS

PAGE = MAX_KEYS
"""Number of orders in one step of a job."""

Recording = tuple[tuple[Invocation, ...], Mapping[str, Schema]]


class _Context:
    """The part of Lambda's context that the job uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Return a minute."""
        return 60_000


def erasure_recording() -> Recording:
    """Return the invocations for the erasure of a page of dispatched orders, and the schemas of the tables, by name.

    Raises:
        RuntimeError: If not all orders were erased.
    """
    with redirect_stdout(StringIO()), recorded_shop() as (shop, cloud):
        # One more order has filled the functions' caches.
        happy_orders(shop, PAGE - 1)
        with _answers(cloud):
            _run(shop, cloud)
            cloud.drain()
        erased = sum("erased" in item for item in cloud.items(cloud.table("orders")))
        if erased != PAGE:
            raise RuntimeError(f"{erased} of {PAGE} orders were erased")
        return tuple(cloud.invocations), cloud._schemas


def _run(shop: Shop, cloud: RecordedCloud) -> None:
    """Request the erasure of the customer's data, and run the job."""
    job = cloud.handler("privacy", "jobs")
    cloud.invocations.clear()
    shop.call("POST", "/me/erasure", headers={"idempotency-key": "erasure"})
    job({}, _Context())


@contextmanager
def _answers(cloud: RecordedCloud) -> Iterator[None]:
    """Let the job ask the services' functions directly, one after another. moto runs no function."""

    def ask(_people: LambdaPeople, service: str, question: Mapping[str, Any]) -> bytes:
        calls = cloud.recorder.current
        calls.append(Call("Invoke", {}))
        answer = cloud.invoke(service, "personal", dict(question))
        cloud.recorder.current = calls
        return json.dumps(answer).encode()

    with patch.object(LambdaPeople, "_ask", ask), patch("tidings.aws.clients.WORKERS", 1):
        yield
