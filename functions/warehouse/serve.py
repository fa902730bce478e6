"""The Lambda function behind the warehouse's routes."""

import os

from functions.warehouse.api import Api
from functions.warehouse.service import service
from tidings import aws, http
from tidings.pages import Pages

handler = http.serve(Api(aws.reactor(service), Pages(aws.dynamodb(), os.environ["TABLE"], os.environ["INDEX"])))
