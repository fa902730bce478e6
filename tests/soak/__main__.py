"""`make soak`: deploys the shop on a local cloud of its own, and soaks it twice, the second time with kills."""

import argparse
import os
import random
import signal
import sys

from ops.local import LocalCloud
from ops.stage import ROOT
from tests.soak.plan import planned
from tests.soak.soak import soak
from tests.system.deployed import deployed

FILES = ROOT / ".local" / "soak"
"""Where its cloud keeps its files, of which the log stays."""


def main() -> int:
    """Both rounds; 1 where an invariant is violated."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--clients", type=int, default=16, help="an even number")
    parser.add_argument("--kills", type=int, help="functions killed in the second round; one for 25 orders")
    parser.add_argument(
        "--seed", type=int, default=int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    )
    options = parser.parse_args()
    # What ends a program politely must end its cloud too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    say(f"SEED={options.seed} ORDERS={options.orders} CLIENTS={options.clients}; deploying on a cloud of its own …")
    violated = False
    FILES.mkdir(parents=True, exist_ok=True)
    cloud = LocalCloud(FILES)
    if cloud.running():
        sys.exit(f"Another soak is under way; its cloud's log is in {cloud.log}.")
    with deployed(cloud) as shop:
        operator = shop.user("operator", operator=True)
        kills = max(1, options.orders // 25) if options.kills is None else options.kills
        for title, few in (("undisturbed", 0), (f"with {kills} functions killed", kills)):
            say(f"\n{title}:")
            report = soak(shop, operator, planned(options.seed, options.orders, options.clients), kills=few)
            say(str(report))
            violated |= bool(report.violated)
        say(f"\nWhat the cloud said of it is in {cloud.log}")
    return int(violated)


def say(text: str) -> None:
    """Prints at once."""
    print(text, flush=True)  # noqa: T201 - a program's output


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("\nBroken off; the cloud is gone.")
        sys.exit(130)
