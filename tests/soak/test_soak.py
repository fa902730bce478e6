from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

from tests.invariants.test_catalogue import good
from tests.soak.evidence import Incidents
from tests.soak.load import Records
from tests.soak.plan import make_plan
from tests.soak.soak import AT_REST, Trial


def test_a_shop_that_does_not_come_to_rest_is_judged_all_the_same() -> None:
    def never() -> None:
        raise TimeoutError("the end of all events: not within 900 seconds")

    reader = SimpleNamespace(
        wait_until_idle=never, read=lambda _restored: good(), incidents=lambda: Incidents(0, Counter())
    )
    load = SimpleNamespace(plan=make_plan(7, 10, 2), records=Records(seconds=1))
    trial = Trial(cast(Any, None), cast(Any, load), cast(Any, reader), begun=0)
    report = trial.judge(Counter())
    assert report.violated == {AT_REST: ["the end of all events: not within 900 seconds"]}
    assert f"VIOLATED  {AT_REST}" in str(report)
