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
    seeds = iter([*known, *range(first, first + HISTORIES - len(known))])
    # Any fault may first show as a message that fails again and again.
    expected = {*mutation.invariants, AT_REST}
    others = set()
    with applied(mutation):
        while failed := first_failure(seeds, restored=mutation.restored):
            seed, found = failed
            if not mutation.invariants or found.violation.invariant in expected:
                print(f"found by seed {seed}: {found.violation}")  # noqa: T201 - it shows what found the fault
                return
            # A fault has many effects. In some histories, another invariant sees one of them first.
            others.add(found.violation.invariant)
    pytest.fail(f"{mutation} was not found in {HISTORIES} histories by its invariants, but by {others or 'none'}")
