"""The Lambda function behind inventory's routes."""

import os

from functions.inventory.api import Api
from functions.inventory.stock import Stock
from tidings.aws import clients
from tidings.aws.throttling import is_throttled
from tidings.http.server import serve

handler = serve(Api(Stock(clients.dynamodb(), os.environ["TABLE"])), is_throttled)
