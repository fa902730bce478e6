import pytest

from ops.recover.declarations import recoverable
from tests.chaos.plan import NEW_CONSUMER, RECOVERED, SECONDS, Fault, make_plan, mapped_functions
from tests.invariants.services import SERVICES

SEEDS = range(20)


@pytest.mark.parametrize("minutes", [2, 5, 15, 60])
def test_a_plan_follows_from_its_seed_and_its_duration(minutes: float) -> None:
    assert make_plan(7, minutes) == make_plan(7, minutes)
    assert make_plan(7, minutes) != make_plan(8, minutes)


@pytest.mark.parametrize("minutes", [2, 5, 15, 60])
def test_each_consumer_and_each_relay_is_stopped_once_however_short_the_load_is(minutes: float) -> None:
    for seed in SEEDS:
        steps = make_plan(seed, minutes).steps
        stopped = [function for step in steps if step.fault is Fault.STOP for function in step.targets]
        assert sorted(stopped) == mapped_functions()


def test_every_kind_of_fault_happens_within_a_quarter_of_an_hour() -> None:
    for seed in SEEDS:
        assert {step.fault for step in make_plan(seed, 15).steps} == {*Fault}


def test_quick_faults_happen_within_two_minutes() -> None:
    for seed in SEEDS:
        assert {step.fault for step in make_plan(seed, 2).steps} == {Fault.KILL, Fault.STOP, Fault.GATEWAY}


@pytest.mark.parametrize("minutes", [2, 5, 15, 60])
def test_the_faults_follow_one_another_and_have_time_until_the_end_of_the_load(minutes: float) -> None:
    for seed in SEEDS:
        plan = make_plan(seed, minutes)
        ends = [step.at + SECONDS[step.fault] for step in plan.steps]
        assert [step.at for step in plan.steps] == [0, *ends[:-1]]
        assert ends[-1] <= plan.seconds


def test_the_table_of_one_service_ages_which_can_be_recovered() -> None:
    for seed in SEEDS:
        plan = make_plan(seed, 60)
        assert {step.targets for step in plan.steps if step.fault is Fault.AGE} == {(plan.restored,)}
    assert {make_plan(seed, 60).restored for seed in SEEDS} == {*RECOVERED}
    assert {*RECOVERED} == {*recoverable()} - {"privacy"}


def test_the_new_consumer_has_the_name_of_no_service() -> None:
    assert NEW_CONSUMER not in {service.name for service in SERVICES}


def test_a_step_has_a_number_of_kills_only_if_it_kills_functions() -> None:
    for step in make_plan(7, 60).steps:
        assert (step.kills > 0) == (step.fault is Fault.KILL)
