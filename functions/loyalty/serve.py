"""The Lambda function behind loyalty's routes."""

import os

from functions.loyalty.api import Api
from tidings import aws, http
from tidings.pages import Pages

handler = http.serve(Api(aws.table(), Pages(aws.dynamodb(), os.environ["TABLE"], os.environ["INDEX"])))
