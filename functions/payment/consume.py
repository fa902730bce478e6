"""The Lambda function on payment's queue."""

import os

from functions.payment.gateway import Effect, Outcome, perform
from functions.payment.service import service
from functions.payment.simulated import SimulatedGateway
from tidings import aws

_gateway = SimulatedGateway(aws.dynamodb(), os.environ["GATEWAY_TABLE"])


def _perform(effect: Effect) -> Outcome:
    return perform(_gateway, effect)


handler = aws.consume(service, _perform)
