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
    parser.add_argument("--minutes", type=float, default=15, help="duration of the load")
    return run_program("chaos", parser, _chaos)


def _chaos(shop: DeployedShop, options: argparse.Namespace) -> bool:
    operator, folder = shop.user("operator", operator=True), shop.cloud.directory
    report = run_chaos(shop, operator, make_plan(options.seed, options.minutes), folder / "release", say)
    report.write(folder)
    say(f"\n{report}\n\nThe report is {folder / 'report.txt'} and {folder / 'report.json'}")
    return report.passed


if __name__ == "__main__":
    sys.exit(main())
