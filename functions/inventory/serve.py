"""The Lambda function behind inventory's routes."""

from functions.inventory.adjustments import adjustments
from functions.inventory.api import Api
from functions.inventory.service import service
from functions.inventory.stock import Stock
from tidings.aws import lambdas
from tidings.aws.throttling import is_throttled
from tidings.http.server import serve

_stock = Stock(lambdas.table(service))

handler = serve(Api(lambdas.executor(adjustments, _stock), _stock), is_throttled)
