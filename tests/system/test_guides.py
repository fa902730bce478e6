"""The commands of the guides for operators, run on a shop that has something to show."""

import json
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template

import pytest

from ops.stage import ROOT
from tests.system.deployed import SECONDS, DeployedShop, User, clean_environment, order_id, run
from tests.system.documents import GUIDES, ON_THE_SHOP, commands
from tidings.aws.recovery import EventSourceMapping
from tidings.recovery import wait_until

# The text that a command prints, some seconds later at the latest; a text for each time if it is in the guide several
# times. The others must succeed.
EXPECTED: Mapping[str, Mapping[str, str | Sequence[str]]] = {
    "audit": {
        "audit": "0 differ, 0 repaired",
        "audit --rate 200 --json": '"found": {}',
        "audit --repair": "0 differ, 0 repaired",
    },
    "break-and-mend": {
        "break poison": "The queue of loyalty received a message that is no event.",
        "dlq show loyalty --reason undecodable": "no event of order ",
        "logs loyalty-consumer --since 15m --problems": "message goes to the dead-letter queue",
        "dlq drop loyalty --reason undecodable --yes": "dropped (undecodable ",
        "break gateway": "The payment gateway does not answer any more.",
        "orders show $ID": "$ID: PENDING, 1 x mug-blue, 12.99 EUR, waiting for payment",
        "dlq show payment --order $ID": "OrderPlaced of order $ID: gave-up",
        "logs payment-consumer --since 15m --problems": "AccessDeniedException",
        "mend gateway": "The payment gateway answers again.",
        "dlq redrive payment --order $ID": "1 message sent back (gave-up 1)",
        "break relay": "orders-relay is switched off",
        "watch": "orders-relay: It delivers nothing until it is enabled.",
        "resume orders-relay": "orders-relay receives events.",
        "timeline $ID": "OrderConfirmed",
    },
    "export-and-erase": {
        "orders place --sku mug-blue:1 --user leaver@example.com": ": PENDING, ",
        "customer export $CUSTOMER --to $FILE": ": done, ",
        "customer erase $CUSTOMER": "under way: order ",
        "orders cancel $ORDER": "$ORDER: CANCELLED (operator)",
        "privacy run --all && .venv/bin/tidings customer job $SECOND $JOB": ": done, ",
        "dlq forget --older-than 30d --yes": " forgotten",
        "relay --service privacy --since 36d": "published (PersonalDataErased ",
    },
    "replay-and-redrive": {
        "replay loyalty --from 30d --type OrderConfirmed --dry-run": "would be sent (OrderConfirmed ",
        "replay notification --order $ID --from 30d": "notification: 3 messages sent",
        "replay analytics --rebuild": "analytics: ",
        "dlq show payment --order $ID": "OrderPlaced of order $ID: gave-up",
        "dlq redrive payment --reason gave-up --rate 50 --dry-run": "would be sent back (gave-up ",
        "dlq redrive payment --reason gave-up --rate 50": "sent back (gave-up ",
        "dlq drop payment --reason undecodable": "dropped (undecodable ",
        "dlq show orders --relay": "MaxRecordAgeExceeded",
        "relay --order $ID": "published (",
        "relay --since 2h --service orders": "published (",
        "dlq drop orders --relay": "1 message dropped (MaxRecordAgeExceeded 1)",
    },
    "refunds-approvals-and-disputes": {
        "orders show $ID": "$ID: PENDING, 2 x mug-blue, 25.98 EUR, waiting for approval",
        "orders approve $ID": "$ID: approved at the bank",
        "timeline $ID": "PaymentCaptured",
        "payments refund $ID 12.99EUR --reason damaged": ", 12.99 EUR, pending",
        "payments show $ID": "succeeded",
        "payments show $FAILED": ("captured", "failed", "succeeded, attempt 2"),
        "orders cancel $FAILED": "$FAILED: CANCELLED (operator)",
        "payments retry $FAILED cancellation": "$FAILED: refund cancellation, 12.99 EUR, pending",
        "payments show $RETURNED": "captured",
        "orders cancel $RETURNED": "$RETURNED: CANCELLED (operator)",
        "timeline $RETURNED": "RefundFailed",
        "payments settle $RETURNED cancellation": "$RETURNED: refund cancellation, 12.99 EUR, settled",
        "orders show $DISPUTED": "$DISPUTED: CONFIRMED, 1 x mug-blue, 12.99 EUR, dispute open",
        "payments show $DISPUTED": ": open",
        "payments check": " still wait, 0 failed",
        "payments check --all": " still wait, 0 failed",
        "payments check --disputes": "Payments with a dispute that are checked now: ",
    },
}
COMMAND = ".venv/bin/tidings "
NOT_YET = ("its first event is not recorded yet", "payment has not received it yet")


@pytest.fixture
def settings(shop: DeployedShop, operator: User, customer: User) -> Iterator[dict[str, str]]:
    """The reader's environment: the catalogue of `make run`, an order, and a dead letter of each kind of it."""
    operator.http.put("/operators/products/mug-blue", json=MUG).raise_for_status()
    operator.http.put("/operators/stock/mug-blue", json={"on_hand": 100}).raise_for_status()
    order = order_id(customer.place({"mug-blue": 1}))
    customer.timeline(order, "OrderConfirmed", "EmailSent")
    (placed,) = [event for event in customer.timeline(order) if event["type"] == "OrderPlaced"]
    sqs, payment, orders = shop.client("sqs"), shop.outputs.services["payment"], shop.outputs.services["orders"]
    reasons = {"gave-up": recorded_event(shop, order, placed["id"]), "undecodable": f"poison {uuid.uuid4()}"}
    for reason, body in reasons.items():
        sqs.send_message(
            QueueUrl=payment.dlq,
            MessageBody=body,
            MessageAttributes={"reason": {"DataType": "String", "StringValue": reason}},
            MessageGroupId=order,
            MessageDeduplicationId=uuid.uuid4().hex,
        )
    report = {"requestContext": {"condition": "MaxRecordAgeExceeded"}, "DDBStreamBatchInfo": {"batchSize": 2}}
    sqs.send_message(QueueUrl=orders.relay_dlq, MessageBody=json.dumps(report))
    yield clean_environment() | {"TIDINGS_LOCAL": str(shop.cloud.directory), "ID": order}
    EventSourceMapping(shop.client("lambda"), "tidings-local-orders-relay").start()
    run([sys.executable, "-m", "ops", "--local", str(shop.cloud.directory), "mend", "gateway"], clean_environment())
    for queue in (payment.dlq, orders.relay_dlq, shop.outputs.services["loyalty"].dlq):
        sqs.purge_queue(QueueUrl=queue)


MUG = {"name": "Blue mug", "price": {"amount": 1299, "currency": "EUR"}}


def recorded_event(shop: DeployedShop, order: str, event: str) -> str:
    """Return an event as history recorded it."""
    key = {"pk": {"S": order}, "id": {"S": event}}
    table = shop.outputs.table("history")
    return str(shop.client("dynamodb").get_item(TableName=table, Key=key)["Item"]["event"]["S"])


def lines_of(guide: str) -> list[str]:
    """Return a guide's commands in sequence."""
    return [line for text in commands(GUIDES / f"{guide}.md") for line in text.splitlines()]


def execute(line: str, settings: Mapping[str, str], expected: str, exported: Path) -> dict[str, str]:
    """Execute a command, again and again until it prints what is expected. Return the environment after it."""

    def succeeds() -> bool:
        done = run(["/bin/sh", "-eu", "-c", f"{line}\nenv -0 > {exported}"], settings, ROOT, answers="y\n")
        # History may not have recorded an order yet whose relay has just been resumed, nor payment a new one.
        if any(text in done.stderr for text in NOT_YET):
            return False
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return Template(expected).substitute(settings) in done.stdout + done.stderr

    wait_until(succeeds, SECONDS, f"what {line} prints")
    return dict(each.split("=", 1) for each in exported.read_text().split("\0") if each)


def without_comment(line: str) -> str:
    """Return a command of `tidings` without its beginning and its comment."""
    return line.partition("  #")[0].removeprefix(COMMAND).rstrip()


@pytest.mark.parametrize("guide", ON_THE_SHOP)
def test_the_commands_of_a_guide_do_what_it_says(guide: str, settings: dict[str, str], tmp_path: Path) -> None:
    lines = lines_of(guide)
    for n, line in enumerate(lines):
        expected = EXPECTED[guide].get(without_comment(line), "")
        if not isinstance(expected, str):
            expected = expected[sum(without_comment(line) == without_comment(before) for before in lines[:n])]
        settings = execute(line, settings, expected, tmp_path / "environment")


@pytest.mark.parametrize("guide", ON_THE_SHOP)
def test_every_expectation_belongs_to_a_command_of_the_guide(guide: str) -> None:
    assert EXPECTED[guide].keys() <= {without_comment(line) for line in lines_of(guide)}
