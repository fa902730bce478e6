"""The faults: what causes each, and what mends it."""

import json
import uuid
from enum import StrEnum

from ops.errors import CommandError
from ops.outputs import Outputs
from ops.stage import DeployedStage
from tidings.aws.recovery import EventSourceMapping

GUIDE = "docs/guides/break-and-mend.md"

POISONED = "loyalty"
"""The service that receives the message that is no event."""

SILENCED = "orders-relay"
"""The relay that is switched off."""

POLICY = "gateway-down"
"""The name of the policy that takes the gateway away from payment's consumer."""


class Fault(StrEnum):
    """A fault of the local cloud."""

    POISON = "poison"
    GATEWAY = "gateway"
    RELAY = "relay"


def cause(fault: Fault, stage: DeployedStage, outputs: Outputs) -> str:
    """Cause a fault.

    Returns:
        A sentence that says what is wrong now.
    """
    match fault:
        case Fault.POISON:
            _send_poison(stage, outputs.queue(POISONED))
            return f"The queue of {POISONED} received a message that is no event."
        case Fault.GATEWAY:
            _take_gateway_away(stage, outputs)
            return "The payment gateway does not answer any more."
        case Fault.RELAY:
            EventSourceMapping(stage.client("lambda"), f"{stage.prefix}{SILENCED}").stop()
            return f"{SILENCED} is switched off: no event of orders is published any more."


def mend_gateway(stage: DeployedStage, outputs: Outputs) -> None:
    """Let the simulated payment gateway answer again."""
    role, _ = _payment_role_and_gateway(stage, outputs)
    iam = stage.client("iam")
    try:
        iam.delete_role_policy(RoleName=role, PolicyName=POLICY)
    except iam.exceptions.NoSuchEntityException as error:
        raise CommandError("the payment gateway is not down") from error


def _send_poison(stage: DeployedStage, queue: str) -> None:
    identity = uuid.uuid4().hex
    fifo = {"MessageGroupId": identity, "MessageDeduplicationId": identity} if queue.endswith(".fifo") else {}
    stage.client("sqs").send_message(QueueUrl=queue, MessageBody="This is no event.", **fifo)


def _take_gateway_away(stage: DeployedStage, outputs: Outputs) -> None:
    """Deny payment's consumer the table that is the simulated gateway, as a provider that refuses every call."""
    role, gateway = _payment_role_and_gateway(stage, outputs)
    table = stage.client("dynamodb").describe_table(TableName=gateway)["Table"]["TableArn"]
    denied = {"Effect": "Deny", "Action": "dynamodb:*", "Resource": table}
    document = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    stage.client("iam").put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=document)


def _payment_role_and_gateway(stage: DeployedStage, outputs: Outputs) -> tuple[str, str]:
    """Return the names of the role of payment's consumer, and of the simulated gateway's table."""
    function = stage.client("lambda").get_function_configuration(FunctionName=outputs.service("payment").function)
    return function["Role"].rpartition("/")[2], function["Environment"]["Variables"]["GATEWAY_TABLE"]
