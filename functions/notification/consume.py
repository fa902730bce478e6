"""The Lambda function on notification's queue, which receives the topic's events and SES's reports."""

import os

import boto3
from botocore.config import Config

from functions.notification.bounces import with_bounces
from functions.notification.limit import LimitedMailer
from functions.notification.mail import SesMailer
from functions.notification.service import service
from tidings.aws import clients
from tidings.aws.lambdas import consumer, table
from tidings.handling.pace import Pace
from tidings.messaging.assembly import parser_of

ONCE = clients.CONFIG.merge(Config(read_timeout=10, retries={"total_max_attempts": 1}))
"""SES knows no idempotency key: if the client repeated a request whose answer was lost, two e-mails would be sent."""

_pace = Pace(float(os.environ["MAIL_RATE"]))
_mailer = SesMailer(
    boto3.client("ses", config=ONCE), os.environ["SENDER"], os.environ["CONFIGURATION_SET"], pace=_pace.wait
)
_limited = LimitedMailer(_mailer, table(service), int(os.environ["MAILS_PER_HOUR"]))

handler = consumer(service, port=_limited, pace=_pace, parse=with_bounces(parser_of(service)))
