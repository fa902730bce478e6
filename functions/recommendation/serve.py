"""The Lambda function behind recommendation's routes."""

import os

from functions.recommendation.api import Api
from functions.recommendation.partners import Partners
from tidings import aws, http
from tidings.rebuilding import is_rebuilding

_table = os.environ["TABLE"]

handler = http.serve(
    Api(
        Partners(aws.dynamodb(), _table, os.environ["INDEX"]),
        lambda: is_rebuilding(aws.dynamodb(), _table),
    )
)
