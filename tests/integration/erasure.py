"""The erasure of an order's personal data, as the jobs of privacy announce it."""

from functools import partial

from functions.privacy import handlers
from functions.privacy.service import service as privacy
from tests.integration.cloud import Cloud
from tests.integration.facts import EPOCH
from tidings.aws.dynamodb import DynamoTable
from tidings.core.entity import MessageMetadata
from tidings.handling.executor import HandlerExecutor
from tidings.testing import TRACEPARENT


def erase(cloud: Cloud, order: str) -> None:
    """Have the personal data of an order erased. The event is in the outbox of privacy."""
    executor = HandlerExecutor(privacy, DynamoTable(cloud.dynamodb, cloud.table(privacy.name)))
    command = partial(handlers.erase, reason="operator")
    executor.entity(order).execute(command, MessageMetadata("test", TRACEPARENT, EPOCH))
