"""The frame of the programs that test the shop on their own local cloud: `make soak` and `make fuzz`."""

import argparse
import os
import random
import signal
import sys
from collections.abc import Callable

from ops.local import LocalCloud
from ops.stage import ROOT
from tests.system.deployed import DeployedShop, deploy_shop

Test = Callable[[DeployedShop, argparse.Namespace], bool]
"""Tests a shop with the program's options, and returns whether it passes."""


def run_program(name: str, parser: argparse.ArgumentParser, test: Test) -> int:
    """Test the shop on the program's own local cloud, and stop the cloud in the end.

    The cloud's files are in the folder `.local/<name>`. Its log remains there.

    Args:
        name: The program's name.
        parser: The program's options. All programs have `--seed`.
        test: The test.

    Returns:
        The exit status: 0 if the test passes, 1 if it does not, 130 if the program is interrupted.
    """
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    parser.add_argument("--seed", type=int, default=seed)
    options = parser.parse_args()
    # A polite signal must end the cloud too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    settings = " ".join(f"{option.upper()}={value}" for option, value in vars(options).items() if value is not None)
    say(f"{settings}; deploying on a local cloud …")
    folder = ROOT / ".local" / name
    folder.mkdir(parents=True, exist_ok=True)
    cloud = LocalCloud(folder)
    if cloud.running():
        sys.exit(f"Another make {name} is running; its cloud's log is {cloud.log}.")
    try:
        with deploy_shop(cloud) as shop:
            passed = test(shop, options)
            say(f"\nThe cloud's log is {cloud.log}")
    except KeyboardInterrupt:
        say("\nInterrupted; the local cloud is stopped.")
        return 130
    return int(not passed)


def say(text: str) -> None:
    """Print a text at once."""
    print(text, flush=True)  # noqa: T201 - a program's output
