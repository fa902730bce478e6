"""The Lambda function on history's queue, which receives every event."""

import os

from functions.history.log import Log
from functions.history.service import service
from tidings.aws import clients
from tidings.aws.lambdas import consumer, metrics

_log = Log(clients.dynamodb(), os.environ["TABLE"], count=lambda counts: metrics().emit(counts))

handler = consumer(service, receive=_log.record)
