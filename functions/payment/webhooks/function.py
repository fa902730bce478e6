"""The Lambda function that receives Stripe's webhooks."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3

from functions.payment.report_queue import SqsReportQueue
from functions.payment.webhooks.endpoint import SECRETS_AGE, Endpoint
from tidings.aws import clients, lambdas
from tidings.aws.secrets import Secret
from tidings.http.server import Answer
from tidings.observability.log import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_secrets = Secret(
    boto3.client("secretsmanager", config=clients.CONFIG), os.environ["WEBHOOK_SECRETS_ARN"], max_age=SECRETS_AGE
)
_queue = SqsReportQueue(clients.sqs, os.environ["QUEUE"])
_endpoint = Endpoint(_secrets, _queue, os.environ["STAGE"], lambdas.metrics().emit)


@lambdas.without_texts
def handler(event: Mapping[str, Any], _context: "LambdaContext") -> Answer:
    """Answer a request."""
    logger.append_keys(correlation_id=event["requestContext"]["requestId"])
    return _endpoint.answer(event)
