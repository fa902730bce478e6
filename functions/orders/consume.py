"""The Lambda function on orders' queue."""

from functions.orders.service import service
from tidings import aws

handler = aws.consume(service)
