"""The expiry of pending orders, run by an operator instead of the schedule."""

import msgspec
from botocore.config import Config
from msgspec import Struct

from ops.errors import CommandError
from ops.stage import DeployedStage
from tidings.aws.recovery import reporting

ONE_LONG_CALL = Config(read_timeout=120, retries={"total_max_attempts": 1})
"""The configuration of a call that may take the function's whole time, and must not be repeated."""


class ExpiryResult(Struct, frozen=True):
    """The result of one run of the expiry job; see `functions.orders.expiry.job.ExpiryReport`."""

    cancelled: int
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
    client = stage.client("lambda", ONE_LONG_CALL)
    function = f"{stage.prefix}orders-expiry"
    payload = {} if older_than is None else {"older_than": older_than}
    with reporting(f"{function} cannot be invoked"):
        try:
            answer = client.invoke(FunctionName=function, Payload=msgspec.json.encode(payload))
        except client.exceptions.ResourceNotFoundException as error:
            raise CommandError(f"the stage {stage.name} has no function {function}; deploy orders first") from error
        body = answer["Payload"].read()
    if "FunctionError" in answer:
        raise CommandError(
            f"the expiry job failed; orders that it cancelled before remain cancelled: {body.decode()[:500]}"
        )
    return msgspec.json.decode(body, type=ExpiryResult)
