"""The commands `tidings dlq` and `tidings relay` on a deployed shop, with the deduplication and the groups of SQS."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.system.deployed import SECONDS, DeployedShop, User, order_id, tidings
from tidings.aws.recovery import EventSourceMapping
from tidings.aws.sqs import SqsQueue
from tidings.core.ports import DeadLetter, Message
from tidings.recovery import wait_until


def take(shop: DeployedShop, service: str, order: str) -> Mapping[str, Any]:
    """Receive and delete the one message about an order from a queue whose consumer is stopped."""
    sqs, queue = shop.client("sqs"), shop.outputs.services[service].queue

    def found() -> Mapping[str, Any] | None:
        answer = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
        )
        messages = [message for message in answer.get("Messages", []) if order in message["Body"]]
        return messages[0] if messages else None

    message = wait_until(found, SECONDS, f"the message of order {order}")
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return message


def shown(shop: DeployedShop, service: str, *options: str) -> list[dict[str, Any]]:
    """Return what `tidings dlq show` prints."""
    answer = tidings(shop.cloud.directory, "dlq", "show", service, *options, "--json")
    assert answer.returncode == 0, answer.stderr
    return list(json.loads(answer.stdout))


def listed(shop: DeployedShop, service: str, queue: str) -> dict[str, Any]:
    """Return what `tidings dlq list` prints about one queue."""
    answer = tidings(shop.cloud.directory, "dlq", "list", "--json")
    assert answer.returncode == 0, answer.stderr
    found = {(each["service"], each["queue"]): each for each in json.loads(answer.stdout)}
    return dict(found[service, queue])


def test_a_dead_letter_of_a_fifo_queue_that_is_redriven_within_a_minute_is_handled(
    shop: DeployedShop, customer: User, sku: str
) -> None:
    with shop.consumer_stopped("payment"):
        order = order_id(customer.place({sku: 1}))
        message = take(shop, "payment", order)
        service = shop.outputs.services["payment"]
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
        }
        queue = SqsQueue(lambda: shop.client("sqs"), str(service.queue), str(service.dlq), "fifo")
        queue.dead_letter(DeadLetter(Message.of(record), "gave-up", "the gateway was down", "OrderPlaced"))
    (letter,) = shown(shop, "payment", "--order", order)
    assert (letter["event"], letter["reason"], letter["receives"]) == (f"orders/{order}/1", "gave-up", 1)
    assert listed(shop, "payment", "dlq")["reasons"]["gave-up"] >= 1

    dry = tidings(shop.cloud.directory, "dlq", "redrive", "payment", "--order", order, "--dry-run")
    assert dry.stdout.startswith("payment: 1 message would be sent back (gave-up 1)")
    done = tidings(shop.cloud.directory, "dlq", "redrive", "payment", "--order", order)

    assert done.stdout.startswith("payment: 1 message sent back (gave-up 1)"), done.stderr
    assert customer.outcome(order)["status"] == "CONFIRMED"
    assert shown(shop, "payment", "--order", order) == []


def test_a_message_that_always_fails_is_dead_lettered_again_after_each_redrive(shop: DeployedShop) -> None:
    poison = f"poison-{uuid.uuid4()}"
    queue = shop.outputs.services["payment"].queue
    shop.client("sqs").send_message(
        QueueUrl=queue, MessageBody=poison, MessageGroupId=poison, MessageDeduplicationId=poison
    )
    seen: set[str] = set()

    def another() -> str | None:
        return next((each["message"] for each in shown(shop, "payment") if each["order"] == poison), None)

    for times in (1, 2, 3):
        seen.add(wait_until(lambda: m if (m := another()) not in seen else None, SECONDS, "the dead letter"))
        assert len(seen) == times
        done = tidings(shop.cloud.directory, "dlq", "redrive", "payment", "--order", poison, "--reason", "undecodable")
        assert "1 message sent back (undecodable 1)" in done.stdout, done.stderr


def test_an_orders_dead_letters_are_redriven_in_sequence_and_showing_them_hides_none(shop: DeployedShop) -> None:
    sqs, dlq = shop.client("sqs"), shop.outputs.services["warehouse"].dlq
    groups = [str(uuid.uuid4()) for _ in range(12)]
    for n in (1, 2, 3):
        for group in groups:
            sqs.send_message(
                QueueUrl=dlq,
                MessageBody=f"message {n} of {group}",
                MessageGroupId=group,
                MessageDeduplicationId=f"{group}-{n}",
                MessageAttributes={"reason": {"DataType": "String", "StringValue": f"reason-{n}"}},
            )
    for _ in range(2):
        messages = [each for each in shown(shop, "warehouse") if each["order"] in groups]
        assert len(messages) == 36
        for group in groups:
            assert [each["reason"] for each in messages if each["order"] == group] == [
                "reason-1",
                "reason-2",
                "reason-3",
            ]

    with shop.consumer_stopped("warehouse"):
        done = tidings(shop.cloud.directory, "dlq", "redrive", "warehouse", "--order", groups[5])
        assert "3 messages sent back (reason-1 1, reason-2 1, reason-3 1)" in done.stdout, done.stderr
        answer = sqs.receive_message(QueueUrl=shop.outputs.services["warehouse"].queue, MaxNumberOfMessages=10)
        assert [each["Body"] for each in answer["Messages"]] == [f"message {n} of {groups[5]}" for n in (1, 2, 3)]
        for message in answer["Messages"]:
            sqs.delete_message(
                QueueUrl=shop.outputs.services["warehouse"].queue, ReceiptHandle=message["ReceiptHandle"]
            )
    third = tidings(shop.cloud.directory, "dlq", "drop", "warehouse", "--reason", "reason-3", "--yes")
    assert "11 messages dropped (reason-3 11)" in third.stdout, third.stderr
    path = shop.cloud.directory / "dropped" / "local-warehouse-dlq.jsonl"
    assert str(path) in third.stdout
    recorded = [json.loads(line)["body"] for line in path.read_text().splitlines()]
    assert sorted(recorded) == sorted(f"message 3 of {group}" for group in groups if group != groups[5])
    rest = tidings(shop.cloud.directory, "dlq", "drop", "warehouse", "--yes")
    assert "22 messages dropped (reason-1 11, reason-2 11), 0 left" in rest.stdout, rest.stderr


@pytest.mark.parametrize("service", ["payment", "inventory"])
def test_an_undelivered_message_reaches_its_consumer_by_the_command(
    shop: DeployedShop, customer: User, sku: str, service: str
) -> None:
    with shop.consumer_stopped(service):
        order = order_id(customer.place({sku: 1}))
        message = take(shop, service, order)
    shop.client("sqs").send_message(
        QueueUrl=shop.outputs.services[service].undelivered,
        MessageBody=message["Body"],
        MessageAttributes={"type": message["MessageAttributes"]["type"]},
        MessageGroupId=order,
        MessageDeduplicationId=f"orders/{order}/1",
    )
    assert listed(shop, service, "undelivered")["waiting"] == 1

    done = tidings(shop.cloud.directory, "dlq", "redrive", service, "--undelivered")

    assert done.stdout == f"{service}: 1 message sent back (undelivered 1), 0 left\n", done.stderr
    assert customer.outcome(order)["status"] == "CONFIRMED"


def test_unpublished_events_are_published_by_the_command(shop: DeployedShop, customer: User, sku: str) -> None:
    begun = datetime.now(UTC).isoformat()
    relay = EventSourceMapping(shop.client("lambda"), "tidings-local-orders-relay")
    relay.stop()
    try:
        orders = [order_id(customer.place({sku: 1})) for _ in range(3)]
        one = tidings(shop.cloud.directory, "relay", "--order", orders[0])
        assert one.stdout == "1 event published (OrderPlaced 1)\n", one.stderr
        assert customer.outcome(orders[0])["status"] == "CONFIRMED"
        assert customer.http.get(f"/orders/{orders[1]}").json()["status"] == "PENDING"

        counted = tidings(shop.cloud.directory, "relay", "--since", begun, "--service", "orders", "--dry-run")
        assert counted.stdout == "4 events would be published (OrderConfirmed 1, OrderPlaced 3)\n", counted.stderr
        done = tidings(shop.cloud.directory, "relay", "--since", begun, "--service", "orders")
        assert done.stdout == "4 events published (OrderConfirmed 1, OrderPlaced 3)\n", done.stderr
        assert {customer.outcome(order)["status"] for order in orders} == {"CONFIRMED"}
    finally:
        relay.start()
    for order in orders:
        customer.timeline(order, "OrderPlaced", "OrderConfirmed", "EmailSent")
        assert len(shop.emails(order)) == 1


def test_a_relays_batch_is_listed_and_dropped(shop: DeployedShop) -> None:
    batch = {"batchSize": 2, "approximateArrivalOfFirstRecord": "2026-01-31T08:30:00Z"}
    report = {"requestContext": {"condition": "MaxRecordAgeExceeded"}, "DDBStreamBatchInfo": batch}
    shop.client("sqs").send_message(
        QueueUrl=shop.outputs.services["inventory"].relay_dlq, MessageBody=json.dumps(report)
    )
    table = tidings(shop.cloud.directory, "dlq", "list").stdout
    assert "MaxRecordAgeExceeded 1" in table
    assert "tidings relay --service inventory --since 2026-01-31T08:29:00.000Z" in table

    done = tidings(shop.cloud.directory, "dlq", "drop", "inventory", "--relay", "--yes")

    assert "inventory: 1 message dropped (MaxRecordAgeExceeded 1), 0 left" in done.stdout, done.stderr
    assert listed(shop, "inventory", "relay")["waiting"] == 0


def test_a_drop_without_an_answer_drops_nothing(shop: DeployedShop) -> None:
    sqs, dlq = shop.client("sqs"), shop.outputs.services["analytics"].dlq
    sqs.send_message(QueueUrl=dlq, MessageBody="poison")
    try:
        answer = tidings(shop.cloud.directory, "dlq", "drop", "analytics")
        assert answer.returncode == 1
        assert "analytics: 1 message will be dropped (received-too-often 1). Continue?" in answer.stderr
        assert len(shown(shop, "analytics")) == 1
    finally:
        assert tidings(shop.cloud.directory, "dlq", "drop", "analytics", "--yes").returncode == 0
