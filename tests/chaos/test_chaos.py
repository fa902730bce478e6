import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.chaos import faults
from tests.chaos.chaos import carry_out
from tests.chaos.faults import CommandFailedError, World
from tests.chaos.plan import ChaosPlan, Fault, Step
from tests.chaos.report import JUDGED, ChaosReport, Happened
from tests.invariants.catalogue import INVARIANTS
from tests.invariants.test_catalogue import good
from tests.soak.evidence import Incidents
from tests.soak.plan import make_plan
from tests.soak.soak import Report

STEP = Step(0, Fault.AGE, ("orders",))
INVARIANT = next(iter(INVARIANTS))


def world(*, catches_up: bool = True) -> World:
    """A world without a shop."""
    reader = SimpleNamespace(catching_up=lambda: lambda: catches_up)
    trial = SimpleNamespace(begun=0.0, reader=reader, redrive=lambda: False)
    return World(cast(Any, trial), Path(), Random(1))  # noqa: S311 - not for secrecy


def the_fault(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], str]) -> None:
    monkeypatch.setitem(faults.FAULTS, STEP.fault, lambda _world, _step: happens())


def report(*happened: Happened, **violated: list[str]) -> ChaosReport:
    none: Counter[str] = Counter()
    load = Report(make_plan(7, 10, 2), good(), Incidents(0, none), violated, none, none, none, 1, 2)
    return ChaosReport(ChaosPlan(7, 60, (STEP,)), happened, load)


def test_a_fault_is_reported_with_its_outcome_and_the_time_to_catch_up(monkeypatch: pytest.MonkeyPatch) -> None:
    the_fault(monkeypatch, lambda: "3 items were deleted")
    happened = carry_out(world(), STEP)
    assert (happened.outcome, happened.failure) == ("3 items were deleted", "")
    assert happened.converged is not None
    assert "a table ages and is recovered: orders" in str(happened)


def test_a_command_that_fails_is_reported_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise CommandFailedError("tidings recover orders: the log is behind")

    the_fault(monkeypatch, fail)
    happened = carry_out(world(), STEP)
    assert happened.converged is None
    assert "FAILED CommandFailedError: tidings recover orders: the log is behind" in str(happened)
    assert not report(happened).passed


def test_a_shop_that_does_not_catch_up_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    the_fault(monkeypatch, lambda: "3 items were deleted")
    monkeypatch.setattr(faults, "SECONDS", 0)
    happened = carry_out(world(catches_up=False), STEP)
    assert happened.outcome == "3 items were deleted"
    assert happened.failure == "TimeoutError: the end of what was begun: not within 0 seconds"


def test_a_report_names_each_invariant_and_each_fault_with_its_result(tmp_path: Path) -> None:
    happened = Happened(STEP, 1, 2, 3, "3 items were deleted")
    assert report(happened).passed
    found = report(happened, **{INVARIANT: ["an order was answered twice"]})
    assert not found.passed
    found.write(tmp_path)
    text, content = (tmp_path / "report.txt").read_text(), json.loads((tmp_path / "report.json").read_text())
    assert f"VIOLATED  {INVARIANT}" in text
    assert content["invariants"] == {name: [] for name in JUDGED} | {INVARIANT: ["an order was answered twice"]}
    (fault,) = content["faults"]
    assert (fault["at"], fault["lasted"], fault["converged"]) == (1, 2, 3)
    assert fault["step"] == {"at": 0, "fault": Fault.AGE, "targets": ["orders"], "kills": 0}
    assert content["seed"] == 7
