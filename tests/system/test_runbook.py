"""The commands of the runbook, run on a shop that has something to show."""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

import pytest

from infra.constructs.alarm import RUNBOOK
from ops.stage import ROOT
from tests.system.deployed import SECONDS, DeployedShop, User, clean_environment, order_id, run, tidings
from tidings.recovery import wait_until

# Its queues are FIFO queues, whose messages belong to an order whatever they contain. It has a relay and routes.
SERVICE = "warehouse"
PREAMBLE, *ENTRIES = (ROOT / RUNBOOK).read_text().split("\n## ")

A_RUN = "REPORT RequestId: "
BURIED = '"message":"message goes to the dead-letter queue"'
NO_ACCESS_LOG = "The local cloud writes no access log"

# The text that a command must print. The other commands search for something that a healthy shop does not have.
EXPECTED = {
    "tidings alarms": f"{RUNBOOK}#dlq-depth",
    "tidings dlq list": "tidings dlq drop $SERVICE --reason undecodable",
    "tidings dlq show $SERVICE": "of order $ID: undecodable",
    "tidings timeline $ID": "OrderDispatched",
    "tidings logs $SERVICE-consumer --containing $ID": BURIED,
    "tidings dlq redrive $SERVICE --dry-run": "would be sent back (undecodable ",
    "tidings dlq redrive $SERVICE --order $ID": "sent back (undecodable ",
    "tidings dlq redrive $SERVICE --rate 10": "sent back (undecodable ",
    "tidings dlq drop $SERVICE --reason undecodable --yes": "dropped (undecodable ",
    "tidings dlq show $SERVICE --undelivered": "of order $ID: undelivered",
    "tidings outputs": "tidings-local-$SERVICE-",
    "tidings dlq redrive $SERVICE --undelivered --dry-run": "1 message would be sent back (undelivered 1)",
    "tidings dlq redrive $SERVICE --undelivered": "1 message sent back (undelivered 1)",
    "tidings dlq show $SERVICE --relay": "MaxRecordAgeExceeded",
    "tidings relay --order $ID --dry-run": "would be published (EmailSent ",
    "tidings relay --order $ID": "events published (EmailSent ",
    "tidings relay --since $SINCE --service $SERVICE": "published (OrderDispatched ",
    "tidings dlq drop $SERVICE --relay --yes": "1 message dropped (MaxRecordAgeExceeded 1)",
    "tidings logs $SERVICE-consumer --since 15m --runs": A_RUN,
    "tidings logs $SERVICE-consumer --since 15m --problems": BURIED,
    "tidings resume $SERVICE-consumer": "$SERVICE-consumer receives events.",
    "tidings resume $SERVICE-relay": "$SERVICE-relay receives events.",
    "tidings replay $SERVICE --order $ID --from $SINCE --dry-run": "OrderConfirmed 1",
    "tidings replay $SERVICE --order $ID --from $SINCE": "OrderConfirmed 1",
    "tidings logs $SERVICE-relay --since 15m --runs": A_RUN,
    "tidings logs $FUNCTION --since 1h --problems": BURIED,
    "tidings logs $FUNCTION --since 1h --runs": A_RUN,
    "tidings dlq redrive $SERVICE --rate 1": "sent back (undecodable ",
    "tidings logs api --since 1h --status 5": NO_ACCESS_LOG,
    "tidings orders show $ID": "DISPATCHED",
    "tidings logs api --since 15m": NO_ACCESS_LOG,
    "tidings logs $SERVICE-api --since 15m --runs": A_RUN,
    "tidings logs api --since 15m --status 4": NO_ACCESS_LOG,
    "tidings token --operator": "eyJ",
    "tidings logs orders-expiry --since 1h --containing expired": '"message":"an order expired"',
    "tidings logs orders-expiry --since 15m --containing OrdersExpired": '"OrdersExpired":1',
    "tidings logs orders-expiry --since 1h --containing OrdersExpired": '"OrdersExpired":1',
    "tidings logs orders-expiry --since 15m --runs": A_RUN,
    "tidings orders expire": " cancelled, 0 failed",
    "tidings logs payment-relay --since 1h --containing RefundFailed": "payment/$ID/",
    "tidings payments show $ID": "$REFUND",
    "tidings payments settle $ID $REFUND": "$ID: refund $REFUND, 0.01 EUR, settled",
    "tidings payments retry $ID $REFUND": "$ID: refund $REFUND, 0.01 EUR, pending",
    "tidings payments check": " still wait, 0 failed",
    "tidings payments check --all": " still wait, 0 failed",
    "tidings logs payment-checks --since 15m --containing OldestCheck": '"OldestCheck":',
    "tidings logs payment-checks --since 1h --containing OldestCheck": '"OldestCheck":',
    "tidings logs payment-checks --since 15m --runs": A_RUN,
    "tidings orders expire --older-than 2h --yes": " cancelled, 0 failed",
    "tidings audit --since $SINCE": " differ, 0 repaired",
    "tidings dlq drop history --reason conflicting-body --yes": "history: 0 messages dropped",
    "tidings orders expire --resume": " cancelled, 0 failed",
    "tidings logs orders-expiry --since 2h --containing expired": '"message":"an order expired"',
    "tidings logs orders-expiry --since 15m --containing OldestPending": '"OldestPending":',
    "tidings logs monitoring-watch --since 1h --containing ProblemsFound": '"ProblemsFound":',
    "tidings logs monitoring-watch --since 1h --runs": A_RUN,
    "tidings relay --since $SINCE --service $SERVICE --dry-run": "would be published (OrderDispatched ",
}


def blocks(text: str) -> str:
    """Return the text of the runbook's blocks of commands."""
    return "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def commands(text: str) -> list[str]:
    """Return the commands of the runbook's blocks, each once, in sequence."""
    return list(dict.fromkeys(blocks(text).splitlines()))


def shell(script: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script as a reader would, in the project's folder. A variable that is not set ends it."""
    return run(["/bin/sh", "-eu", "-c", script], settings)


@pytest.fixture(scope="module")
def preamble() -> dict[str, str]:
    """The environment that the runbook sets first."""
    own = clean_environment()
    own["PATH"] = f"{Path(sys.executable).parent}:{own['PATH']}"
    done = shell(f"{blocks(PREAMBLE)}env -0", own)
    assert done.returncode == 0, done.stderr
    found = dict(each.split("=", 1) for each in done.stdout.split("\0") if each)
    assert found.keys() >= {"TIDINGS_STAGE", "TIDINGS_USER"}
    return {name: value for name, value in found.items() if name not in {"TIDINGS_STAGE", "TIDINGS_USER"}}


@pytest.fixture(scope="module")
def settings(preamble: dict[str, str], shop: DeployedShop, operator: User, customer: User) -> Iterator[dict[str, str]]:
    """The same for this shop: an order that has ended, another that has expired, and an active alarm.

    The payment of the order is disputed, so that each attempt of its refund fails.
    """
    product = shop.add_product(operator, stock=10)
    with shop.consumer_stopped("payment"):
        customer.place({product: 1}).raise_for_status()
        wait_until(
            lambda: tidings(shop.cloud.directory, "orders", "expire", "--older-than", "1s", "--yes").stdout.startswith(
                "1 cancelled"
            ),
            SECONDS,
            "the order's expiry",
        )
    order = order_id(customer.place({product: 1}, payment_method="pm_card_disputed"))
    customer.timeline(order, "OrderConfirmed", "EmailSent", "PointsAwarded")
    wait_until(
        lambda: operator.http.post(f"/operators/shipments/{order}/dispatch", json={}).is_success,
        SECONDS,
        "the shipment",
    )
    customer.timeline(order, "OrderDispatched", "PaymentDisputed")
    request = {"amount": {"amount": 1, "currency": "EUR"}, "reason": "damaged"}
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    refund = operator.http.post(f"/operators/orders/{order}/refunds", json=request, headers=headers).raise_for_status()
    customer.timeline(order, "RefundFailed")
    tidings(shop.cloud.directory, "payments", "check")
    alarm = f"tidings-local-{SERVICE}-dlq-depth"
    cloudwatch = shop.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="this test")
    mine = {"SERVICE": SERVICE, "FUNCTION": f"{SERVICE}-consumer", "ID": order, "REFUND": refund.json()["id"]}
    assert preamble.keys() >= mine.keys()
    yield preamble | mine | {"TIDINGS_LOCAL": str(shop.cloud.directory)}
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="this test")
    service = shop.outputs.services[SERVICE]
    for queue in (service.dlq, service.undelivered, service.relay_dlq):
        shop.client("sqs").purge_queue(QueueUrl=queue)


@pytest.fixture
def failures(shop: DeployedShop, settings: dict[str, str]) -> None:
    """A failed message of each kind."""
    sqs, service = shop.client("sqs"), shop.outputs.services[SERVICE]

    def waiting(queue: str | None) -> bool:
        return "Messages" in sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)

    def poison(queue: str | None) -> None:
        text = f"poison {uuid.uuid4()}"
        sqs.send_message(
            QueueUrl=queue, MessageBody=text, MessageGroupId=settings["ID"], MessageDeduplicationId=text[7:]
        )

    if not waiting(service.undelivered):
        poison(service.undelivered)
    if not waiting(service.relay_dlq):
        report = {"requestContext": {"condition": "MaxRecordAgeExceeded"}, "DDBStreamBatchInfo": {"batchSize": 2}}
        sqs.send_message(QueueUrl=service.relay_dlq, MessageBody=json.dumps(report))
    if not waiting(service.dlq):
        poison(service.queue)
        wait_until(lambda: waiting(service.dlq), SECONDS, "the dead letter")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.splitlines()[0])
def test_every_entry_contains_commands_of_ours(entry: str) -> None:
    assert commands(entry)
    assert all(command.startswith("tidings ") for command in commands(entry))


def test_every_expectation_belongs_to_a_command_of_the_runbook() -> None:
    assert EXPECTED.keys() <= set(commands("\n".join(ENTRIES)))


@pytest.fixture
def ended_refund(operator: User, settings: dict[str, str]) -> None:
    """A refund that has failed or is settled, whatever the last command did."""

    def is_pending() -> bool:
        payment = operator.http.get(f"/operators/orders/{settings['ID']}/payment").raise_for_status().json()
        return any(refund["status"] == "pending" for refund in payment["refunds"])

    wait_until(lambda: not is_pending(), SECONDS, "the refund")


@pytest.mark.usefixtures("failures", "ended_refund")
@pytest.mark.parametrize("command", commands("\n".join(ENTRIES)))
def test_a_command_of_the_runbook_works(command: str, settings: dict[str, str]) -> None:
    done = shell(command, settings)
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    assert printed
    assert Template(EXPECTED.get(command, "")).substitute(settings) in printed
