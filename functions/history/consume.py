"""The Lambda function on history's queue: it takes every event, whatever its contract."""

import os

from functions.history.log import Log
from functions.history.service import service
from tidings import aws
from tidings.consumer import any_event

_log = Log(aws.dynamodb(), os.environ["TABLE"])

handler = aws.consumer(service, any_event, lambda _order: _log.record)
