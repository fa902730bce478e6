"""The Lambda function on payment's queue."""

from functions.payment.gateways import chosen
from functions.payment.service import service
from tidings.aws.lambdas import consumer

handler = consumer(service, port=chosen())
