"""The Lambda function on inventory's queue."""

from functions.inventory.service import service
from tidings import aws

handler = aws.consume(service)
