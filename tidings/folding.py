"""The Lambda handler of a queue whose events are folded into counters: apart, so that no other function loads it."""

import os
from typing import TypeVar

from tidings import aws
from tidings.consumer import contracted
from tidings.fold import Counting, Fold
from tidings.ledger import DynamoLedger
from tidings.service import Service

S = TypeVar("S")


def consume(service: Service[S], counting: Counting[S]) -> aws.Handler:
    """The handler of a service's queue, a batch at a time."""
    fold = Fold(service, counting, DynamoLedger(aws.dynamodb(), os.environ["TABLE"]))
    return aws.consumer(service, contracted(service.reactions), fold.open_order, fold.prepare)
