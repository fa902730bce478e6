"""The Lambda function on payment's queue."""

from functions.payment.gateway import Effect, Outcome, perform
from functions.payment.gateways import chosen
from functions.payment.service import service
from tidings import aws

_gateway = chosen()


def _perform(effect: Effect) -> Outcome:
    return perform(_gateway, effect)


handler = aws.consume(service, _perform)
