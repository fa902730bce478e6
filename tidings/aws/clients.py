"""The boto3 clients of a Lambda function, their configuration, and the description of their errors."""

import gc
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tidings.core.errors import as_code, described

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

    from tidings.aws.monitoring import CloudWatchClient

# The modules loaded so far stay in memory. If the garbage collector visited them again and again while a client loads
# its model, which is thousands of objects, that would take as long as the loading itself.
gc.freeze()

WORKERS = 10
"""Threads of a function, and connections of each client."""

CONFIG = Config(
    max_pool_connections=WORKERS,
    # The type checker verifies requests, and AWS refuses invalid ones. Validation takes a tenth of a call's CPU time.
    parameter_validation=False,
    # The default user agent is built anew for every call, which takes another fifth.
    user_agent=f"tidings boto3/{boto3.__version__}",
    connect_timeout=1,
    read_timeout=5,
    retries={"mode": "standard", "max_attempts": 3},
)


@cache
def dynamodb() -> "DynamoDBClient":
    """Return the function's one DynamoDB client."""
    return boto3.client("dynamodb", config=CONFIG)


@cache
def sqs() -> "SQSClient":
    """Return the function's one SQS client."""
    return boto3.client("sqs", config=CONFIG)


@cache
def sns() -> "SNSClient":
    """Return the function's one SNS client."""
    return boto3.client("sns", config=CONFIG)


@cache
def cloudwatch() -> "CloudWatchClient":
    """Return the function's one CloudWatch client."""
    client: CloudWatchClient = boto3.client("cloudwatch", config=CONFIG)
    return client


@cache
def lambda_() -> "LambdaClient":
    """Return the function's one Lambda client."""
    return boto3.client("lambda", config=CONFIG)


@described.register
def _(error: ClientError) -> str:
    # An emulator or a proxy may leave out any member.
    response = cast("dict[str, Any]", error.response)
    metadata = response.get("ResponseMetadata", {})
    parts = [
        f"{type(error).__name__}: {as_code(response.get('Error', {}).get('Code'))} of {as_code(error.operation_name)}",
        *(as_code(reason.get("Code")) for reason in response.get("CancellationReasons", ())),
        f"HTTP {as_code(str(metadata.get('HTTPStatusCode')))}",
        f"request {as_code(metadata.get('RequestId'))}",
    ]
    return ", ".join(parts)
