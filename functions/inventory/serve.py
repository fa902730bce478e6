"""The Lambda function behind inventory's routes."""

import os

from functions.inventory.api import Api
from functions.inventory.stock import Stock
from tidings import aws, http

handler = http.serve(Api(Stock(aws.dynamodb(), os.environ["TABLE"])))
