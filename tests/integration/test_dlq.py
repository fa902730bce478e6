"""The commands `tidings dlq` on the template's queues: nothing is lost, and no message stays hidden."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ops.cli import app
from tests.integration.cli_driver import CANCELLED, CliDriver, history_of, never
from tests.integration.cloud import REGION, Cloud, CrashError
from tests.integration.facts import fact, new_order, placed
from tests.integration.shop import Shop
from tidings.aws.recovery import SqsQueueGauge

Run = Callable[..., Result]


@pytest.fixture
def run(driver: CliDriver, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on the test's cloud."""
    monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: driver.stage)
    monkeypatch.setattr("ops.context.outputs_of", lambda _stage: driver.outputs)

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(app, ["--local", str(driver.directory), *arguments], **options)

    return run


def dead_letter(cloud: Cloud, service: str, *bodies: str, reason: str = "gave-up", group: str | None = None) -> None:
    """Send messages to a dead-letter queue, as the consumer does."""
    for body in bodies:
        fifo: Any = {"MessageGroupId": group or json.loads(body)["subject"], "MessageDeduplicationId": uuid.uuid4().hex}
        texts = {"reason": reason, "detail": f"Error: because of {reason}", "type": "-"}
        numbers = {"receives": "5", "first_seen": "1767225600000"}
        cloud.sqs.send_message(
            QueueUrl=cloud.dlq(service),
            MessageBody=body,
            MessageAttributes={
                **{name: {"DataType": "String", "StringValue": text} for name, text in texts.items()},
                **{name: {"DataType": "Number", "StringValue": text} for name, text in numbers.items()},
            },
            **(fifo if cloud.dlq(service).endswith(".fifo") else {}),
        )


def undelivered(cloud: Cloud, service: str, *bodies: str) -> None:
    """Send events to a subscription's dead-letter queue, as the topic does."""
    for body in bodies:
        cloud.sqs.send_message(
            QueueUrl=str(cloud.queue_named(service, "Undelivered")),
            MessageBody=body,
            MessageAttributes={
                "type": {"DataType": "String", "StringValue": json.loads(body)["type"]},
                "ErrorCode": {"DataType": "String", "StringValue": "AWS.SimpleQueueService.NonExistentQueue"},
            },
            MessageGroupId=json.loads(body)["subject"],
            MessageDeduplicationId=uuid.uuid4().hex,
        )


def give_up(cloud: Cloud, service: str) -> None:
    """Report stream records that a relay gave up, as Lambda does."""
    batch = {
        "startSequenceNumber": "100",
        "endSequenceNumber": "250",
        "approximateArrivalOfFirstRecord": "2026-01-31T08:30:00Z",
        "batchSize": 3,
    }
    report = {"requestContext": {"condition": "MaxRecordAgeExceeded"}, "DDBStreamBatchInfo": batch}
    cloud.sqs.send_message(QueueUrl=str(cloud.queue_named(service, "RelayDlq")), MessageBody=json.dumps(report))


def waiting(cloud: Cloud, service: str) -> int:
    """Return the number of messages that can be received from a dead-letter queue."""
    return SqsQueueGauge(cloud.sqs, cloud.dlq(service)).depth().waiting


def test_every_consumer_is_listed_though_no_message_failed(cloud: Cloud, run: Run) -> None:
    answer = json.loads(run("dlq", "list", "--json").stdout)
    assert {each["service"] for each in answer if each["queue"] == "dlq"} == set(cloud.consumers)
    assert {each["service"] for each in answer if each["queue"] == "undelivered"} == set(cloud.consumers)
    assert {"orders", "payment", "inventory"} <= {each["service"] for each in answer if each["queue"] == "relay"}
    assert {each["waiting"] for each in answer} == {0}
    table = run("dlq", "list").stdout
    assert all(service in table for service in cloud.consumers)
    assert "redrive" not in table


def test_the_list_shows_for_each_kind_of_failure_the_number_age_reasons_and_remedy(cloud: Cloud, run: Run) -> None:
    dead_letter(cloud, "payment", *(placed(new_order(), ("mug", 1)) for _ in range(3)))
    dead_letter(cloud, "payment", "{", reason="undecodable", group="poison")
    undelivered(cloud, "fraud", placed(new_order(), ("mug", 1)))
    give_up(cloud, "orders")
    answer = {
        (each["service"], each["queue"]): each
        for each in json.loads(run("dlq", "list", "--json").stdout)
        if each["waiting"]
    }
    assert set(answer) == {("payment", "dlq"), ("fraud", "undelivered"), ("orders", "relay")}
    payment = answer["payment", "dlq"]
    assert (payment["waiting"], payment["examined"], payment["hidden"]) == (4, 4, 0)
    assert payment["reasons"] == {"gave-up": 3, "undecodable": 1}
    assert payment["oldest"] == "2026-01-01T00:00:00.000Z"
    assert answer["fraud", "undelivered"]["reasons"] == {"undelivered": 1}
    assert answer["orders", "relay"]["reasons"] == {"MaxRecordAgeExceeded": 1}
    text = run("dlq", "list").stdout
    assert all(f"{reason} " in text for reason in ("gave-up 3", "undecodable 1"))
    redrive = "tidings dlq show payment; then tidings dlq redrive payment\n"
    drop = "tidings dlq show payment --reason undecodable; then tidings dlq drop payment --reason undecodable\n"
    assert drop + redrive in text
    assert "tidings dlq redrive fraud --undelivered" in text
    assert (
        "tidings relay --service orders --since 2026-01-31T08:29:00.000Z; then tidings dlq drop orders --relay" in text
    )


def test_a_message_is_shown_with_its_order_event_reason_receives_and_first_time(cloud: Cloud, run: Run) -> None:
    order = new_order()
    dead_letter(cloud, "payment", placed(order, ("mug", 1)), fact(order, CANCELLED, 2))
    dead_letter(cloud, "payment", "{", reason="undecodable", group="poison")
    first, second, third = json.loads(run("dlq", "show", "payment", "--json").stdout)
    assert first | {"message": ""} == {
        "message": "",
        "order": order,
        "event": f"orders/{order}/1",
        "type": "OrderPlaced",
        "reason": "gave-up",
        "detail": "Error: because of gave-up",
        "receives": 5,
        "first_seen": "2026-01-01T00:00:00.000Z",
        "batch": False,
        "since": None,
    }
    assert second["event"] == f"orders/{order}/2"
    assert (third["order"], third["event"], third["type"], third["reason"]) == ("poison", None, None, "undecodable")
    text = run("dlq", "show", "payment").stdout
    assert f"orders/{order}/1\n    OrderPlaced of order {order}: gave-up, delivered 5 times\n" in text
    assert "payment: 3 shown, 3 left\n" in text
    assert waiting(cloud, "payment") == 3


def test_the_shown_messages_can_be_selected(cloud: Cloud, run: Run) -> None:
    orders = [new_order() for _ in range(15)]
    dead_letter(cloud, "inventory", *(placed(order, ("mug", 1)) for order in orders))
    dead_letter(cloud, "inventory", placed(orders[0], ("mug", 2)), reason="breaks-contract")
    shown = json.loads(run("dlq", "show", "inventory", "--order", orders[0], "--json").stdout)
    assert [each["reason"] for each in shown] == ["gave-up", "breaks-contract"]
    shown = json.loads(run("dlq", "show", "inventory", "--reason", "breaks-contract", "--json").stdout)
    assert [each["order"] for each in shown] == [orders[0]]
    assert len(json.loads(run("dlq", "show", "inventory", "--limit", "12", "--json").stdout)) == 12
    assert waiting(cloud, "inventory") == 16


def test_undelivered_messages_and_a_relays_batches_can_be_shown(cloud: Cloud, run: Run) -> None:
    give_up(cloud, "orders")
    undelivered(cloud, "fraud", placed("some-order", ("mug", 1)))
    (batch,) = json.loads(run("dlq", "show", "orders", "--relay", "--json").stdout)
    assert (batch["reason"], batch["since"]) == ("MaxRecordAgeExceeded", "2026-01-31T08:29:00.000Z")
    assert batch["detail"] == "3 records, 100 to 250"
    assert "since 2026-01-31T08:29:00.000Z" in run("dlq", "show", "orders", "--relay").stdout
    (event,) = json.loads(run("dlq", "show", "fraud", "--undelivered", "--json").stdout)
    assert (event["order"], event["type"], event["reason"]) == ("some-order", "OrderPlaced", "undelivered")
    assert event["detail"] == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_redriven_message_is_as_the_topic_delivered_it_with_a_new_deduplication_id(
    cloud: Cloud, driver: CliDriver, run: Run
) -> None:
    order = new_order()
    body = placed(order, ("mug", 1))
    dead_letter(cloud, "payment", body)
    answer = run("dlq", "redrive", "payment")
    assert answer.stdout == "payment: 1 message sent back (gave-up 1), 0 left\n"
    (record,) = driver.take_all("payment")
    assert record["body"] == body
    assert {name: value["StringValue"] for name, value in record["messageAttributes"].items()} == {
        "type": "OrderPlaced"
    }
    assert record["attributes"]["MessageGroupId"] == order
    identity, run_id, attempt = record["attributes"]["MessageDeduplicationId"].split("#")
    assert (identity, len(run_id), attempt) == (f"orders/{order}/1", 12, "1")


def test_a_redriven_message_is_handled_and_one_that_fails_again_is_dead_lettered_again(cloud: Cloud, run: Run) -> None:
    good = new_order()
    dead_letter(cloud, "payment", placed(good, ("mug", 1)))
    dead_letter(cloud, "payment", "{", reason="undecodable", group="poison")
    dry = run("dlq", "redrive", "payment", "--dry-run")
    done = run("dlq", "redrive", "payment")
    assert "2 messages sent back (gave-up 1, undecodable 1)" in done.stdout
    note = "1 message will fail again unless the cause is removed (undecodable 1); tidings dlq show payment says"
    assert [dry.stderr, done.stderr] == [f"{note} what helps.\n"] * 2
    while cloud.deliver("payment"):
        pass
    assert cloud.item("payment", good)["state"]["status"] == "authorized"
    (again,) = json.loads(run("dlq", "show", "payment", "--json").stdout)
    assert (again["order"], again["reason"], again["receives"]) == ("poison", "undecodable", 1)


@pytest.mark.parametrize("service", ["payment", "inventory"])
def test_a_message_that_the_queue_will_never_accept_stays_is_named_and_holds_up_no_other(
    cloud: Cloud, driver: CliDriver, run: Run, service: str
) -> None:
    orders = [new_order() for _ in range(12)]
    large = placed(orders[0], *((f"mug-{n}", 1) for n in range(20)))
    others = [fact(order, CANCELLED, 2) for order in orders]
    dead_letter(cloud, service, large, *others)
    cloud.sqs.set_queue_attributes(QueueUrl=cloud.queue(service), Attributes={"MaximumMessageSize": "1024"})
    answer = run("dlq", "redrive", service)
    assert answer.exit_code == 1
    assert answer.stdout == f"{service}: 12 messages sent back (gave-up 12), 1 left\n"
    error = (
        f"Error: {service}'s queue will never accept 1 of them, which stay in the dead-letter queue: "
        f"orders/{orders[0]}/1: "
    )
    assert answer.stderr.startswith(error)
    assert "InvalidParameterValue of SendMessageBatch" in answer.stderr
    assert "1024" not in answer.stderr
    assert sorted(driver.ids(service)) == sorted(f"orders/{order}/2" for order in orders)
    (left,) = json.loads(run("dlq", "show", service, "--json").stdout)
    assert left["event"] == f"orders/{orders[0]}/1"


COMMANDS = (["show"], ["redrive", "--dry-run"], ["redrive"], ["drop", "--yes"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--order", str(uuid.UUID(int=1))], "there is no order '00000000-0000-0000-0000-000000000001', and payment"),
        (["--order", "mug"], "there is no order 'mug', and payment has no dead letter about one"),
        (["--order", ""], "there is no order '', and payment has no dead letter about one"),
        (["--reason", ""], "payment has no dead letter with the reason ''; it has: by-hand, gave-up"),
        (["--reason", "gave_up"], "payment has no dead letter with the reason 'gave_up'; it has: by-hand, gave-up"),
    ],
    ids=["order", "key", "empty order", "empty reason", "reason"],
)
def test_an_order_or_a_reason_that_does_not_exist_is_refused(
    cloud: Cloud, run: Run, driver: CliDriver, command: list[str], options: list[str], error: str
) -> None:
    dead_letter(cloud, "payment", placed(new_order(), ("mug", 1)))
    dead_letter(cloud, "payment", placed(new_order(), ("mug", 1)), reason="by-hand")
    answer = run("dlq", command[0], "payment", *command[1:], *options)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert error in answer.stderr
    assert waiting(cloud, "payment") == 2
    assert driver.take_all("payment") == []


def test_the_refusal_of_a_reason_says_that_the_queue_is_empty(run: Run) -> None:
    assert "with the reason 'x': its queue is empty" in run("dlq", "show", "payment", "--reason", "x").stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_order_or_a_reason_without_a_dead_letter_selects_none(shop: Shop, run: Run, command: list[str]) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    for options in (["--order", order], ["--reason", "gave-up"], []):
        answer = run("dlq", command[0], "payment", *command[1:], *options)
        assert answer.exit_code == 0, answer.output
        assert answer.stdout.startswith("payment: 0 messages " if command[0] != "show" else "payment: 0 shown")


@pytest.mark.parametrize("service", ["payment", "inventory"])
def test_a_redrive_can_be_limited_to_an_order_or_a_reason(
    cloud: Cloud, driver: CliDriver, run: Run, service: str
) -> None:
    orders = [new_order() for _ in range(12)]
    dead_letter(cloud, service, *(placed(order, ("mug", 1)) for order in orders))
    dead_letter(cloud, service, *(fact(order, CANCELLED, 2) for order in orders), reason="breaks-contract")
    answer = run("dlq", "redrive", service, "--order", orders[3])
    assert answer.stdout == f"{service}: 2 messages sent back (breaks-contract 1, gave-up 1), 22 left\n"
    assert driver.ids(service) == [f"orders/{orders[3]}/1", f"orders/{orders[3]}/2"]
    answer = run("dlq", "redrive", service, "--reason", "breaks-contract")
    assert answer.stdout == f"{service}: 11 messages sent back (breaks-contract 11), 11 left\n"
    assert sorted(driver.ids(service)) == sorted(f"orders/{order}/2" for order in orders if order != orders[3])
    assert waiting(cloud, service) == 11


def test_the_redrive_of_an_empty_queue_reports_zero_messages(run: Run) -> None:
    assert run("dlq", "redrive", "payment").stdout == "payment: 0 messages sent back, 0 left\n"


def test_a_dry_run_counts_and_changes_nothing(cloud: Cloud, driver: CliDriver, run: Run) -> None:
    dead_letter(cloud, "payment", *(placed(new_order(), ("mug", 1)) for _ in range(3)))
    answer = run("dlq", "redrive", "payment", "--dry-run")
    assert answer.stdout == "payment: 3 messages would be sent back (gave-up 3), 3 left\n"
    assert driver.take_all("payment") == []
    assert waiting(cloud, "payment") == 3


@pytest.mark.parametrize("service", ["payment", "inventory"])
def test_undelivered_messages_are_sent_to_their_consumer(
    cloud: Cloud, driver: CliDriver, run: Run, service: str
) -> None:
    order = new_order()
    bodies = [placed(order, ("mug", 1)), fact(order, CANCELLED, 2)]
    undelivered(cloud, service, *bodies)
    answer = run("dlq", "redrive", service, "--undelivered")
    assert answer.stdout == f"{service}: 2 messages sent back (undelivered 2), 0 left\n"
    records = driver.take_all(service)
    assert [record["body"] for record in records] == bodies
    assert all(set(record["messageAttributes"]) == {"type"} for record in records)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("service", ["payment", "inventory"])
def test_a_redrive_that_crashes_at_any_call_loses_nothing(
    cloud: Cloud, driver: CliDriver, run: Run, service: str, when: str
) -> None:
    bodies = [body for _ in range(6) for body in history_of(new_order()) if json.loads(body)["source"] == "orders"]
    wanted = {json.loads(body)["id"] for body in bodies}
    for n in range(1, 100):
        dead_letter(cloud, service, *bodies)
        crash_at(cloud, n, when)
        try:
            run("dlq", "redrive", service)
            crashed = False
        except CrashError:
            crashed = True
        setattr(cloud.calls, when, never)
        end_visibility_timeouts(cloud.dlq(service))
        assert run("dlq", "redrive", service).exit_code == 0
        arrived = driver.ids(service)
        assert set(arrived) == wanted
        assert len(arrived) <= 2 * len(wanted)
        assert waiting(cloud, service) == 0
        if not crashed:
            break
    assert n > 4


def crash_at(cloud: Cloud, n: int, when: str) -> None:
    """Let the process crash before or after its n-th call, and make no more calls."""
    made = 0

    def crashes(_name: str, _request: Any) -> bool:
        nonlocal made
        made += 1
        return made >= n

    setattr(cloud.calls, when, crashes)


def end_visibility_timeouts(queue: str) -> None:
    """Make all received messages visible again."""
    from moto.backends import get_backend

    sqs: Any = get_backend("sqs")["123456789012"][REGION]
    for message in sqs.queues[queue.rpartition("/")[2]]._messages:
        message.change_visibility(0)


def test_a_message_that_is_in_the_queue_twice_is_sent_once_and_reported(cloud: Cloud, run: Run) -> None:
    body = placed(new_order(), ("mug", 1))
    dead_letter(cloud, "inventory", body, body)
    answer = run("dlq", "redrive", "inventory")
    assert answer.stdout == "inventory: 1 message sent back (gave-up 1), 1 left\n"
    assert "1 message failed again at once, or were in the queue twice (gave-up 1)" in answer.stderr


def test_a_drop_that_is_not_confirmed_drops_nothing(cloud: Cloud, driver: CliDriver, run: Run) -> None:
    dead_letter(cloud, "payment", *(placed(new_order(), ("mug", 1)) for _ in range(3)))
    answer = run("dlq", "drop", "payment", input="n\n")
    assert "payment: 3 messages will be dropped (gave-up 3). Continue?" in answer.stderr
    assert "Nothing was dropped." in answer.stderr
    assert waiting(cloud, "payment") == 3
    assert not list(driver.directory.rglob("*.jsonl"))


@pytest.mark.parametrize(("options", "answer"), [(("--yes",), None), ((), "y\n")])
def test_dropped_messages_are_recorded_in_a_file(
    cloud: Cloud, driver: CliDriver, run: Run, options: tuple[str, ...], answer: str | None
) -> None:
    order = new_order()
    body = placed(order, ("mug", 1))
    dead_letter(cloud, "payment", body, placed(new_order(), ("mug", 1)))
    result = run("dlq", "drop", "payment", "--order", order, *options, input=answer)
    path = driver.directory / "dropped" / "local-payment-dlq.jsonl"
    assert f"payment: 1 message dropped (gave-up 1), 1 left; recorded in {path}" in result.stdout
    (line,) = path.read_text().splitlines()
    recorded = json.loads(line)
    assert (recorded["body"], recorded["group"], recorded["attributes"]["reason"]) == (body, order, "gave-up")
    assert recorded["dropped_at"] > "2026"
    assert path.stat().st_mode & 0o077 == 0
    assert waiting(cloud, "payment") == 1
    run("dlq", "drop", "payment", "--yes")
    assert len(path.read_text().splitlines()) == 2


def test_only_the_confirmed_messages_are_dropped(cloud: Cloud, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_letter(cloud, "inventory", placed(new_order(), ("mug", 1)))

    def confirms(_text: str, **_: Any) -> bool:
        dead_letter(cloud, "inventory", placed(new_order(), ("mug", 1)))
        return True

    monkeypatch.setattr("ops.dlq.commands.typer.confirm", confirms)
    assert "1 message dropped (gave-up 1), 1 left" in run("dlq", "drop", "inventory").stdout


def test_a_message_that_cannot_be_recorded_is_not_dropped(cloud: Cloud, driver: CliDriver, run: Run) -> None:
    dead_letter(cloud, "payment", placed(new_order(), ("mug", 1)))
    (driver.directory / "dropped").write_text("in the way")
    answer = run("dlq", "drop", "payment", "--yes")
    assert answer.exit_code == 1
    assert f"{driver.directory / 'dropped'} cannot be used (File exists)" in answer.stderr
    assert waiting(cloud, "payment") == 1


def test_dropping_nothing_needs_no_confirmation(run: Run) -> None:
    assert run("dlq", "drop", "payment").stdout == "payment: 0 messages dropped, 0 left\n"


def test_a_relays_batches_are_dropped_once_their_events_are_published(shop: Shop, run: Run) -> None:
    give_up(shop.cloud, "orders")
    shop.stock("mug", 10)
    shop.place(("mug", 1))
    result = run("relay", "--service", "orders", "--since", "2026-01-31T08:29:00Z")
    assert result.stdout == "2 events published (OrderPlaced 1, ProductListed 1)\n"
    assert "tidings dlq drop orders --relay" in result.stderr
    assert "1 message dropped (MaxRecordAgeExceeded 1)" in run("dlq", "drop", "orders", "--relay", "--yes").stdout
    assert "tidings dlq" not in run("relay", "--service", "orders", "--since", "2026-01-31T08:29:00Z").stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["show", "nobody"], "the service 'nobody' is not deployed on this stage; these services are: analytics,"),
        (["redrive", "nobody"], "the service 'nobody' is not deployed"),
        (["drop", "nobody", "--yes"], "the service 'nobody' is not deployed"),
        (["show", "analytics", "--relay"], "analytics announces no events"),
        (["redrive", "orders", "--relay"], "tidings relay publishes their events again"),
        (["redrive", "orders", "--relay", "--dry-run"], "tidings relay publishes their events again"),
        (["show", "orders", "--relay", "--undelivered"], "use one of them"),
    ],
)
def test_the_error_about_invalid_arguments_is_one_line(run: Run, arguments: list[str], text: str) -> None:
    answer = run("dlq", *arguments)
    assert answer.exit_code == 1
    assert text in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("GetQueueAttributes", ["list"]),
        ("ReceiveMessage", ["show", "payment"]),
        ("ReceiveMessage", ["redrive", "payment"]),
        ("DeleteMessageBatch", ["redrive", "payment"]),
        ("ReceiveMessage", ["drop", "payment", "--yes"]),
        ("SendMessageBatch", ["redrive", "payment"]),
    ],
)
def test_the_error_about_a_call_that_aws_refuses_is_one_line_and_every_message_stays(
    cloud: Cloud, run: Run, monkeypatch: pytest.MonkeyPatch, call: str, arguments: list[str]
) -> None:
    from botocore.exceptions import ClientError

    monkeypatch.setattr("tidings.recovery.sender.MAX_SEND_ATTEMPTS", 2)
    dead_letter(cloud, "payment", *(placed(new_order(), ("mug", 1)) for _ in range(3)))

    def refuses(name: str, _request: Any) -> bool:
        if name == call:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, name)
        return False

    cloud.calls.before = refuses
    answer = run("dlq", *arguments)
    cloud.calls.before = never
    assert answer.exit_code == 1
    assert answer.stderr.startswith("Error: ")
    assert "AccessDenied" in answer.stderr
    assert call in answer.stderr
    assert "not allowed" not in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert waiting(cloud, "payment") == 3


def test_messages_that_cannot_be_released_become_visible_by_themselves(cloud: Cloud, run: Run) -> None:
    from botocore.exceptions import ClientError

    dead_letter(cloud, "payment", *(placed(new_order(), ("mug", 1)) for _ in range(3)))

    def refuses(name: str, _request: Any) -> bool:
        if name == "ChangeMessageVisibilityBatch":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, name)
        return False

    cloud.calls.before = refuses
    answer = run("dlq", "show", "payment")
    assert answer.exit_code == 0
    assert "payment: 3 shown, 0 left, 3 in flight, which return within about a minute" in answer.stdout
