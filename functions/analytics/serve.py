"""The Lambda function behind analytics' routes."""

import os
from concurrent.futures import ThreadPoolExecutor

from functions.analytics.api import Api
from functions.analytics.report import Counters
from tidings.aws import clients
from tidings.aws.dynamodb import is_rebuilding
from tidings.aws.throttling import is_throttled
from tidings.http.server import serve

_table = os.environ["TABLE"]

handler = serve(
    Api(
        Counters(clients.dynamodb(), _table, ThreadPoolExecutor(clients.WORKERS)),
        lambda: is_rebuilding(clients.dynamodb(), _table),
        os.environ["TIME_ZONE"],
    ),
    is_throttled,
)
