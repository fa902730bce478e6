"""The Lambda function on recommendation's queue."""

from functions.recommendation.reactions import counting
from functions.recommendation.service import service
from tidings import folding

handler = folding.consume(service, counting)
