"""The Lambda function behind the desk's routes."""

from examples.helpdesk.services.desk.api import Api
from examples.helpdesk.services.desk.service import service
from tidings.aws import lambdas
from tidings.http.server import serve

handler = serve(Api(lambdas.executor(service)))
