"""Operations' own settings and rights: the services of the stage, their queues, and what AWS observes of them."""

from typing import Any

import msgspec
from aws_cdk import ArnFormat

from functions.operations.dead_letters import TIMEOUT
from functions.operations.deployment import DeployedService, Deployment
from infra.constructs.nag import acknowledge
from infra.stacks.service import ServiceStack

MAX_ENVIRONMENT = 3_500
"""Maximum number of bytes of the services' descriptions. All variables of a function may have 4 KB (AWS Lambda
Developer Guide, "Lambda quotas")."""

LONG_POLL_SECONDS = 1
"""Long enough for SQS to ask all servers of a queue. The emulator has one."""

DEAD_LETTER_QUEUES = ("*-dlq", "*-dlq.fifo", "*-undelivered.fifo")
"""The ends of the names of dead-letter queues, of services that are added later too."""

OBSERVE = ("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "lambda:ListEventSourceMappings")
"""Actions that return states and numbers, and no data.

The last two support no resource (Service Authorization Reference, Amazon CloudWatch and AWS Lambda). The first returns
composite alarms only if it is allowed on every resource (Amazon CloudWatch API Reference, "DescribeAlarms").
"""


def add_resources(stack: ServiceStack, _settings: Any) -> None:
    """Tell the API which services there are, and allow it what its routes need.

    Raises:
        ValueError: If the descriptions of the services do not fit into the function's environment.
    """
    api, stage = stack.functions["api"], stack.stage
    deployment = deployment_of(stack)
    services = msgspec.json.encode(deployment.services).decode()
    if len(services.encode()) > MAX_ENVIRONMENT:
        raise ValueError(
            f"the names and summaries of {len(deployment.services)} services do not fit into the environment of "
            f"{stack.name}: shorten the first lines of their service.py"
        )
    api.add_environment("PREFIX", deployment.prefix)
    api.add_environment("SERVICES", services)
    # A third of the time to take messages, and as much to put them back. The rest is for a slow call.
    api.add_environment("WORK_SECONDS", f"{stage.timeout / TIMEOUT:.1f}")
    api.add_environment("LONG_POLL_SECONDS", "0" if stage.emulated else str(LONG_POLL_SECONDS))
    queues = [name for service in deployment.services if (name := deployment.queue(service))]
    api.allow("sqs:GetQueueUrl", "sqs:GetQueueAttributes", on=[_queue_arn(stack, f"{deployment.prefix}-*")])
    api.allow(
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        on=[_queue_arn(stack, f"{deployment.prefix}-{end}") for end in DEAD_LETTER_QUEUES],
    )
    api.allow("sqs:SendMessage", on=[_queue_arn(stack, name) for name in queues])
    api.allow(*OBSERVE, on=["*"])
    for end in ("*", *DEAD_LETTER_QUEUES):
        acknowledge(
            api.execution_role,
            f"IAM5[Resource::arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:{deployment.prefix}-{end}]",
            "The queues of all services of this stage, and of no other. A test shows that no action but those on "
            "attributes is allowed on queues that are no dead-letter queues.",
        )


def deployment_of(stack: ServiceStack) -> Deployment:
    """Return the services of the stack's stage."""
    application = stack.application
    services = (
        DeployedService(
            folder.name,
            folder.summary.removeprefix(f"{folder.name.capitalize()}: "),
            folder.service.queue if folder.service.consumes else None,
            bool(folder.service.announces),
        )
        for folder in application.services
    )
    return Deployment(application.resource_name(), tuple(services))


def _queue_arn(stack: ServiceStack, name: str) -> str:
    return stack.format_arn(service="sqs", resource=name, arn_format=ArnFormat.NO_RESOURCE_NAME)
