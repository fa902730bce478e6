"""The Lambda function behind the warehouse's routes."""

import os

from functions.warehouse.api import Api
from functions.warehouse.service import service
from tidings.aws import clients, lambdas
from tidings.aws.throttling import is_throttled
from tidings.http.pagination import Pages
from tidings.http.server import serve

_pages = Pages(clients.dynamodb(), os.environ["TABLE"], os.environ["INDEX"])

handler = serve(Api(lambdas.executor(service), _pages), is_throttled)
