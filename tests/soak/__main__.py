"""`make soak`: deploys the shop on its own local cloud and runs two soak tests, the second one with kills."""

import argparse
import sys

from tests.soak.plan import make_plan
from tests.soak.soak import run_soak
from tests.system.deployed import DeployedShop
from tests.system.program import run_program, say


def main() -> int:
    """Run both tests. Return 1 if an invariant is violated."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--clients", type=int, default=16, help="an even number")
    parser.add_argument("--kills", type=int, help="functions killed in the second test; by default one for 25 orders")
    return run_program("soak", parser, _soak)


def _soak(shop: DeployedShop, options: argparse.Namespace) -> bool:
    operator = shop.user("operator", operator=True)
    kills = max(1, options.orders // 25) if options.kills is None else options.kills
    passed = True
    for title, count in (("undisturbed", 0), (f"with {kills} functions killed", kills)):
        say(f"\n{title}:")
        report = run_soak(shop, operator, make_plan(options.seed, options.orders, options.clients), kills=count)
        say(str(report))
        passed &= not report.violated
    return passed


if __name__ == "__main__":
    sys.exit(main())
