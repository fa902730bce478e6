"""The Lambda function behind history's routes."""

import os

from functions.history.api import Api
from functions.history.log import Log
from tidings import aws, http

handler = http.serve(Api(Log(aws.dynamodb(), os.environ["TABLE"])))
