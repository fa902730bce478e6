"""`make chaos`: deploys the shop on its own local cloud, and lets faults happen to it under a steady load."""

import argparse
import sys

from tests.chaos.chaos import run_chaos
from tests.chaos.plan import make_plan
from tests.system.deployed import DeployedShop
from tests.system.program import run_program, say


def main() -> int:
    """Run the test. Return 1 if an invariant is violated or a fault cannot be mended."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=_minutes, default=15, help="duration of the load, at least 2")
    return run_program("chaos", parser, _chaos)


def _minutes(text: str) -> float:
    minutes = float(text)
    if minutes < 2:
        raise argparse.ArgumentTypeError("the quick faults take two minutes")
    return minutes


def _chaos(shop: DeployedShop, options: argparse.Namespace) -> bool:
    operator, folder = shop.user("operator", operator=True), shop.cloud.directory
    report = run_chaos(shop, operator, make_plan(options.seed, options.minutes), folder / "release", say)
    report.write(folder)
    say(f"\n{report.judgement}\n\nThe report is {folder / 'report.txt'} and {folder / 'report.json'}")
    return report.passed


if __name__ == "__main__":
    sys.exit(main())
