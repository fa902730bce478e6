"""The Lambda function behind history's routes."""

import os

from functions.history.api import Api
from functions.history.log import Log
from tidings.aws import clients
from tidings.aws.throttling import is_throttled
from tidings.http.server import serve

handler = serve(Api(Log(clients.dynamodb(), os.environ["TABLE"])), is_throttled)
