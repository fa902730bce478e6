"""Every command of the runbook does what it is there for, on a shop that has something to show."""

import re
import shlex
import uuid
from string import Template

import pytest

from infra.alarms import RUNBOOK
from ops.stage import ROOT
from ops.waiting import wait_until
from tests.system.deployed import SECONDS, Deployed, User, order_id, tidings
from tidings.clock import now, rfc3339

SERVICE = "inventory"
TEXT = (ROOT / RUNBOOK).read_text()


def commands(text: str) -> list[str]:
    """The commands of the runbook's blocks, each once, in their order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return list(dict.fromkeys(line for block in blocks for line in block.splitlines()))


@pytest.fixture(scope="module")
def order(shop: Deployed, operator: User, customer: User) -> str:
    """An order that has ended."""
    placed = order_id(customer.place({shop.product(operator, stock=10): 1}))
    customer.timeline(placed, "OrderConfirmed", "ReceiptSent")
    return placed


@pytest.fixture
def dead_letter(shop: Deployed) -> None:
    """A message that failed, for what looks at such, sends them back or drops them."""
    if not shop.dead_letters(SERVICE):
        queue = shop.outputs.services[SERVICE].queue
        shop.client("sqs").send_message(QueueUrl=queue, MessageBody=f"poison {uuid.uuid4()}")
    wait_until(lambda: shop.dead_letters(SERVICE), SECONDS, "the dead letter")


def test_there_are_commands_of_ours_in_every_entry() -> None:
    for entry in TEXT.split("\n## ")[1:]:
        assert commands(entry), entry
        assert all(command.startswith("tidings ") for command in commands(entry))


@pytest.mark.usefixtures("dead_letter")
@pytest.mark.parametrize("command", commands(TEXT))
def test_a_command_of_the_runbook_does_its_work(command: str, shop: Deployed, order: str) -> None:
    meant = {
        "SERVICE": SERVICE,
        "FUNCTION": f"{SERVICE}-consumer",
        "ID": order,
        "SINCE": rfc3339(now() - 3_600_000),
    }
    _, *arguments = shlex.split(Template(command).substitute(meant))
    done = tidings(shop.cloud.directory, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr
