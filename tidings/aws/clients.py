"""The boto3 clients of a Lambda function and their configuration."""

import gc
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

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
