"""The Lambda function behind the desk's routes."""

from examples.helpdesk.services.desk.api import Api
from examples.helpdesk.services.desk.service import service
from tidings.aws import lambdas
from tidings.aws.throttling import is_throttled
from tidings.http.server import serve

handler = serve(Api(lambdas.executor(service)), is_throttled)
