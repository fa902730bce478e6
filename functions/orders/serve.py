"""The Lambda function behind orders' routes."""

import os

from functions.orders.api import Api
from functions.orders.listing import Listing
from functions.orders.products import Products
from functions.orders.service import service
from tidings import aws, http

_table = os.environ["TABLE"]

handler = http.serve(
    Api(
        aws.reactor(service),
        Listing(aws.dynamodb(), _table, os.environ["INDEX"]),
        Products(aws.dynamodb(), _table, float(os.environ["PRODUCT_CACHE_SECONDS"])),
    )
)
