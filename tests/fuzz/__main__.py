"""`make fuzz`: deploys the shop on its own local cloud and sends generated requests to its API."""

import argparse
import os
import random
import signal
import sys
import time

from ops.local import LocalCloud
from ops.stage import ROOT
from tests.fuzz.fuzz import run_fuzz
from tests.system.deployed import deploy_shop

FILES = ROOT / ".local" / "fuzz"
"""The folder of the cloud's files. Its log remains."""


def main() -> int:
    """Fuzz the API. Return 1 if something is found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="half as an operator and half as a customer")
    parser.add_argument(
        "--seed", type=int, default=int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    )
    options = parser.parse_args()
    # A polite signal must end the cloud too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    say(f"SEED={options.seed} REQUESTS={options.requests}; deploying on a local cloud …")
    FILES.mkdir(parents=True, exist_ok=True)
    cloud = LocalCloud(FILES)
    if cloud.running():
        sys.exit(f"Another fuzzing is running; its cloud's log is {cloud.log}.")
    with deploy_shop(cloud) as shop:
        began = time.monotonic()
        report = run_fuzz(shop, options.requests, options.seed)
        say(f"{report}\n{time.monotonic() - began:.0f} s\nThe cloud's log is {cloud.log}")
    return 0 if report.passed else 1


def say(text: str) -> None:
    """Print a text at once."""
    print(text, flush=True)  # noqa: T201 - a program's output


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("\nInterrupted; the local cloud is stopped.")
        sys.exit(130)
