"""The Lambda function behind orders' routes."""

import os

from functions.orders.api import Api
from functions.orders.pricing import decode_terms
from functions.orders.products import Products
from functions.orders.service import service
from tidings.aws import clients, lambdas
from tidings.aws.throttling import is_throttled
from tidings.http.pagination import Pages
from tidings.http.server import serve

_table = os.environ["TABLE"]

handler = serve(
    Api(
        lambdas.executor(service),
        Pages(clients.dynamodb(), _table, os.environ["INDEX"]),
        Products(lambdas.table(service), float(os.environ["PRODUCT_CACHE_SECONDS"])),
        decode_terms(os.environ["PAYMENT_TERMS"]),
    ),
    is_throttled,
)
