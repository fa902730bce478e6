"""The Lambda function behind privacy's routes."""

import os

from functions.privacy.api import Api
from functions.privacy.files import S3Files, s3
from functions.privacy.service import service
from tidings.aws import lambdas
from tidings.aws.throttling import is_throttled
from tidings.http.server import serve

handler = serve(Api(lambdas.executor(service), S3Files(s3(), os.environ["BUCKET"])), is_throttled)
