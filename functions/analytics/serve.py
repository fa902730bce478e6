"""The Lambda function behind analytics' routes."""

import os
from concurrent.futures import ThreadPoolExecutor

from functions.analytics.api import Api
from functions.analytics.report import Counters
from tidings import aws, http
from tidings.rebuilding import is_rebuilding

_table = os.environ["TABLE"]

handler = http.serve(
    Api(
        Counters(aws.dynamodb(), _table, ThreadPoolExecutor(aws.WORKERS)),
        lambda: is_rebuilding(aws.dynamodb(), _table),
    )
)
