"""The soak test in its short form. `make soak` runs the long one."""

import random

from tests.soak.plan import make_plan
from tests.soak.soak import run_soak
from tests.system.deployed import DeployedShop, User


def test_invariants_hold_after_a_hundred_concurrent_orders_while_functions_are_killed(
    shop: DeployedShop, operator: User, rng: random.Random
) -> None:
    report = run_soak(shop, operator, make_plan(rng.getrandbits(32), orders=100, clients=8), kills=4)

    assert report.violated == {}, str(report)
    assert report.killed.total() == 4
    assert any(not function.startswith("idle") for function in report.killed), str(report)
