"""The scheduled jobs, run by an operator instead of their schedules."""

from typing import Any, TypeVar

import msgspec
from botocore.config import Config
from msgspec import Struct

from ops.errors import CommandError
from ops.stage import DeployedStage
from tidings.aws.names import ALIAS
from tidings.aws.recovery import reporting
from tidings.aws.watch import WatchReport

R = TypeVar("R", bound=Struct)

PAYMENT_CHECKS = "payment-checks"
PRIVACY_JOBS = "privacy-jobs"
WATCH = "monitoring-watch"

ONE_LONG_CALL = Config(read_timeout=120, retries={"total_max_attempts": 1})
"""The configuration of a call that may take the function's whole time, and must not be repeated."""


class ExpiryResult(Struct, frozen=True):
    """The result of one run of the expiry job; see `functions.orders.expiry.job.ExpiryReport`.

    `resumed` says whether the run let a stopped job go on.
    """

    cancelled: int
    failed: int
    finished: bool
    stopped: bool
    resumed: bool


class CheckResult(Struct, frozen=True):
    """The result of one check of the payments that wait; see `functions.payment.checks.job.CheckReport`."""

    ended: int
    waiting: int
    failed: int
    finished: bool


class PrivacyJobsResult(Struct, frozen=True):
    """The result of the exports and erasures in one run; see `functions.privacy.jobs.runner.RunReport`."""

    done: int
    waiting: int
    failed: int
    finished: bool


class RetentionResult(Struct, frozen=True):
    """The result of the retention in one run; see `functions.privacy.jobs.retention.RetentionReport`."""

    erased: int
    postponed: int
    failed: int
    finished: bool


class PrivacyResult(Struct, frozen=True):
    """The result of one run of the jobs about personal data."""

    jobs: PrivacyJobsResult
    retention: RetentionResult


class DisputesResult(Struct, frozen=True):
    """The number of payments that were reported because of a dispute."""

    reported: int


def expire_orders(stage: DeployedStage, older_than: int | None, *, resume: bool = False) -> ExpiryResult:
    """Cancel the orders that have been pending for too long.

    Args:
        stage: The stage.
        older_than: The minimum age in seconds; None for the stage's limit.
        resume: Whether to let a job go on that stopped because many orders expired.

    Raises:
        CommandError: If the job is not deployed, or failed.
        RecoveryError: If AWS refuses the call.
    """
    payload: dict[str, Any] = {"resume": True} if resume else {}
    if older_than is not None:
        payload["older_than"] = older_than
    return _run(stage, "orders-expiry", payload, ExpiryResult)


def check_payments(stage: DeployedStage, *, everything: bool = False) -> CheckResult:
    """Ask the payment gateway about the payments that wait.

    Args:
        stage: The stage.
        everything: Whether to check those that are not due yet, too.

    Raises:
        CommandError: If the job is not deployed, or failed.
        RecoveryError: If AWS refuses the call.
    """
    return _run(stage, PAYMENT_CHECKS, {"all": True} if everything else {}, CheckResult)


def run_privacy(stage: DeployedStage, *, everything: bool = False, older_than: int | None = None) -> PrivacyResult:
    """Run the exports and erasures of personal data, and the retention.

    Args:
        stage: The stage.
        everything: Whether to run the exports and erasures that are not due yet, too.
        older_than: The time in seconds after an order's end at which its data is erased; None for the stage's.

    Raises:
        CommandError: If the job is not deployed, or failed.
        RecoveryError: If AWS refuses the call.
    """
    payload: dict[str, Any] = {"all": True} if everything else {}
    if older_than is not None:
        payload["older_than"] = older_than
    return _run(stage, PRIVACY_JOBS, payload, PrivacyResult)


def report_disputes(stage: DeployedStage) -> DisputesResult:
    """Have the payments checked whose disputes began in the last days.

    Raises:
        CommandError: If the job is not deployed, or failed.
        RecoveryError: If AWS refuses the call.
    """
    return _run(stage, PAYMENT_CHECKS, {"disputes": True}, DisputesResult)


def run_watch(stage: DeployedStage) -> WatchReport:
    """Look for what stops events: event source mappings, streams and iterators.

    Raises:
        CommandError: If the watch is not deployed, or failed.
        RecoveryError: If AWS refuses the call.
    """
    return _run(stage, WATCH, {}, WatchReport)


def _run(stage: DeployedStage, name: str, payload: dict[str, Any], result: type[R]) -> R:
    client = stage.client("lambda", ONE_LONG_CALL)
    function = f"{stage.prefix}{name}"
    with reporting(f"{function} cannot be invoked"):
        try:
            answer = client.invoke(FunctionName=function, Qualifier=ALIAS, Payload=msgspec.json.encode(payload))
        except client.exceptions.ResourceNotFoundException as error:
            service = name.partition("-")[0]
            raise CommandError(f"the stage {stage.name} has no function {function}; deploy {service} first") from error
        body = answer["Payload"].read()
    if "FunctionError" in answer:
        raise CommandError(f"the job {name} failed; what it did before remains done: {body.decode()[:500]}")
    return msgspec.json.decode(body, type=result)
