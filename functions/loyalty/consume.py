"""The Lambda function on loyalty's queue."""

from functions.loyalty.service import service
from tidings import aws

handler = aws.consume(service)
