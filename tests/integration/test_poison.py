"""Messages that can never be handled, on every consumer's real queue: each ends dead with its reason, and alone."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.cloud import Cloud
from tests.integration.facts import new_order
from tests.integration.poison import FLAG_ALL, SERVICES, good, poison
from tests.integration.shop import Shop
from tidings.service import Service


def send(cloud: Cloud, service: Service[Any], group: str, body: str) -> None:
    fifo = {"MessageGroupId": group, "MessageDeduplicationId": uuid.uuid4().hex}
    message: dict[str, Any] = {"MessageBody": body} | (fifo if service.queue == "fifo" else {})
    cloud.sqs.send_message(QueueUrl=cloud.queue(service.name), **message)


def is_handled(cloud: Cloud, service: Service[Any], body: str) -> bool:
    """Whether the event left its trace in the service's table."""
    event = json.loads(body)
    mine = [item for item in cloud.items(cloud.table(service.name)) if item["pk"]["S"] == event["subject"]]
    if service.subscribes_to_all:
        return [item["id"]["S"] for item in mine] == [event["id"]]
    return {"S": f"{event['source']}/{event['sequence']}"} in mine[0]["handled"]["L"] if mine else False


def type_of(body: str, reason: str) -> str:
    """What a dead letter says of its event's type: as much as could be read."""
    return "-" if reason in ("undecodable", "not-an-event", "oversized") else json.loads(body).get("type", "-")


def dead(cloud: Cloud, service: str) -> Mapping[str, dict[str, str]]:
    """What is said of each dead letter, by its body."""
    found: dict[str, dict[str, str]] = {}
    while letters := cloud.dead_letters(service):
        found |= {letter["body"]: letter["reasons"] for letter in letters}
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_what_can_never_be_handled_is_dead_at_once_with_its_reason_and_its_neighbours_are_handled(
    shop: Shop, name: str
) -> None:
    service, cloud = SERVICES[name], shop.cloud
    cloud.set_environment("fraud", "consumer", RULES=FLAG_ALL)
    shop.stock("mug", 10)
    # To orders alone an order that nobody placed is unknown: what comes first to any other service may be anything.
    orders = [shop.place(("mug", 2)) if name == "orders" else new_order() for _ in range(3)]
    expected = dict(poison(service))
    neighbours = [good(service, order) for order in orders]
    send(cloud, service, orders[0], neighbours[0])
    for n, body in enumerate(expected):
        # In a FIFO queue one comes before, and one behind, its neighbour in the same group.
        send(cloud, service, (orders[0], orders[1], f"group-{n}")[min(n, 2)], body)
    for order, body in zip(orders[1:], neighbours[1:], strict=True):
        send(cloud, service, order, body)

    carried = 0
    while n := cloud.deliver(name):
        carried += n

    assert carried == len(expected) + len(neighbours), "each was received once"
    assert [is_handled(cloud, service, body) for body in neighbours] == [True, True, True]
    letters = dead(cloud, name)
    assert {body: said["reason"] for body, said in letters.items()} == expected
    for body, said in letters.items():
        assert said["detail"]
        assert said["attempts"] == "1"
        assert int(said["first_seen"]) > 0
        assert said["type"] == type_of(body, expected[body])
