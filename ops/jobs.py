"""The scheduled jobs, run by an operator instead of their schedules."""

from typing import Any, TypeVar

import msgspec
from botocore.config import Config
from msgspec import Struct

from ops.errors import CommandError
from ops.stage import DeployedStage
from tidings.aws.recovery import reporting

R = TypeVar("R", bound=Struct)

ONE_LONG_CALL = Config(read_timeout=120, retries={"total_max_attempts": 1})
"""The configuration of a call that may take the function's whole time, and must not be repeated."""


class ExpiryResult(Struct, frozen=True):
    """The result of one run of the expiry job; see `functions.orders.expiry.job.ExpiryReport`."""

    cancelled: int
    failed: int
    finished: bool


class RefundResult(Struct, frozen=True):
    """The result of one look at the pending refunds; see `functions.payment.refunds.job.RefundReport`."""

    ended: int
    pending: int
    failed: int
    finished: bool


def expire_orders(stage: DeployedStage, older_than: int | None) -> ExpiryResult:
    """Cancel the orders that have been pending for too long.

    Args:
        stage: The stage.
        older_than: The minimum age in seconds; None for the stage's limit.

    Raises:
        CommandError: If the job is not deployed, or failed.
        RecoveryError: If AWS refuses the call.
    """
    return _run(stage, "orders-expiry", {} if older_than is None else {"older_than": older_than}, ExpiryResult)


def check_refunds(stage: DeployedStage) -> RefundResult:
    """Look at the pending refunds again.

    Raises:
        CommandError: If the job is not deployed, or failed.
        RecoveryError: If AWS refuses the call.
    """
    return _run(stage, "payment-refunds", {}, RefundResult)


def _run(stage: DeployedStage, name: str, payload: dict[str, Any], result: type[R]) -> R:
    client = stage.client("lambda", ONE_LONG_CALL)
    function = f"{stage.prefix}{name}"
    with reporting(f"{function} cannot be invoked"):
        try:
            answer = client.invoke(FunctionName=function, Payload=msgspec.json.encode(payload))
        except client.exceptions.ResourceNotFoundException as error:
            service = name.partition("-")[0]
            raise CommandError(f"the stage {stage.name} has no function {function}; deploy {service} first") from error
        body = answer["Payload"].read()
    if "FunctionError" in answer:
        raise CommandError(f"the job {name} failed; what it did before remains done: {body.decode()[:500]}")
    return msgspec.json.decode(body, type=result)
