"""The Lambda function on payment's queue, which receives the topic's events and the gateway's reports."""

import os

from functions.payment.gateways import chosen_ports
from functions.payment.reports import with_reports
from functions.payment.service import service
from tidings.aws.lambdas import consumer
from tidings.handling.pace import Pace
from tidings.messaging.assembly import parser_of

_pace = Pace(float(os.environ["GATEWAY_RATE"]))

handler = consumer(service, port=chosen_ports(_pace), pace=_pace, parse=with_reports(parser_of(service)))
