"""The helpdesk of `examples/`, deployed on the local cloud beside the shop."""

import re
import sys

from tests.system.deployed import SECONDS, DeployedShop, clean_environment, run, tidings
from tidings.recovery import wait_until

TICKET = "T-[0-9a-f]{12}"
LINES = (
    rf"({TICKET}) is open: The wireless network is slow\.",
    r"\1 is assigned",
    rf"({TICKET}) is open: The printer is offline\.",
    r"\2 is declined",
    r"\1 is closed",
)


def closed_tickets(shop: DeployedShop) -> int:
    """Return the number of closed tickets that the projection has counted for the demo's team."""
    rows = shop.client("dynamodb").scan(TableName="helpdesk-local-workload")["Items"]
    return sum(int(row["closed"]["N"]) for row in rows if row["sk"]["S"] == "network" and "closed" in row)


def test_two_tickets_reach_their_outcomes_and_the_closed_one_is_counted(shop: DeployedShop) -> None:
    up = tidings(shop.cloud.directory, "up", "--app", "examples.helpdesk.app")
    assert up.returncode == 0, up.stderr
    assert up.stdout == f"{shop.stage.endpoint}\n"

    demo = run([sys.executable, "-m", "examples.helpdesk.demo", up.stdout.strip()], clean_environment())

    assert demo.returncode == 0, demo.stderr
    assert re.fullmatch("\n".join(LINES) + "\n", demo.stdout), demo.stdout
    wait_until(lambda: closed_tickets(shop) == 1, SECONDS, "the closed ticket in the workload")
