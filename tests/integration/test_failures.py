"""Failing messages on real queues: retries, dead letters with their reasons, and unaffected neighbours."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from contracts.orders.order_cancelled import OrderCancelled
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.money import Money
from tests.integration.cloud import Cloud
from tests.integration.facts import bounce, fact, new_order, placed
from tests.integration.shop import Shop

CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR"))


def fail(cloud: Cloud, table: str, order: str, *, name: str = "GetItem") -> None:
    """Make the calls fail that name one order at a table, as those of a broken table do."""

    def refuses(call: str, request: Mapping[str, Any]) -> bool:
        if call == name and request["TableName"] == table and order in json.dumps(request):
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "broken"}}, call)
        return False

    cloud.calls.before = refuses


def send(cloud: Cloud, service: str, order: str, *bodies: str) -> None:
    for n, body in enumerate(bodies):
        cloud.sqs.send_message(
            QueueUrl=cloud.queue(service),
            MessageBody=body,
            MessageGroupId=order,
            MessageDeduplicationId=f"{order}-{n}",
        )


def test_a_message_that_always_fails_is_dead_lettered_with_its_reason_and_its_follower_is_handled(
    cloud: Cloud,
) -> None:
    order = new_order()
    cancelled = fact(order, OrderCancelled(reason="customer"), 2)
    send(cloud, "payment", order, placed(order, ("mug", 1)), cancelled)
    gateway = cloud.environment("payment", "consumer")["GATEWAY_TABLE"]
    cloud.handler("payment", "consumer")
    fail(cloud, gateway, order, name="PutItem")
    receives = cloud.retry_policy("payment").receives
    for _ in range(receives - 1):
        assert cloud.deliver("payment") == 2
        assert cloud.item("payment", order) == {}
    assert cloud.deliver("payment") == 2
    assert cloud.item("payment", order)["state"]["status"] == "forbidden"
    (letter,) = cloud.dead_letters("payment")
    assert letter["reasons"]["reason"] == "gave-up"
    assert "InternalServerError" in letter["reasons"]["detail"]
    assert (letter["reasons"]["receives"], letter["reasons"]["type"]) == (str(receives), "OrderPlaced")


def test_an_order_that_fails_does_not_affect_the_others_of_its_batch(cloud: Cloud) -> None:
    bad, *good = (new_order() for _ in range(4))
    bodies = {order: placed(order, ("mug", 1)) for order in (bad, *good)}
    cloud.handler("payment", "consumer")
    fail(cloud, cloud.table("payment"), bad)
    failures = cloud.hand("payment", *bodies.values())
    assert failures == [{"itemIdentifier": "message-0"}]
    assert {payment["order"]["S"] for payment in cloud.payments()} == set(good)


def test_a_message_that_is_redriven_after_the_fault_is_handled(cloud: Cloud) -> None:
    order = new_order()
    send(cloud, "payment", order, placed(order, ("mug", 1)))
    cloud.handler("payment", "consumer")
    fail(cloud, cloud.table("payment"), order)
    while cloud.deliver("payment"):
        pass
    cloud.calls.before = lambda _name, _request: False
    assert cloud.redrive("payment") == 1
    cloud.deliver("payment")
    assert cloud.item("payment", order)["state"]["status"] == "authorized"


def test_a_service_that_is_down_delays_no_other_and_catches_up(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    shop.cloud.drain(without=("notification", "history"))
    assert shop.show(order)["status"] == "CONFIRMED"
    assert shop.cloud.mails() == []
    shop.cloud.drain()
    assert len(shop.cloud.mails()) == 1
    assert len(shop.timeline(order)) == 7


def test_a_bounce_is_announced_once_and_the_address_is_not_tried_again(cloud: Cloud) -> None:
    order = new_order()
    cloud.hand("notification", placed(order, ("mug", 1)), fact(order, CAPTURED))
    report = bounce(order, "receipt")
    assert cloud.hand("notification", report, report) == []
    assert cloud.hand("notification", fact(order, OrderCancelled(reason="customer"), 2)) == []
    log = [json.loads(event["S"]) for event in cloud.item("notification", order)["outbox"]["L"]]
    assert [(event["type"], event["data"].get("kind")) for event in log] == [
        ("EmailSent", "receipt"),
        ("EmailFailed", "receipt"),
        ("EmailFailed", "cancellation"),
    ]
    assert log[1]["data"] == {"kind": "receipt", "code": "5.1.1", "address_bad": True}
    assert log[1]["correlationid"] == "test"
    assert len(cloud.mails()) == 1


def test_a_mail_rejected_because_of_our_unverified_sender_is_sent_after_the_sender_is_verified(cloud: Cloud) -> None:
    sender = cloud.environment("notification", "consumer")["SENDER"]
    order = new_order()
    cloud.hand("notification", placed(order, ("mug", 1)))
    cloud.ses.delete_identity(Identity=sender)
    assert len(cloud.hand("notification", fact(order, CAPTURED))) == 1
    cloud.ses.verify_email_identity(EmailAddress=sender)
    assert cloud.hand("notification", fact(order, CAPTURED)) == []
    assert len(cloud.mails()) == 1


def test_an_address_that_is_rejected_at_once_is_announced_and_not_tried_again(cloud: Cloud) -> None:
    order = new_order()
    cloud.hand("notification", placed(order, ("mug", 1)))

    def rejects(call: str, _request: Mapping[str, Any]) -> bool:
        if call == "SendEmail":
            refusal = cloud.ses.exceptions.MessageRejected
            raise refusal({"Error": {"Code": "MessageRejected", "Message": "Address is blocked."}}, call)
        return False

    cloud.calls.before = rejects
    assert cloud.hand("notification", fact(order, CAPTURED)) == []
    cloud.calls.before = lambda _name, _request: False
    assert cloud.hand("notification", fact(order, CAPTURED)) == []
    (announced,) = cloud.item("notification", order)["outbox"]["L"]
    assert json.loads(announced["S"])["data"] == {
        "kind": "receipt",
        "code": "MessageRejected",
        "address_bad": True,
    }
    assert cloud.mails() == []
