"""Batches of more than ten messages, failing calls, and readings of counter tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tests.integration.cloud import Cloud
from tests.integration.facts import EPOCH
from tidings.core.clock import to_rfc3339
from tidings.testing import make_record

DAY = to_rfc3339(EPOCH)[:10]
"""The day of the events of `facts`."""

NEXT_DAY = to_rfc3339(EPOCH + 24 * 3_600_000)[:10]


def next_day(body: str) -> str:
    """Return the same event, a day later."""
    return body.replace(f'"time":"{DAY}', f'"time":"{NEXT_DAY}')


def hand_at_once(cloud: Cloud, service: str, bodies: Sequence[str]) -> list[str]:
    """Invoke a consumer with one batch of any size. Return the positions of the failed messages."""
    records = [make_record(body, message_id=str(n)) for n, body in enumerate(bodies)]
    answer = cloud.invoke(service, "consumer", {"Records": records})
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def break_at(cloud: Cloud, call: str, order: str) -> None:
    """Make every call fail whose name ends with this and whose request contains an order's id."""

    def refuses(name: str, request: Mapping[str, Any]) -> bool:
        if name.endswith(call) and order in json.dumps(request):
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "broken"}}, name)
        return False

    cloud.calls.before = refuses


def mend(cloud: Cloud) -> None:
    """Let all calls succeed again."""
    cloud.calls.before = lambda _name, _request: False


def clear(cloud: Cloud, service: str) -> None:
    """Empty a projection's table."""
    keys = [{name: item[name] for name in ("pk", "sk")} for item in cloud.items(cloud.table(service))]
    for start in range(0, len(keys), 25):
        cloud.dynamodb.batch_write_item(
            RequestItems={cloud.table(service): [{"DeleteRequest": {"Key": key}} for key in keys[start : start + 25]]}
        )


def sums(cloud: Cloud, service: str) -> dict[tuple[str, str], int]:
    """Return a projection's counters that are not zero, summed over the shards, by row and name."""
    found: dict[tuple[str, str], int] = {}
    for item in cloud.items(cloud.table(service)):
        if "version" not in item:
            for name, value in item.items():
                if "N" in value:
                    counter = f"{item['pk']['S'].rpartition('#')[0]} {item['sk']['S']}", name
                    found[counter] = found.get(counter, 0) + int(value["N"])
    return {counter: n for counter, n in found.items() if n}
