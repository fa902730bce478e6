"""`make soak`: deploys the shop on its own local cloud and runs two soak tests, the second one with kills."""

import argparse
import os
import random
import signal
import sys

from ops.local import LocalCloud
from ops.stage import ROOT
from tests.soak.plan import make_plan
from tests.soak.soak import run_soak
from tests.system.deployed import deploy_shop

FILES = ROOT / ".local" / "soak"
"""The folder of the cloud's files. Its log remains."""


def main() -> int:
    """Run both tests. Return 1 if an invariant is violated."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--clients", type=int, default=16, help="an even number")
    parser.add_argument("--kills", type=int, help="functions killed in the second test; by default one for 25 orders")
    parser.add_argument(
        "--seed", type=int, default=int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    )
    options = parser.parse_args()
    # A polite signal must end the cloud too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    say(f"SEED={options.seed} ORDERS={options.orders} CLIENTS={options.clients}; deploying on a local cloud …")
    violated = False
    FILES.mkdir(parents=True, exist_ok=True)
    cloud = LocalCloud(FILES)
    if cloud.running():
        sys.exit(f"Another soak test is running; its cloud's log is {cloud.log}.")
    with deploy_shop(cloud) as shop:
        operator = shop.user("operator", operator=True)
        kills = max(1, options.orders // 25) if options.kills is None else options.kills
        for title, count in (("undisturbed", 0), (f"with {kills} functions killed", kills)):
            say(f"\n{title}:")
            report = run_soak(shop, operator, make_plan(options.seed, options.orders, options.clients), kills=count)
            say(str(report))
            violated |= bool(report.violated)
        say(f"\nThe cloud's log is {cloud.log}")
    return int(violated)


def say(text: str) -> None:
    """Print a text at once."""
    print(text, flush=True)  # noqa: T201 - a program's output


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("\nInterrupted; the local cloud is stopped.")
        sys.exit(130)
