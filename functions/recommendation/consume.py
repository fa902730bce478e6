"""The Lambda function on recommendation's queue."""

from functions.recommendation.reactions import counting
from functions.recommendation.service import service
from tidings import aws

handler = aws.fold(service, counting)
