"""Poison messages, which no consumer can ever handle, in queues of both kinds."""

import uuid

import pytest

from tests.integration.poison import SERVICES, poison
from tests.system.deployed import SECONDS, DeployedShop, User, order_id
from tidings.aws.recovery import SqsDeadLetterQueue
from tidings.recovery import DeadLetterDetails, DeadLetters, wait_until


@pytest.mark.parametrize("name", ["inventory", "payment"])
def test_poison_is_dead_lettered_with_its_reason_and_the_messages_around_it_are_handled(
    shop: DeployedShop, customer: User, sku: str, name: str
) -> None:
    sqs, service = shop.client("sqs"), shop.outputs.services[name]
    expected = dict(poison(SERVICES[name]))
    with shop.consumer_stopped(name):
        before = order_id(customer.place({sku: 1}))
        wait_until(lambda: shop.queue_depth(name) == 1, SECONDS, f"the order in the queue of {name}")
        for n, body in enumerate(expected):
            # The first poison message is in the group of the order's event, after it.
            fifo = {"MessageGroupId": f"{name}-{n}" if n else before, "MessageDeduplicationId": uuid.uuid4().hex}
            more = fifo if SERVICES[name].queue == "fifo" else {}
            sqs.send_message(QueueUrl=service.queue, MessageBody=body, **more)
        after = order_id(customer.place({sku: 1}))
        wait_until(lambda: shop.queue_depth(name) == len(expected) + 2, SECONDS, "the other order in the queue")

    dead_letters = DeadLetters(SqsDeadLetterQueue(sqs, str(service.dlq)), "dlq")

    def all_dead_letters() -> dict[str, DeadLetterDetails] | None:
        found = {message.body: details for message, details in dead_letters.find().letters if message.body in expected}
        return found if found.keys() == expected.keys() else None

    found = wait_until(all_dead_letters, SECONDS, "the dead letters")
    assert {body: details.reason for body, details in found.items()} == expected
    assert all(details.detail and details.receives == 1 for details in found.values())
    assert [customer.outcome(order)["status"] for order in (before, after)] == ["CONFIRMED"] * 2
