"""The Lambda function on analytics' queue."""

from functions.analytics.reactions import counting
from functions.analytics.service import service
from tidings import folding

handler = folding.consume(service, counting)
