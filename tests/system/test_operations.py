"""Operators see and recover what failed by the API, with the rights of the deployed function."""

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.deployed import SECONDS, DeployedShop, User, order_id, problem_of
from tidings.aws.recovery import SqsDeadLetterQueue
from tidings.recovery import wait_until

LETTERS = "/operators/dead-letters"


@pytest.fixture
def failed(shop: DeployedShop, customer: User, sku: str) -> Iterator[tuple[str, str]]:
    """An order whose payment failed to handle it, and the id of the dead letter."""
    sqs, payment = shop.client("sqs"), shop.outputs.services["payment"]
    with shop.consumer_stopped("payment"):
        order = order_id(customer.place({sku: 1}))
        queue = SqsDeadLetterQueue(sqs, str(payment.queue))
        received = wait_until(
            lambda: [each for each in queue.receive() if order in each.body], SECONDS, f"the message of {order}"
        )
        sent = sqs.send_message(
            QueueUrl=payment.dlq,
            MessageBody=received[0].body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": "gave-up"}},
            MessageGroupId=order,
            MessageDeduplicationId=uuid.uuid4().hex,
        )
        queue.delete(received)
    yield order, str(sent["MessageId"])
    operator = shop.user("operator", operator=True)
    operator.http.post(f"{LETTERS}/payment/drop", json={"order": order}).raise_for_status()


def get(user: User, path: str, **query: str) -> Any:
    answer = user.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(user: User, path: str, **selection: Any) -> Any:
    answer = user.http.post(f"{LETTERS}/{path}", json=selection)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_operator_redrives_a_dead_letter_the_order_confirms_and_the_action_is_recorded(
    operator: User, customer: User, failed: tuple[str, str]
) -> None:
    order, message = failed
    (shown,) = get(operator, LETTERS, order=order)["items"]
    assert (shown["id"], shown["service"], shown["reason"]) == (message, "payment", "gave-up")
    assert order in get(operator, f"{LETTERS}/payment/{message}")["body"]
    service = next(each for each in get(operator, "/operators/services")["items"] if each["name"] == "payment")
    assert service["dlq"] >= 1
    assert {each["kind"]: each["state"] for each in service["mappings"]} == {"queue": "Enabled", "stream": "Enabled"}
    assert "tidings-local-payment-dlq-depth" in {alarm["name"] for alarm in service["alarms"]}
    dry = post(operator, "payment/redrive", order=order, dry_run=True)
    assert (dry["matched"], dry["done"], dry["ids"]) == (1, 0, [message])
    assert customer.order(order)["status"] == "PENDING"

    done = post(operator, "payment/redrive", ids=[message])

    assert (done["matched"], done["done"], done["left"], done["truncated"]) == (1, 1, 0, False)
    assert customer.outcome(order)["status"] == "CONFIRMED"
    assert get(operator, LETTERS, order=order)["items"] == []
    # The index of the list lags behind the table.
    action = wait_until(
        lambda: next((a for a in get(operator, "/operators/actions")["items"] if a["id"] == done["action"]), None),
        SECONDS,
        "the action in the list",
    )
    assert (action["action"], action["service"], action["details"]["outcome"]) == ("redrive", "payment", "done")
    assert uuid.UUID(action["who"])
    assert [each["id"] for each in get(operator, f"/operators/actions/{done['action']}")["messages"]] == [message]


def test_an_operator_drops_a_message_of_each_kind_of_queue(shop: DeployedShop, operator: User) -> None:
    service, order = shop.outputs.services["loyalty"], str(uuid.uuid4())
    fifo = {"MessageGroupId": order, "MessageDeduplicationId": order}
    for kind, url in (("dlq", service.dlq), ("undelivered", service.undelivered), ("relay", service.relay_dlq)):
        options = fifo if str(url).endswith(".fifo") else {}
        sent = shop.client("sqs").send_message(QueueUrl=url, MessageBody=f"poison {order}", **options)
        message = sent["MessageId"]
        assert get(operator, f"{LETTERS}/loyalty/{message}")["kind"] == kind
        assert post(operator, "loyalty/drop", kind=kind, ids=[message])["ids"] == [message]
        assert operator.http.get(f"{LETTERS}/loyalty/{message}").status_code == 404


def test_an_operator_lists_the_orders_of_a_customer(operator: User, customer: User, sku: str) -> None:
    order = order_id(customer.place({sku: 1}))
    payload = customer.token.split(".")[1]
    person = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    path = f"/operators/customers/{person}/orders"
    # The index of the list lags behind the table.
    wait_until(lambda: order in {each["id"] for each in get(operator, path)["items"]}, SECONDS, "the order in the list")
    assert get(operator, f"/operators/customers/{uuid.uuid4()}/orders") == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/operators/services"),
        ("GET", "/operators/alarms"),
        ("GET", LETTERS),
        ("GET", f"{LETTERS}/payment/1"),
        ("POST", f"{LETTERS}/payment/redrive"),
        ("POST", f"{LETTERS}/payment/drop"),
        ("GET", "/operators/actions"),
        ("GET", f"/operators/actions/{uuid.uuid4()}"),
        ("GET", "/operators/customers/1/orders"),
    ],
)
def test_a_customers_token_is_refused(customer: User, method: str, path: str) -> None:
    assert customer.http.request(method, path, json={}).status_code == 401


def test_an_unknown_service_is_a_problem_and_so_is_an_unknown_dead_letter(operator: User) -> None:
    for path in (f"{LETTERS}/nobody/1", f"{LETTERS}/payment/{uuid.uuid4()}"):
        answer = operator.http.get(path)
        assert (answer.status_code, problem_of(answer)["status"]) == (404, 404)
