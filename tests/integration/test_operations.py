"""The routes of operations on the template's queues and tables."""

import json
import uuid
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.integration.cloud import REGION, Cloud, CrashError
from tests.integration.crash_points import crash_after
from tests.integration.facts import confirmed, new_order, placed
from tests.integration.shop import Answer, Shop
from tidings.aws.recovery import SqsQueueGauge

OPERATOR = "operator-1"
LETTERS = "/operators/dead-letters"


def letter(cloud: Cloud, service: str, body: str, reason: str = "gave-up", group: str | None = None) -> str:
    """Send a message to a dead-letter queue, as the consumer does, and return the queue's id of it."""
    fifo: Any = {"MessageGroupId": group or json.loads(body)["subject"], "MessageDeduplicationId": uuid.uuid4().hex}
    sent = cloud.sqs.send_message(
        QueueUrl=cloud.dlq(service),
        MessageBody=body,
        MessageAttributes={"reason": {"DataType": "String", "StringValue": reason}},
        **(fifo if cloud.dlq(service).endswith(".fifo") else {}),
    )
    return str(sent["MessageId"])


def post(shop: Shop, path: str, **selection: Any) -> Answer:
    return shop.call("POST", f"{LETTERS}/{path}", selection, caller=OPERATOR)


def get(shop: Shop, path: str, **query: str) -> Answer:
    return shop.call("GET", path, caller=OPERATOR, query=query or None)


def depth(cloud: Cloud, url: str) -> int:
    return SqsQueueGauge(cloud.sqs, url).depth().total


def refuse(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """Have AWS refuse an operation, with a text that may contain anything."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # every call of every client

    def refused(self: BaseClient, name: str, request: Any) -> Any:
        if name == operation:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "ann@example.com may not"}}, name)
        return call(self, name, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", refused)


def test_an_order_whose_event_failed_confirms_after_a_redrive(shop: Shop) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    shop.cloud.relay("orders")
    shop.cloud.drain(without=("payment",))
    (record,) = shop.cloud.receive(shop.cloud.queue("payment"))
    message = letter(shop.cloud, "payment", record["body"], group=order)
    shop.cloud.sqs.delete_message(QueueUrl=shop.cloud.queue("payment"), ReceiptHandle=record["receiptHandle"])

    (shown,) = get(shop, LETTERS, order=order).body["items"]
    assert (shown["id"], shown["service"], shown["kind"]) == (message, "payment", "dlq")
    assert (shown["order"], shown["type"], shown["reason"]) == (order, "OrderPlaced", "gave-up")
    assert shown["remedy"] == {"action": "redrive", "first": ""}
    assert get(shop, f"{LETTERS}/payment/{message}").body["body"] == record["body"]
    dry = post(shop, "payment/redrive", order=order, dry_run=True).body
    assert (dry["matched"], dry["done"], dry["ids"], dry["action"]) == (1, 0, [message], None)
    done = post(shop, "payment/redrive", ids=[message]).body
    assert (done["matched"], done["done"], done["left"], done["ids"]) == (1, 1, 0, [message])
    assert get(shop, LETTERS, service="payment").body == {"items": [], "truncated": False, "held": 0}

    shop.cloud.drain()
    assert shop.show(order)["status"] == "CONFIRMED"
    (action,) = get(shop, "/operators/actions").body["items"]
    assert (action["id"], action["action"], action["who"]) == (done["action"], "redrive", OPERATOR)
    assert (action["service"], action["details"]["outcome"]) == ("payment", "done")
    messages = get(shop, f"/operators/actions/{action['id']}").body["messages"]
    assert messages == [
        {
            "id": message,
            "order": order,
            "event": f"orders/{order}/1",
            "type": "OrderPlaced",
            "reason": "gave-up",
        }
    ]
    assert get(shop, "/operators/actions", order=order).body["items"] == [action]


def test_a_dropped_message_is_gone_and_no_place_keeps_its_personal_data(shop: Shop) -> None:
    body = placed(new_order(), ("mug", 1))
    message = letter(shop.cloud, "notification", body, reason="breaks-contract")
    assert post(shop, "notification/drop", reason="breaks-contract").body["ids"] == [message]
    assert depth(shop.cloud, shop.cloud.dlq("notification")) == 0
    items = shop.cloud.items(shop.cloud.table("operations"))
    assert len(items) == 1
    assert "1 Mill Lane" not in json.dumps(items)
    assert "customer@example.com" not in json.dumps(items)


def test_messages_with_long_reasons_are_listed_redriven_and_recorded(shop: Shop) -> None:
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(10)]
    for n, body in enumerate(bodies):
        letter(shop.cloud, "fraud", body, reason=f"{n}" * 60_000)
    shown = get(shop, LETTERS, service="fraud").body["items"]
    assert sorted(each["reason"] for each in shown) == [f"{n}" * 200 for n in range(10)]
    assert get(shop, LETTERS, service="fraud", reason="3" * 200).body["items"][0]["reason"] == "3" * 200
    done = post(shop, "fraud/redrive").body
    assert (done["done"], done["left"]) == (10, 0)
    assert len(get(shop, f"/operators/actions/{done['action']}").body["messages"]) == 10


def test_a_reason_and_a_group_select_as_the_list_shows_them_whatever_they_contain(shop: Shop) -> None:
    message = letter(shop.cloud, "payment", "no event", reason="it failed, 日本😀 & more+", group="a-group,(of)/it")
    letter(shop.cloud, "payment", "no event", reason="it failed", group="b")
    found = get(shop, LETTERS, service="payment").body["items"]
    (shown,) = (each for each in found if each["id"] == message)
    for query in ({"reason": shown["reason"]}, {"order": shown["order"]}):
        assert [each["id"] for each in get(shop, LETTERS, **query).body["items"]] == [message]
        assert post(shop, "payment/redrive", dry_run=True, **query).body["ids"] == [message]
    assert post(shop, "payment/drop", reason=shown["reason"]).body["ids"] == [message]


def test_undelivered_messages_are_listed_and_redriven(shop: Shop) -> None:
    body = placed(new_order(), ("mug", 1))
    url = str(shop.cloud.queue_named("fraud", "Undelivered"))
    shop.cloud.sqs.send_message(
        QueueUrl=url, MessageBody=body, MessageGroupId="a", MessageDeduplicationId=uuid.uuid4().hex
    )
    (shown,) = get(shop, LETTERS, kind="undelivered").body["items"]
    assert (shown["service"], shown["reason"]) == ("fraud", "undelivered")
    assert post(shop, "fraud/redrive", kind="undelivered").body["done"] == 1
    assert [each["body"] for each in shop.cloud.receive(shop.cloud.queue("fraud"))] == [body]


def test_the_services_show_their_queues_and_their_alarms(shop: Shop) -> None:
    letter(shop.cloud, "payment", placed(new_order(), ("mug", 1)))
    cloudwatch = boto3.client("cloudwatch", REGION)
    cloudwatch.put_metric_alarm(
        AlarmName="tidings-local-payment-dlq-depth",
        AlarmDescription="payment has dead letters. See docs/runbook.md#dlq-depth",
        MetricName="m",
        Namespace="n",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Maximum",
    )
    cloudwatch.set_alarm_state(AlarmName="tidings-local-payment-dlq-depth", StateValue="ALARM", StateReason="a test")
    answer = get(shop, "/operators/services")
    assert answer.status == 200
    shown = {each["name"]: each for each in answer.body["items"]}
    assert list(shown) == shop.cloud.services
    payment = shown["payment"]
    assert (payment["queue"], payment["dlq"]) == ({"waiting": 0, "in_flight": 0, "oldest_seconds": None}, 1)
    assert (payment["undelivered"], payment["relay_dlq"], payment["relay_lag_seconds"]) == (0, 0, None)
    (alarm,) = payment["alarms"]
    assert (alarm["state"], alarm["problem"]) == ("ALARM", "payment has dead letters.")
    assert alarm["runbook"] == "docs/runbook.md#dlq-depth"
    assert get(shop, "/operators/alarms").body == {"items": [alarm]}
    assert (shown["operations"]["queue"], shown["operations"]["dlq"]) == (None, None)
    assert shown["loyalty"]["summary"] == "one point for every whole unit of currency that a confirmed order costs."


def test_values_that_are_measured_are_shown(shop: Shop) -> None:
    boto3.client("cloudwatch", REGION).put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "IteratorAge",
                "Dimensions": [{"Name": "FunctionName", "Value": "tidings-local-orders-relay"}],
                "Value": 2500.0,
            }
        ],
    )
    shown = {each["name"]: each for each in get(shop, "/operators/services").body["items"]}
    assert shown["orders"]["relay_lag_seconds"] == 2.5
    assert shown["payment"]["relay_lag_seconds"] is None


UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("GET", f"{LETTERS}/nobody/1", None, 404, "service"),
        ("GET", f"{LETTERS}/operations/1", None, 404, "kind"),
        ("GET", f"{LETTERS}/payment/{UNKNOWN}", None, 404, "id"),
        ("GET", f"{LETTERS}/Pay%20ment/1", None, 422, "service"),
        ("GET", f"/operators/actions/{UNKNOWN}", None, 404, None),
        ("POST", f"{LETTERS}/nobody/redrive", {}, 404, "service"),
        ("POST", f"{LETTERS}/nobody/drop", {}, 404, "service"),
        ("POST", f"{LETTERS}/payment/redrive", {"ids": ["m-1"]}, 404, "id"),
        ("POST", f"{LETTERS}/payment/redrive", {"ids": []}, 422, "ids"),
        ("POST", f"{LETTERS}/payment/redrive", {"kind": "other"}, 422, "kind"),
        ("POST", f"{LETTERS}/payment/redrive", {"kind": "relay"}, 422, "kind"),
        ("POST", f"{LETTERS}/payment/drop", {"everything": True}, 422, "everything"),
        ("POST", f"{LETTERS}/payment/drop", "{", 400, "body"),
        ("POST", f"{LETTERS}/payment/drop", "[]", 422, "body"),
    ],
)
def test_a_request_that_names_nothing_or_is_malformed_is_refused(
    shop: Shop, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    answer = shop.call(method, path, body, caller=OPERATOR)
    assert (answer.status, answer.body.get("field")) == (status, field)
    assert shop.cloud.items(shop.cloud.table("operations")) == []


@pytest.mark.parametrize(
    "query", [{"kind": "other"}, {"service": "No Service"}, {"order": "a\nb"}, {"reason": "x" * 201}]
)
def test_a_malformed_query_is_refused(shop: Shop, query: dict[str, str]) -> None:
    answer = get(shop, LETTERS, **query)
    assert (answer.status, answer.body["field"]) == (422, next(iter(query)))


@pytest.mark.parametrize(("cursor", "status"), [("x", 422), ("bm90aGluZw", 422), ("a.b", 422)])
def test_a_bad_cursor_is_refused(shop: Shop, cursor: str, status: int) -> None:
    for path in ("/operators/actions", "/operators/customers/customer-1/orders"):
        answer = get(shop, path, cursor=cursor)
        assert (answer.status, answer.body["field"]) == (status, "cursor")


@pytest.mark.parametrize(
    ("path", "operation", "status"),
    [
        ("/operators/services", "GetQueueUrl", 500),
        ("/operators/services", "GetQueueAttributes", 500),
        ("/operators/services", "GetMetricData", 500),
        ("/operators/services", "ListEventSourceMappings", 500),
        ("/operators/alarms", "DescribeAlarms", 500),
        (f"{LETTERS}?service=payment", "ReceiveMessage", 500),
    ],
)
def test_a_call_that_aws_refuses_is_answered_without_aws_own_words(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, path: str, operation: str, status: int
) -> None:
    refuse(monkeypatch, operation)
    route, _, query = path.partition("?")
    answer = get(shop, route, **dict([query.split("=")] if query else []))
    assert answer.status == status
    assert "ann@example.com" not in json.dumps(answer.body)


@pytest.mark.parametrize(
    ("name", "operation"),
    [("redrive", "SendMessageBatch"), ("redrive", "DeleteMessageBatch"), ("drop", "DeleteMessageBatch")],
)
def test_an_action_that_aws_refuses_is_broken_off_and_its_record_says_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, operation: str
) -> None:
    letter(shop.cloud, "loyalty", confirmed(new_order(), ("mug", 1)))
    refuse(monkeypatch, operation)
    answer = post(shop, f"loyalty/{name}")
    assert (answer.status, answer.body["title"]) == (502, "Broken off")
    assert "ann@example.com" not in json.dumps(answer.body)
    (item,) = shop.cloud.items(shop.cloud.table("operations"))
    assert item["pk"]["S"] == answer.body["action"]
    action = json.loads(item["state"]["S"])
    assert (action["outcome"], len(action["messages"])) == ("failed", 1)
    assert "ann@example.com" not in item["state"]["S"]
    assert depth(shop.cloud, shop.cloud.dlq("loyalty")) == 1


@pytest.mark.parametrize("name", ["redrive", "drop"])
def test_a_request_that_crashed_at_any_call_loses_no_message(shop: Shop, name: str) -> None:
    cloud = shop.cloud
    start = cloud.snapshot()
    bodies = [placed(new_order(), ("mug", 1)) for _ in range(3)]
    number = 0
    crashed = True
    while crashed:
        cloud.restore(start)
        for body in bodies:
            letter(cloud, "fraud", body)
        crashed = True
        with crash_after(cloud, number), suppress(CrashError):
            post(shop, f"fraud/{name}")
            crashed = False
        remaining = depth(cloud, cloud.dlq("fraud"))
        items = cloud.items(cloud.table("operations"))
        recorded = [message for item in items for message in json.loads(item["state"]["S"])["messages"]]
        assert len(recorded) >= 3 - remaining
        if name == "redrive":
            assert depth(cloud, cloud.queue("fraud")) >= 3 - remaining
        number += 1
    assert number > 6
    assert remaining == 0


def test_an_operator_lists_the_orders_of_a_customer_page_by_page(shop: Shop) -> None:
    shop.stock("mug", 10)
    orders = [shop.place(("mug", 1)) for _ in range(3)]
    first = get(shop, "/operators/customers/customer-1/orders", limit="2").body
    rest = get(shop, "/operators/customers/customer-1/orders", limit="2", cursor=first["next"]).body
    assert {each["id"] for each in [*first["items"], *rest["items"]]} == set(orders)
    assert rest["next"] is None
    assert get(shop, "/operators/customers/customer-2/orders").body == {"items": [], "next": None}
