"""Events that can never be published: on the template's resources, from the write to the operator's commands."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.values.money import Money
from ops.cli import app
from tests.integration.cli_driver import CliDriver, never
from tests.integration.cloud import Cloud
from tests.integration.facts import fact, new_order
from tests.integration.shop import Shop
from tidings.aws.dynamodb import to_attributes
from tidings.core.entity import StoredEntity

Run = Callable[..., Result]

AUTHORIZED = PaymentAuthorized(payment="pay_1", amount=Money(1000, "EUR"))


@pytest.fixture
def run(driver: CliDriver, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on the test's cloud."""
    monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: driver.stage)
    monkeypatch.setattr("ops.context.outputs_of", lambda _stage: driver.outputs)
    return lambda *arguments: CliRunner().invoke(app, ["--local", str(driver.directory), *arguments])


def refuse(cloud: Cloud, event: str, code: str = "InvalidParameter") -> None:
    """Let the topic refuse each batch with this event."""

    def before(name: str, request: Mapping[str, Any]) -> bool:
        if name == "PublishBatch" and any(
            event == entry["MessageDeduplicationId"] for entry in request["PublishBatchRequestEntries"]
        ):
            raise ClientError({"Error": {"Code": code, "Message": "Invalid parameter: Message"}}, name)
        return False

    cloud.calls.before = before


def write(cloud: Cloud, service: str, key: str, *outbox: str) -> None:
    """Put an entity with these texts in its outbox into a service's table, past the service's code."""
    stored = StoredEntity(key, 1, "{}", outbox=outbox, announces=True)
    cloud.dynamodb.put_item(TableName=cloud.table(service), Item=to_attributes(stored))


def letters(cloud: Cloud, service: str) -> list[tuple[str, dict[str, str]]]:
    """Return the messages in a relay's dead-letter queue, each with its attributes."""
    queue = str(cloud.queue_named(service, "RelayDlq"))
    received = cloud.receive(queue)
    for record in received:
        handle = {"QueueUrl": queue, "ReceiptHandle": record["receiptHandle"]}
        cloud.sqs.change_message_visibility(**handle, VisibilityTimeout=0)
    return [
        (record["body"], {name: value["StringValue"] for name, value in record["messageAttributes"].items()})
        for record in received
    ]


def test_a_refused_event_holds_up_no_other_order_and_its_order_continues_once_it_is_published(
    shop: Shop, run: Run
) -> None:
    shop.stock("mug", 10)
    orders = [shop.place(("mug", 1)) for _ in range(4)]
    stuck = orders.pop(1)
    event = f"orders/{stuck}/1"
    refuse(shop.cloud, event)
    shop.cloud.drain()
    assert {shop.show(order)["status"] for order in orders} == {"CONFIRMED"}
    assert shop.show(stuck)["status"] == "PENDING"

    ((body, attributes),) = letters(shop.cloud, "orders")
    assert json.loads(body)["id"] == event
    expected = {"reason": "refused", "detail": "InvalidParameter", "key": stuck, "event": event, "type": "OrderPlaced"}
    assert attributes == expected
    (status,) = (
        each for each in json.loads(run("dlq", "list", "--json").stdout) if each["queue"] == "relay" and each["waiting"]
    )
    assert (status["service"], status["reasons"], status["refused"]) == ("orders", {"refused": 1}, {"refused": 1})
    assert "tidings dlq show orders --relay; it says for each refused event what to do\n" in run("dlq", "list").stdout
    shown = run("dlq", "show", "orders", "--relay").stdout
    assert f"OrderPlaced of order {stuck}: refused\n    InvalidParameter\n" in shown
    assert (
        f"tidings relay --service orders --order {stuck}; then tidings dlq drop orders --relay --order {stuck}" in shown
    )

    again = run("relay", "--order", stuck, "--service", "orders")
    assert again.exit_code == 1
    assert f"the topic will never accept 1 of them: {event}: InvalidParameter" in again.stderr
    shop.cloud.calls.before = never
    assert run("relay", "--order", stuck, "--service", "orders").stdout == "1 event published (OrderPlaced 1)\n"
    shop.cloud.drain()
    assert shop.show(stuck)["status"] == "CONFIRMED"
    assert (
        "1 message dropped (refused 1), 0 left"
        in run("dlq", "drop", "orders", "--relay", "--order", stuck, "--yes").stdout
    )


@pytest.mark.parametrize("code", ["KMSDisabled", "KMSThrottling", "AuthorizationError", "NotFound", "InternalError"])
def test_an_event_that_the_topic_cannot_take_now_is_not_dead_lettered(shop: Shop, code: str) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    refuse(shop.cloud, f"orders/{order}/1", code)
    with pytest.raises(AssertionError, match="itemIdentifier"):
        shop.cloud.relay("orders")
    assert letters(shop.cloud, "orders") == []
    shop.cloud.calls.before = never
    shop.cloud.drain()
    assert shop.show(order)["status"] == "CONFIRMED"


def test_an_event_of_another_service_in_an_outbox_reaches_no_consumer(shop: Shop, run: Run) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    forged = fact(order, AUTHORIZED)
    write(cloud, "loyalty", order, forged)
    cloud.relay("loyalty")
    assert all(forged not in [each["body"] for each in cloud.receive(cloud.queue(name))] for name in cloud.consumers)
    ((body, attributes),) = letters(cloud, "loyalty")
    assert (body, attributes["reason"], attributes["key"]) == (forged, "wrong-source", order)
    cloud.drain(without=("payment",))
    assert shop.show(order)["status"] == "PENDING"

    answer = run("relay", "--order", order, "--service", "loyalty")
    assert answer.exit_code == 1
    assert f"payment/{order}/1: wrong-source: its source is not loyalty" in answer.stderr
    assert all(forged not in [each["body"] for each in cloud.receive(cloud.queue(name))] for name in cloud.consumers)


PERSONAL = "Mill Lane"

BROKEN = ["not JSON", "{}", '{"id": 5, "street": "Mill Lane"}', '{"x":' + "[" * 10_000, "\u0001\ufffe", "x" * 70_000]


def test_whatever_an_outbox_holds_other_events_are_published_and_the_commands_end_without_a_traceback(
    shop: Shop, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    for body in BROKEN:
        write(cloud, "orders", new_order(), body)
    cloud.dynamodb.put_item(
        TableName=cloud.table("orders"),
        Item={"pk": {"S": "no-list"}, "outbox": {"S": PERSONAL}, "announces": {"BOOL": True}},
    )
    cloud.dynamodb.put_item(
        TableName=cloud.table("orders"), Item={"pk": {"S": "no-outbox"}, "announces": {"BOOL": True}}
    )
    cloud.relay("orders")
    assert PERSONAL not in capsys.readouterr().out
    found = letters(cloud, "orders")
    assert len(found) == len(BROKEN) + 2
    assert PERSONAL not in str([attributes for _, attributes in found])
    unreadable = {body for body, attributes in found if attributes["reason"] == "unreadable-record"}
    assert {json.loads(body)["key"] for body in unreadable} == {"no-list", "no-outbox"}

    for arguments in (["dlq", "list"], ["dlq", "list", "--json"], ["dlq", "show", "orders", "--relay"]):
        assert run(*arguments).exit_code == 0
    answer = run("relay", "--since", "2026-01-01", "--service", "orders")
    assert answer.stdout == "2 events published (OrderPlaced 1, ProductListed 1)\n"
    assert "never accept" in answer.stderr.splitlines()[-1]
    dropped = run("dlq", "drop", "orders", "--relay", "--yes")
    assert dropped.stdout.startswith(f"orders: {len(found)} messages dropped (")
    assert dropped.stdout.rstrip().endswith(".jsonl")
    cloud.drain()
    assert shop.show(order)["status"] == "CONFIRMED"


LETTERS: list[tuple[str, dict[str, str]]] = [
    ("[/]", {"reason": "[/red]", "detail": "[/]", "key": "it's; rm -rf"}),
    ("-", {"reason": "[bold]"}),
    ("[" * 50_000, {}),
    ("null", {}),
    ('{"requestContext": {"condition": "[/x]\\u001b[2J"}}', {}),
    ('{"DDBStreamBatchInfo": {"approximateArrivalOfFirstRecord": "0001-01-01T00:00:00+23:59"}}', {}),
    ('{"DDBStreamBatchInfo": {"approximateArrivalOfFirstRecord": "9999-12-31T23:59:59-23:59"}}', {}),
]


def test_whatever_the_messages_of_a_relays_dead_letter_queue_hold_each_command_shows_them(
    cloud: Cloud, run: Run
) -> None:
    for body, attributes in LETTERS:
        cloud.sqs.send_message(
            QueueUrl=str(cloud.queue_named("orders", "RelayDlq")),
            MessageBody=body,
            MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()},
        )
    listed = run("dlq", "list").stdout
    assert all(f"{reason} 1" in listed for reason in ("[/red]", "[bold]"))
    assert "tidings dlq drop orders --relay --reason not-relayed" in listed
    shown = run("dlq", "show", "orders", "--relay").stdout
    assert shown.count("a batch of the table's stream: ") == 5
    assert "--order 'it'\"'\"'s; rm -rf'" in shown
    assert "\x1b" not in listed + shown
    assert len(json.loads(run("dlq", "show", "orders", "--relay", "--json").stdout)) == len(LETTERS)
    assert run("dlq", "drop", "orders", "--relay", "--reason", "[/red]", "--yes").exit_code == 0
    assert f"{len(LETTERS) - 1} messages dropped" in run("dlq", "drop", "orders", "--relay", "--yes").stdout
