"""The Lambda function behind operations' routes."""

import os
from concurrent.futures import ThreadPoolExecutor

import msgspec

from functions.operations.api import Api
from functions.operations.dead_letters import StageDeadLetters
from functions.operations.deployment import DeployedService, Deployment
from functions.operations.monitor import AwsMonitor
from functions.operations.queues import SqsQueues
from functions.operations.service import service
from tidings.aws import clients, lambdas
from tidings.aws.throttling import is_throttled
from tidings.http.pagination import Pages
from tidings.http.server import serve

_deployment = Deployment(
    os.environ["PREFIX"], msgspec.json.decode(os.environ["SERVICES"], type=tuple[DeployedService, ...])
)
_threads = ThreadPoolExecutor(clients.WORKERS)
# A redrive sends its batches by other threads than those that read queues, which could all wait for it.
_queues = SqsQueues(clients.sqs, ThreadPoolExecutor(clients.WORKERS), int(os.environ["LONG_POLL_SECONDS"]))

handler = serve(
    Api(
        _deployment,
        _queues,
        AwsMonitor(clients.cloudwatch, clients.lambda_, _deployment.prefix),
        StageDeadLetters(_deployment, _queues, _threads, float(os.environ["WORK_SECONDS"])),
        lambdas.executor(service),
        Pages(clients.dynamodb(), os.environ["TABLE"], os.environ["INDEX"]),
        _threads,
    ),
    is_throttled,
)
