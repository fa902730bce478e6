"""The Lambda function behind live's routes."""

import os

from functions.live.api import Api
from functions.live.tickets import Tickets
from tidings.aws import clients
from tidings.aws.throttling import is_throttled
from tidings.http.server import serve

handler = serve(Api(Tickets(clients.dynamodb(), os.environ["TABLE"])), is_throttled)
