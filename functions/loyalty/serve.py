"""The Lambda function behind loyalty's routes."""

import os

from functions.loyalty.api import Api
from functions.loyalty.service import service
from tidings.aws import clients, lambdas
from tidings.aws.throttling import is_throttled
from tidings.http.pagination import Pages
from tidings.http.server import serve

_pages = Pages(clients.dynamodb(), os.environ["TABLE"], os.environ["INDEX"])

handler = serve(Api(lambdas.table(service), _pages), is_throttled)
