"""The Lambda function on the warehouse's queue."""

from functions.warehouse.service import service
from tidings import aws

handler = aws.consume(service)
