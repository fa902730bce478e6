from dataclasses import replace

from tests.soak.plan import make_plan


def test_a_plan_follows_from_its_seed_and_repeats_and_cancels_one_order_in_twenty_each() -> None:
    plan, again = make_plan(7, 500, 16), make_plan(7, 500, 16)
    assert sum(scenario.repeat is not None for scenario in plan.scenarios) == 25
    assert sum(scenario.cancel_after is not None or scenario.cancel_at_dispatch for scenario in plan.scenarios) == 25
    assert [replace(scenario, key="", lines={}) for scenario in plan.scenarios] == [
        replace(scenario, key="", lines={}) for scenario in again.scenarios
    ]
