"""The Lambda function behind loyalty's routes."""

import os

from functions.loyalty.api import Api
from functions.loyalty.balances import Balances
from tidings.aws import clients
from tidings.http.pagination import Pages
from tidings.http.server import serve

_client, _table = clients.dynamodb(), os.environ["TABLE"]

handler = serve(Api(Balances(_client, _table), Pages(_client, _table, os.environ["INDEX"])))
