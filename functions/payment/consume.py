"""The Lambda function on payment's queue."""

import os

from functions.payment.gateways import chosen
from functions.payment.service import service
from tidings.aws.lambdas import consumer
from tidings.handling.pace import Pace

_pace = Pace(float(os.environ["GATEWAY_RATE"]))

handler = consumer(service, port=chosen(_pace), pace=_pace)
