"""Poison messages on every consumer's real queue: each is dead-lettered with its reason, and no other is affected."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.cloud import Cloud
from tests.integration.facts import new_order
from tests.integration.poison import SERVICES, good, poison
from tests.integration.shop import Shop
from tidings.core.service import Service
from tidings.core.strategy import Observer


def send(cloud: Cloud, service: Service[Any], group: str, body: str) -> None:
    fifo = {"MessageGroupId": group, "MessageDeduplicationId": uuid.uuid4().hex}
    message: dict[str, Any] = {"MessageBody": body} | (fifo if service.queue == "fifo" else {})
    cloud.sqs.send_message(QueueUrl=cloud.queue(service.name), **message)


def is_handled(cloud: Cloud, service: Service[Any], body: str) -> bool:
    """Return whether the service's table shows that the event was handled."""
    event = json.loads(body)
    mine = [item for item in cloud.items(cloud.table(service.name)) if item["pk"]["S"] == event["subject"]]
    if isinstance(service.strategy, Observer):
        return bool(mine)
    if service.subscribes_to_all:
        return [item["id"]["S"] for item in mine if "event" in item] == [event["id"]]
    key = f"{event['source']}/{event['id'].rpartition('/')[2]}"
    return {"S": key} in mine[0]["inbox"]["L"] if mine else False


def type_of(body: str, reason: str) -> str:
    """Return the event type that a dead letter has: `-` if it could not be read."""
    if reason in ("undecodable", "not-an-event", "oversized"):
        return "-"
    # A report of the gateway has no type in its message. The parser gives it one.
    unnamed = "PaymentReported" if reason == "unknown-payment" else "-"
    return str(json.loads(body).get("type", unnamed))


def dead(cloud: Cloud, service: str) -> Mapping[str, dict[str, str]]:
    """Return the attributes of each dead letter, by its body."""
    found: dict[str, dict[str, str]] = {}
    while letters := cloud.dead_letters(service):
        found |= {letter["body"]: letter["reasons"] for letter in letters}
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_a_poison_message_is_dead_lettered_at_once_with_its_reason_and_its_neighbours_are_handled(
    shop: Shop, name: str
) -> None:
    service, cloud = SERVICES[name], shop.cloud
    shop.stock("mug", 10)
    # Only orders refuses events of an order that was never placed. Other services accept any first event.
    orders = [shop.place(("mug", 2)) if name == "orders" else new_order() for _ in range(3)]
    expected = dict(poison(service))
    neighbours = [good(service, order) for order in orders]
    send(cloud, service, orders[0], neighbours[0])
    for n, body in enumerate(expected):
        # On a FIFO queue one poison message precedes its neighbour in the same group, and one follows it.
        send(cloud, service, (orders[0], orders[1], f"group-{n}")[min(n, 2)], body)
    for order, body in zip(orders[1:], neighbours[1:], strict=True):
        send(cloud, service, order, body)

    delivered = 0
    while n := cloud.deliver(name):
        delivered += n

    assert delivered == len(expected) + len(neighbours), "each was received once"
    assert [is_handled(cloud, service, body) for body in neighbours] == [True, True, True]
    letters = dead(cloud, name)
    assert {body: attributes["reason"] for body, attributes in letters.items()} == expected
    for body, attributes in letters.items():
        assert attributes["detail"]
        assert attributes["receives"] == "1"
        assert int(attributes["first_seen"]) > 0
        assert attributes["type"] == type_of(body, expected[body])
