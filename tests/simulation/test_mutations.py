"""Each deliberate fault is found within the histories of one test run."""

import os
import random

import pytest

from tests.simulation.mutations import AT_REST, MUTATIONS, Mutation, applied
from tests.simulation.run import first_failure
from tests.simulation.test_histories import HISTORIES


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_deliberate_fault_is_found(mutation: Mutation) -> None:
    first = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**40))
    print(f"SEED={first}")  # noqa: T201 - pytest shows it if the test fails
    known = [] if mutation.seed is None else [mutation.seed]
    with applied(mutation):
        failed = first_failure([*known, *range(first, first + HISTORIES - len(known))])
    assert failed, f"{mutation} was not found in {HISTORIES} histories"
    seed, found = failed
    print(f"found by seed {seed}: {found.violation}")  # noqa: T201 - it shows what found the fault
    # Any fault may first show as a message that fails again and again.
    expected = {*mutation.invariants, AT_REST} if mutation.invariants else {found.violation.invariant}
    assert found.violation.invariant in expected, found.violation
