"""The Lambda function behind orders' routes."""

import os

from functions.orders.api import Api
from functions.orders.products import Products
from functions.orders.service import service
from tidings import aws, http
from tidings.pages import Pages

_table = os.environ["TABLE"]

handler = http.serve(
    Api(
        aws.reactor(service),
        Pages(aws.dynamodb(), _table, os.environ["INDEX"]),
        Products(aws.dynamodb(), _table, float(os.environ["PRODUCT_CACHE_SECONDS"])),
    )
)
