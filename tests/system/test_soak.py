"""The soak's short form: `make soak` is the long one."""

import random

from tests.soak.plan import planned
from tests.soak.soak import soak
from tests.system.deployed import Deployed, User


def test_a_hundred_orders_at_once_with_functions_killed_in_their_midst_leave_every_invariant_true(
    shop: Deployed, operator: User, chance: random.Random
) -> None:
    report = soak(shop, operator, planned(chance.getrandbits(32), orders=100, clients=8), kills=4)

    assert report.violated == {}, str(report)
    assert report.killed.total() == 4
    assert any(not function.startswith("idle") for function in report.killed), str(report)
