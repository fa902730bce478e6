"""Every command of the runbook does what it is there for, on a shop that has something to show."""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

import pytest

from infra.alarms import RUNBOOK
from ops.stage import ROOT
from ops.waiting import wait_until
from tests.system.deployed import SECONDS, Deployed, User, order_id, own_environment, run, tidings
from tests.system.test_replay import stopped

# Of FIFO queues, whose messages are of an order whatever is in them; it has a relay and routes.
SERVICE = "warehouse"
PREAMBLE, *ENTRIES = (ROOT / RUNBOOK).read_text().split("\n## ")

A_RUN = "REPORT RequestId: "
BURIED = '"message":"message goes to the dead-letter queue"'
NO_ACCESS_LOG = "The local cloud writes no access log"

# What a command must tell of what there is; those that are missing here look for what a sound shop does not have.
EXPECTED = {
    "tidings alarms": f"{RUNBOOK}#dlq-depth",
    "tidings dlq list": "tidings dlq show $SERVICE; then tidings dlq redrive $SERVICE",
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
    "tidings relay --order $ID --dry-run": "would be published (OrderConfirmed 1, OrderDispatched 1, OrderPlaced 1, ",
    "tidings relay --order $ID": "published (OrderConfirmed 1, OrderDispatched 1, OrderPlaced 1, ",
    "tidings relay --since $SINCE --service $SERVICE": "published (OrderDispatched ",
    "tidings dlq drop $SERVICE --relay --yes": "1 message dropped (MaxRecordAgeExceeded 1)",
    "tidings logs $SERVICE-consumer --since 15m --runs": A_RUN,
    "tidings logs $SERVICE-consumer --since 15m --problems": BURIED,
    "tidings replay $SERVICE --order $ID --from $SINCE --dry-run": "OrderConfirmed 1",
    "tidings replay $SERVICE --order $ID --from $SINCE": "OrderConfirmed 1",
    "tidings logs $SERVICE-relay --since 15m --runs": A_RUN,
    "tidings logs $FUNCTION --since 1h --problems": BURIED,
    "tidings logs $FUNCTION --since 1h --runs": A_RUN,
    "tidings dlq redrive $SERVICE --rate 1": "sent back (undecodable ",
    "tidings logs api --since 1h --status 5": NO_ACCESS_LOG,
    "tidings order show $ID": "DISPATCHED",
    "tidings logs api --since 15m": NO_ACCESS_LOG,
    "tidings logs $SERVICE-api --since 15m --runs": A_RUN,
    "tidings logs api --since 15m --status 4": NO_ACCESS_LOG,
    "tidings token --operator": "eyJ",
    "tidings logs orders-sweep --since 1h --containing swept": '"message":"an order was swept"',
    "tidings logs orders-sweep --since 15m --containing OrdersSwept": '"OrdersSwept":1',
    "tidings logs orders-sweep --since 1h --containing OrdersSwept": '"OrdersSwept":1',
    "tidings logs orders-sweep --since 15m --runs": A_RUN,
    "tidings sweep": " cancelled, 0 failed",
    "tidings sweep --older-than 2h --yes": " cancelled, 0 failed",
}


def blocks(text: str) -> str:
    """What stands in the runbook's blocks of commands."""
    return "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def commands(text: str) -> list[str]:
    """The commands of the runbook's blocks, each once, in their order."""
    return list(dict.fromkeys(blocks(text).splitlines()))


def shell(script: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a script as a reader would, in the project's folder; a variable that is not set ends it."""
    return run(["/bin/sh", "-eu", "-c", script], settings)


@pytest.fixture(scope="module")
def preamble() -> dict[str, str]:
    """What the runbook has one set first, before anything happens here."""
    own = own_environment()
    own["PATH"] = f"{Path(sys.executable).parent}:{own['PATH']}"
    done = shell(f"{blocks(PREAMBLE)}env -0", own)
    assert done.returncode == 0, done.stderr
    found = dict(each.split("=", 1) for each in done.stdout.split("\0") if each)
    assert found.keys() >= {"TIDINGS_STAGE", "TIDINGS_USER"}
    return {name: value for name, value in found.items() if name not in {"TIDINGS_STAGE", "TIDINGS_USER"}}


@pytest.fixture(scope="module")
def settings(preamble: dict[str, str], shop: Deployed, operator: User, customer: User) -> Iterator[dict[str, str]]:
    """The same for this shop: an order that has ended, another that was swept, and an alarm that is on."""
    product = shop.product(operator, stock=10)
    with stopped(shop, "payment"):
        customer.place({product: 1}).raise_for_status()
        wait_until(
            lambda: tidings(shop.cloud.directory, "sweep", "--older-than", "1s", "--yes").stdout.startswith(
                "1 cancelled"
            ),
            SECONDS,
            "the order's being swept",
        )
    order = order_id(customer.place({product: 1}))
    customer.timeline(order, "OrderConfirmed", "ReceiptSent", "PointsAwarded")
    wait_until(lambda: operator.http.post(f"/shipments/{order}/dispatch", json={}).is_success, SECONDS, "the shipment")
    customer.timeline(order, "OrderDispatched")
    alarm = f"tidings-local-{SERVICE}-dlq-depth"
    cloudwatch = shop.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="this test")
    mine = {"SERVICE": SERVICE, "FUNCTION": f"{SERVICE}-consumer", "ID": order}
    assert preamble.keys() >= mine.keys()
    yield preamble | mine | {"TIDINGS_LOCAL": str(shop.cloud.directory)}
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="this test")
    service = shop.outputs.services[SERVICE]
    for queue in (service.dlq, service.undelivered, service.relay_dlq):
        shop.client("sqs").purge_queue(QueueUrl=queue)


@pytest.fixture
def failures(shop: Deployed, settings: dict[str, str]) -> None:
    """A message of each kind that failed, for what looks at such, sends them back or drops them."""
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
        news = {"requestContext": {"condition": "MaxRecordAgeExceeded"}, "DDBStreamBatchInfo": {"batchSize": 2}}
        sqs.send_message(QueueUrl=service.relay_dlq, MessageBody=json.dumps(news))
    if not waiting(service.dlq):
        poison(service.queue)
        wait_until(lambda: waiting(service.dlq), SECONDS, "the dead letter")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.splitlines()[0])
def test_there_are_commands_of_ours_in_every_entry(entry: str) -> None:
    assert commands(entry)
    assert all(command.startswith("tidings ") for command in commands(entry))


def test_what_is_expected_is_of_commands_that_the_runbook_has() -> None:
    assert EXPECTED.keys() <= set(commands("\n".join(ENTRIES)))


@pytest.mark.usefixtures("failures")
@pytest.mark.parametrize("command", commands("\n".join(ENTRIES)))
def test_a_command_of_the_runbook_does_its_work(command: str, settings: dict[str, str]) -> None:
    done = shell(command, settings)
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert told
    assert Template(EXPECTED.get(command, "")).substitute(settings) in told
