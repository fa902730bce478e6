"""`make fuzz`: deploys the shop on its own local cloud and sends generated requests to its API."""

import argparse
import sys
import time

from tests.fuzz.fuzz import run_fuzz
from tests.system.deployed import DeployedShop
from tests.system.program import run_program, say


def main() -> int:
    """Fuzz the API. Return 1 if something is found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000, help="half as an operator and half as a customer")
    return run_program("fuzz", parser, _fuzz)


def _fuzz(shop: DeployedShop, options: argparse.Namespace) -> bool:
    began = time.monotonic()
    report = run_fuzz(shop, options.requests, options.seed)
    say(f"{report}\n{time.monotonic() - began:.0f} s")
    return report.passed


if __name__ == "__main__":
    sys.exit(main())
