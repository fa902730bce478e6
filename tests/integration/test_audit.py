"""The command `tidings audit` on the template's tables, topic and queues; and history's refusal of a second body."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from ops.cli import app
from tests.integration.cli_driver import CANCELLED, CliDriver, never, nth
from tests.integration.cloud import Cloud, CrashError
from tests.integration.facts import fact, later, new_order
from tests.integration.shop import Shop
from tidings.core.clock import now

Run = Callable[..., Result]
Condition = Callable[[str, Mapping[str, Any]], bool]
HOUR = 3_600_000


@pytest.fixture
def run(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on the test's cloud, an hour later."""
    driver = CliDriver(cloud, tmp_path)
    monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: driver.stage)
    monkeypatch.setattr("ops.context.outputs_of", lambda _stage: driver.outputs)
    monkeypatch.setattr("ops.audit.run.now", lambda: now() + HOUR)
    return lambda *arguments: CliRunner().invoke(app, ["--local", str(driver.directory), *arguments])


@pytest.fixture
def orders(shop: Shop) -> list[str]:
    """Six orders that were handled."""
    shop.stock("mug", 50)
    placed = [shop.place(("mug", 1)) for _ in range(6)]
    shop.cloud.drain()
    return placed


def audit(run: Run, *arguments: str) -> dict[str, Any]:
    """Run the command, and return its answer with its exit status and its lines on stderr."""
    answer = run("audit", *arguments, "--json")
    decoded: dict[str, Any] = json.loads(answer.stdout)
    return decoded | {"status": answer.exit_code, "notes": answer.stderr.splitlines()}


def found(answer: dict[str, Any]) -> set[tuple[str, str, bool]]:
    return {(each["kind"], each["event"], each["repaired"]) for each in answer["differences"]}


def outbox(cloud: Cloud, service: str, key: str) -> list[dict[str, str]]:
    return list(cloud.item(service, key).get("outbox", {"L": []})["L"])


def put_outbox(cloud: Cloud, service: str, key: str, *bodies: dict[str, str]) -> None:
    cloud.dynamodb.update_item(
        TableName=cloud.table(service),
        Key={"pk": {"S": key}},
        UpdateExpression="SET outbox = :outbox",
        ExpressionAttributeValues={":outbox": {"L": list(bodies)}},
    )


def unrecord(cloud: Cloud, order: str, *events: str) -> None:
    for event in events:
        cloud.dynamodb.delete_item(TableName=cloud.table("history"), Key={"pk": {"S": order}, "id": {"S": event}})


def test_the_outboxes_and_the_log_of_a_shop_do_not_differ(orders: list[str], run: Run) -> None:
    answer = audit(run)
    assert (answer["status"], answer["found"], answer["uncompared"]) == (0, {}, {})
    assert answer["announced"] == answer["recorded"] > 5 * len(orders)
    text = run("audit")
    assert text.exit_code == 0
    compared = f"{answer['announced']} announced events and {answer['recorded']} recorded events"
    assert re.fullmatch(rf"{compared} before \S+Z compared: 0 differ, 0 repaired\n", text.stdout)


def test_an_audit_of_events_that_may_all_be_on_their_way_says_up_to_when_it_compared(
    orders: list[str], run: Run
) -> None:
    assert len(orders) == 6
    text = run("audit", "--since", "1s", "--min-age", "3h")
    assert text.exit_code == 0
    assert re.match(r"0 announced events and 0 recorded events before \S+Z compared: ", text.stdout)


def test_events_that_the_log_lacks_are_found_and_a_repair_has_them_recorded_again(
    cloud: Cloud, orders: list[str], run: Run
) -> None:
    lost = {f"orders/{orders[0]}/1": orders[0], f"payment/{orders[3]}/2": orders[3]}
    before = {event: cloud.dynamodb.get_item(**record_key(cloud, order, event)) for event, order in lost.items()}
    for event, order in lost.items():
        unrecord(cloud, order, event)
    answer = audit(run)
    assert (answer["status"], found(answer)) == (1, {("not-in-log", event, False) for event in lost})
    assert answer["notes"][-1] == "Error: the outboxes and the event log differ in 2 events"
    mended = audit(run, "--repair")
    assert (mended["status"], found(mended)) == (0, {("not-in-log", event, True) for event in lost})
    cloud.drain()
    assert audit(run)["found"] == {}
    for event, order in lost.items():
        again = cloud.dynamodb.get_item(**record_key(cloud, order, event))
        assert again["Item"]["event"] == before[event]["Item"]["event"]


def record_key(cloud: Cloud, order: str, event: str) -> dict[str, Any]:
    return {"TableName": cloud.table("history"), "Key": {"pk": {"S": order}, "id": {"S": event}}}


def test_events_that_an_outbox_lacks_are_found_and_a_repair_adds_them_byte_for_byte_and_publishes_nothing(
    cloud: Cloud, orders: list[str], run: Run
) -> None:
    before = {service: outbox(cloud, service, orders[1]) for service in ("orders", "payment")}
    state = cloud.item("orders", orders[1])["state"]
    put_outbox(cloud, "orders", orders[1], *before["orders"][:1])
    cloud.dynamodb.delete_item(TableName=cloud.table("payment"), Key={"pk": {"S": orders[1]}})
    lost = {f"orders/{orders[1]}/2", *(f"payment/{orders[1]}/{n}" for n in range(1, len(before["payment"]) + 1))}
    cloud.drain()
    answer = audit(run)
    assert (answer["status"], found(answer)) == (1, {("not-in-outbox", event, False) for event in lost})
    refused = audit(run, "--repair")
    assert (refused["status"], found(refused)) == (1, {("not-in-outbox", event, False) for event in lost})
    assert any("recover the service" in note for note in refused["notes"])
    mended = audit(run, "--repair", "--append")
    assert (mended["status"], found(mended)) == (0, {("not-in-outbox", event, True) for event in lost})
    for service, bodies in before.items():
        assert outbox(cloud, service, orders[1]) == bodies
    assert cloud.item("orders", orders[1])["state"] == state
    assert sum(cloud.relay(service) for service in cloud.services) == 0
    assert audit(run)["found"] == {}


def test_an_id_with_two_bodies_is_found_and_not_changed(cloud: Cloud, orders: list[str], run: Run) -> None:
    first, second = outbox(cloud, "orders", orders[2])
    other = {"S": later(second["S"], 1)}
    put_outbox(cloud, "orders", orders[2], first, other)
    for arguments in ([], ["--repair"]):
        answer = audit(run, *arguments)
        assert (answer["status"], found(answer)) == (1, {("conflicting-body", f"orders/{orders[2]}/2", False)})
        assert any("conflicting-body" in note for note in answer["notes"])
    assert outbox(cloud, "orders", orders[2]) == [first, other]


def test_one_service_alone_is_compared(cloud: Cloud, orders: list[str], run: Run) -> None:
    unrecord(cloud, orders[0], f"orders/{orders[0]}/1", f"payment/{orders[0]}/1")
    answer = audit(run, "--service", "orders")
    assert found(answer) == {("not-in-log", f"orders/{orders[0]}/1", False)}
    # The product was listed as well.
    assert answer["announced"] == 2 * len(orders) + 1
    assert answer["uncompared"]["payment"] > 0


def test_young_events_are_not_reported_as_missing(
    cloud: Cloud, shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stock("mug", 10)
    cloud.drain()
    order = shop.place(("mug", 1))
    assert audit(run, "--min-age", "2h")["found"] == {}
    assert found(audit(run, "--min-age", "50m")) == {("not-in-log", f"orders/{order}/1", False)}
    monkeypatch.setattr("ops.audit.run.now", now)
    assert audit(run)["found"] == {}
    cloud.drain()
    assert audit(run, "--min-age", "50m")["found"] == {}


def test_only_events_since_a_time_are_compared(cloud: Cloud, orders: list[str], run: Run) -> None:
    unrecord(cloud, orders[0], f"orders/{orders[0]}/1")
    assert audit(run, "--since", "2099-01-01")["announced"] == 0
    assert audit(run, "--since", "2026-01-01")["found"] == {"not-in-log": 1}


def at_call(name: str, crashes: Condition) -> Condition:
    """Return the condition on the calls of this name alone."""
    return lambda call, request: call == name and crashes(call, request)


def test_a_run_that_broke_off_is_continued_by_the_same_command(
    cloud: Cloud, orders: list[str], run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tidings.recovery.audit.PAGE_ITEMS", 2)
    for order in orders[:3]:
        unrecord(cloud, order, f"orders/{order}/1")
    whole = audit(run)
    for name, at in (("Scan", 5), ("Scan", 20), ("BatchGetItem", 3), ("Query", 40)):
        cloud.calls.before = at_call(name, nth(at))
        with pytest.raises(CrashError):
            run("audit", "--json")
        cloud.calls.before = never
        assert list(tmp_path.glob("audit-*.json"))
        again = audit(run)
        assert again["notes"][0].startswith("Continuing after ")
        assert (again["items"], again["announced"], again["found"]) == (
            whole["items"],
            whole["announced"],
            whole["found"],
        )
        assert not list(tmp_path.glob("audit-*.json"))


def test_the_notes_say_what_history_has_not_recorded_yet(cloud: Cloud, shop: Shop, run: Run) -> None:
    shop.stock("mug", 10)
    cloud.drain()
    shop.place(("mug", 1))
    cloud.relay("orders")
    answer = audit(run)
    assert answer["found"] == {"not-in-log": 1}
    assert any(note.endswith("holds 1 message; their events count as not recorded.") for note in answer["notes"])


@pytest.mark.parametrize("call", ["Scan", "BatchGetItem", "Query", "PutItem"])
def test_the_error_about_a_call_that_aws_refuses_is_one_line(
    cloud: Cloud, orders: list[str], run: Run, call: str
) -> None:
    unrecord(cloud, orders[0], f"orders/{orders[0]}/1")
    put_outbox(cloud, "payment", orders[1], *outbox(cloud, "payment", orders[1])[1:])

    def refuse(name: str, _request: Any) -> bool:
        if name == call:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, name)
        return False

    cloud.calls.before = refuse
    answer = run("audit", "--repair")
    cloud.calls.before = never
    assert answer.exit_code == 1
    error = answer.stderr.splitlines()[-1]
    assert error.startswith("Error: ")
    assert "AccessDenied" in error
    assert "not allowed" not in answer.stderr
    assert audit(run, "--repair")["status"] == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--service", "history"], "history announces no events; these services announce events: fraud,"),
        (["--service", "nobody"], "nobody is not deployed; these services announce events: fraud,"),
        (["--since", "noon"], "'noon' is not a time"),
        (["--append"], "--append is an option of --repair"),
    ],
)
def test_the_error_about_invalid_arguments_is_one_line(run: Run, arguments: list[str], text: str) -> None:
    answer = run("audit", *arguments)
    assert answer.exit_code == 1
    assert text in answer.stderr.splitlines()[-1]


def test_an_event_under_the_id_of_another_one_is_dead_lettered_at_once_and_counted(
    cloud: Cloud, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STAGE", "SERVICE"):
        monkeypatch.setenv(name, cloud.environment("history", "consumer")[name])
    order = new_order()
    body = fact(order, CANCELLED)
    assert cloud.hand("history", body, body) == []
    recorded = cloud.items(cloud.table("history"))
    assert cloud.hand("history", later(body, 1), body) == []
    assert cloud.items(cloud.table("history")) == recorded
    (letter,) = cloud.dead_letters("history")
    assert letter["body"] == later(body, 1)
    assert letter["reasons"]["reason"] == "conflicting-body"
    assert letter["reasons"]["detail"] == f"orders/{order}/1 is recorded with another body"
    assert capsys.readouterr().out.count('"ConflictingBodies":1') == 1
    cloud.sqs.change_message_visibility(
        QueueUrl=cloud.dlq("history"), ReceiptHandle=letter["receiptHandle"], VisibilityTimeout=0
    )
    shown = run("dlq", "list").stdout
    assert "find out which of the two facts happened" in shown
    assert "tidings dlq drop history --reason conflicting-body" in shown
