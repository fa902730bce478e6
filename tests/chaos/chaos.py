"""One chaos test: a steady load on a shop, to which the faults of a plan happen, judged by every invariant."""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from subprocess import SubprocessError

from botocore.exceptions import BotoCoreError, ClientError

from ops.mappings.commands import mapped_functions as deployed_functions
from tests.chaos.faults import CommandFailedError, World, cause
from tests.chaos.plan import ChaosPlan, Step, mapped_functions
from tests.chaos.report import ChaosReport, Happened
from tests.soak import plan as soak
from tests.soak.soak import Trial
from tests.system.deployed import DeployedShop, User
from tidings.recovery import RecoveryError

RATE = 0.4
"""Orders a second. Two cores then have time to catch up after a fault."""

MAX_PENDING = 40
"""Number of pending orders at which no further one is placed. Else a slow machine would let orders expire."""

LOOK_SECONDS = 2
"""Seconds between two counts of the pending orders."""

CLIENTS = 8

FAILURES = (
    AssertionError,
    BotoCoreError,
    ClientError,
    CommandFailedError,
    RecoveryError,
    SubprocessError,
    TimeoutError,
)
"""The errors of a step that fails. No other step follows, and the invariants say what the failure did."""

LONGEST = 4
"""Maximum duration of the load, as a multiple of the planned duration."""


def run_chaos(
    shop: DeployedShop, operator: User, plan: ChaosPlan, folder: Path, say: Callable[[str], None]
) -> ChaosReport:
    """Place orders at a steady rate, let the faults of a plan happen meanwhile, and judge the shop in the end.

    Args:
        shop: The shop.
        operator: An operator.
        plan: The plan.
        folder: The folder for a copy of the project.
        say: Receives a text about each fault.
    """
    unknown = {*mapped_functions()} ^ {*deployed_functions(shop.outputs)}
    assert not unknown, f"the plan or the shop lacks {unknown}"
    orders = soak.make_plan(plan.seed, round(plan.seconds * LONGEST * RATE), CLIENTS)
    trial = Trial.prepare(shop, operator, orders, 1 / RATE)
    world = World(trial, folder, random.Random(plan.seed))  # noqa: S311 - not for secrecy
    happened = []
    with ThreadPoolExecutor(2) as threads:
        load = threads.submit(trial.load.run)
        limit = threads.submit(_limit_pending, trial)
        try:
            for step in plan.steps:
                _wait_until(load, trial.begun + step.at)
                happened.append(carry_out(world, step))
                say(str(happened[-1]))
                if happened[-1].failure:
                    break
            else:
                _wait_until(load, trial.begun + plan.seconds)
            trial.load.finish()
            load.result()
            limit.result()
        except BaseException:
            trial.load.stop()
            raise
    return ChaosReport(plan, happened, trial.judge(world.killed, plan.restored))


def _limit_pending(trial: Trial) -> None:
    """Let customers place orders only while few are pending, until the load is finished."""
    records = trial.load.records
    while not records.finished.wait(LOOK_SECONDS):
        if len(trial.reader.pending(records.orders())) < MAX_PENDING:
            records.admitted.set()
        else:
            records.admitted.clear()


def carry_out(world: World, step: Step) -> Happened:
    """Cause a fault, and wait until the shop has caught up."""
    begun = time.monotonic()
    at, mended, converged, outcome, failure = begun - world.trial.begun, begun, None, "", ""
    try:
        outcome = cause(world, step)
        mended = time.monotonic()
        world.catch_up()
        converged = time.monotonic() - mended
    except FAILURES as error:
        mended = mended if outcome else time.monotonic()
        failure = f"{type(error).__name__}: {error}"
    return Happened(step, at, mended - begun, converged, outcome, failure)


def _wait_until(load: "Future[None]", moment: float) -> None:
    """Wait until a moment by the monotonic clock. Raise the load's error if it fails meanwhile."""
    done, _ = wait([load], timeout=max(0, moment - time.monotonic()))
    for each in done:
        each.result()
