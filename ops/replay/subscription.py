"""The time from which on a subscription is effective."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def effective_since(client: "CloudFormationClient", stack: str, delay: float) -> int:
    """Return the time from which on a stack's subscription is surely effective, in milliseconds since 1970.

    Args:
        client: The client.
        stack: The stack's name.
        delay: The maximum time in seconds until a change takes effect.
    """
    changed = (
        resource["LastUpdatedTimestamp"]
        for page in client.get_paginator("list_stack_resources").paginate(StackName=stack)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::SNS::Subscription"
    )
    return max((round((at.timestamp() + delay) * 1000) for at in changed), default=0)
