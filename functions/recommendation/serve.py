"""The Lambda function behind recommendation's routes."""

import os

from functions.recommendation.api import Api
from functions.recommendation.bought_together import BoughtTogetherIndex
from tidings.aws import clients
from tidings.aws.dynamodb import is_rebuilding
from tidings.aws.throttling import is_throttled
from tidings.http.server import serve

_table = os.environ["TABLE"]

handler = serve(
    Api(
        BoughtTogetherIndex(clients.dynamodb(), _table, os.environ["INDEX"]),
        lambda: is_rebuilding(clients.dynamodb(), _table),
    ),
    is_throttled,
)
