"""What cannot be handled is kept aside with its reason, and harms nobody else."""

import json
import uuid
from typing import Any

import pytest

from ops.waiting import wait_until
from tests.system.deployed import SECONDS, Deployed, User, order_id


@pytest.mark.parametrize("service", ["inventory", "payment"])
def test_a_poisonous_message_reaches_the_dead_letter_queue_with_its_reason_and_orders_go_on(
    shop: Deployed, customer: User, sku: str, service: str
) -> None:
    poison = f"poison {uuid.uuid4()}"
    queue = str(shop.outputs.services[service].queue)
    fifo = {"MessageGroupId": poison[7:], "MessageDeduplicationId": poison[7:]} if queue.endswith(".fifo") else {}
    shop.client("sqs").send_message(QueueUrl=queue, MessageBody=poison, **fifo)

    order = order_id(customer.place({sku: 1}))

    def buried() -> dict[str, Any] | None:
        return next((letter for letter in shop.dead_letters(service) if letter["Body"] == poison), None)

    letter = wait_until(buried, SECONDS, "the dead letter")
    assert letter["MessageAttributes"]["reason"]["StringValue"] == "undecodable"
    assert customer.ended(order)["status"] == "CONFIRMED"


def test_an_event_that_breaks_its_contract_reaches_the_dead_letter_queue_with_its_reason(shop: Deployed) -> None:
    order = str(uuid.uuid4())
    event = {
        "specversion": "1.0",
        "id": f"orders/{order}/1",
        "source": "orders",
        "type": "OrderPlaced",
        "datacontenttype": "application/json",
        "dataschema": "urn:tidings:OrderPlaced:1",
        "subject": order,
        "time": "2026-01-31T08:30:00.123Z",
        "sequence": 1,
        "correlationid": "test",
        "traceparent": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01",
        "data": {"customer": "somebody"},
    }
    shop.client("sqs").send_message(QueueUrl=shop.outputs.services["inventory"].queue, MessageBody=json.dumps(event))

    def buried() -> dict[str, Any] | None:
        return next((letter for letter in shop.dead_letters("inventory") if order in letter["Body"]), None)

    letter = wait_until(buried, SECONDS, "the dead letter")
    assert letter["MessageAttributes"]["reason"]["StringValue"] == "breaks-contract"
