"""Batches larger than those that a test carries from queue to consumer, and what can befall them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tests.integration.cloud import Cloud
from tests.integration.facts import ADDRESS, EPOCH, fact
from tidings.clock import rfc3339
from tidings.contracts import Money, OrderConfirmed, OrderLine

DAY = rfc3339(EPOCH)[:10]
"""The day of the facts."""

NEXT_DAY = rfc3339(EPOCH + 24 * 3_600_000)[:10]


def confirmed(order: str, *lines: tuple[str, int], price: int = 1000) -> str:
    """OrderConfirmed, as orders announces it."""
    data = OrderConfirmed(
        customer="customer-1",
        lines=tuple(OrderLine(sku, quantity, Money(price, "EUR")) for sku, quantity in lines),
        total=Money(sum(quantity for _, quantity in lines) * price, "EUR"),
        email="customer@example.com",
        address=ADDRESS,
    )
    return fact(order, "orders", data, 2)


def next_day(body: str) -> str:
    """The same event, a day later."""
    return body.replace(f'"time":"{DAY}', f'"time":"{NEXT_DAY}')


def hand_at_once(cloud: Cloud, service: str, bodies: Sequence[str]) -> list[str]:
    """Hands a consumer one batch, of as many messages as AWS may; gives the places of those that it says failed."""
    records = [
        {
            "messageId": str(n),
            "receiptHandle": str(n),
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"},
        }
        for n, body in enumerate(bodies)
    ]
    answer = cloud.invoke(service, "consumer", {"Records": records})
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def break_at(cloud: Cloud, call: str, order: str) -> None:
    """Every such call that has to do with an order fails."""

    def refuses(name: str, request: Mapping[str, Any]) -> bool:
        if name == call and order in json.dumps(request):
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "broken"}}, name)
        return False

    cloud.calls.before = refuses


def mend(cloud: Cloud) -> None:
    """Calls fail no more."""
    cloud.calls.before = lambda _name, _request: False


def clear(cloud: Cloud, service: str) -> None:
    """Empties the table of a service that folds."""
    keys = [{name: item[name] for name in ("pk", "sk")} for item in cloud.items(cloud.table(service))]
    for start in range(0, len(keys), 25):
        cloud.dynamodb.batch_write_item(
            RequestItems={cloud.table(service): [{"DeleteRequest": {"Key": key}} for key in keys[start : start + 25]]}
        )


def sums(cloud: Cloud, service: str) -> dict[tuple[str, str], int]:
    """All numbers of a service's counters over all shards, by row and name, without those that are nothing."""
    found: dict[tuple[str, str], int] = {}
    for item in cloud.items(cloud.table(service)):
        if "version" not in item:
            for name, value in item.items():
                if "N" in value:
                    cell = f"{item['pk']['S'].rpartition('#')[0]} {item['sk']['S']}", name
                    found[cell] = found.get(cell, 0) + int(value["N"])
    return {cell: n for cell, n in found.items() if n}
