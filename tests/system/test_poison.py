"""What can never be handled is kept aside with its reason, on both kinds of queue, and harms nobody else."""

import uuid

import pytest

from ops.aws import SqsLetters
from ops.letters import Description
from ops.redriving import Box
from ops.waiting import wait_until
from tests.integration.poison import SERVICES, poison
from tests.system.deployed import SECONDS, Deployed, User, order_id
from tests.system.test_replay import held, stopped


@pytest.mark.parametrize("name", ["inventory", "payment"])
def test_what_can_never_be_handled_reaches_the_dead_letter_queue_with_its_reason_and_its_neighbours_are_handled(
    shop: Deployed, customer: User, sku: str, name: str
) -> None:
    sqs, service = shop.client("sqs"), shop.outputs.services[name]
    expected = dict(poison(SERVICES[name]))
    with stopped(shop, name):
        before = order_id(customer.place({sku: 1}))
        wait_until(lambda: held(shop, name) == 1, SECONDS, f"the order in the queue of {name}")
        for n, body in enumerate(expected):
            # The first comes behind the order's own event, in its group.
            fifo = {"MessageGroupId": f"{name}-{n}" if n else before, "MessageDeduplicationId": uuid.uuid4().hex}
            more = fifo if SERVICES[name].queue == "fifo" else {}
            sqs.send_message(QueueUrl=service.queue, MessageBody=body, **more)
        after = order_id(customer.place({sku: 1}))
        wait_until(lambda: held(shop, name) == len(expected) + 2, SECONDS, "the other order in the queue")

    box = Box(SqsLetters(sqs, str(service.dlq)), "dlq")

    def all_dead() -> dict[str, Description] | None:
        found = {letter.body: description for letter, description in box.look() if letter.body in expected}
        return found if found.keys() == expected.keys() else None

    dead = wait_until(all_dead, SECONDS, "the dead letters")
    assert {body: description.reason for body, description in dead.items()} == expected
    assert all(description.detail and description.attempts == 1 for description in dead.values())
    assert [customer.ended(order)["status"] for order in (before, after)] == ["CONFIRMED"] * 2
