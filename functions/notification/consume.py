"""The Lambda function on notification's queue, where the topic's events and SES's reports arrive."""

import os

import boto3
from botocore.config import Config

from functions.notification.bounces import with_bounces
from functions.notification.mail import Rejected, Send, Sent, SesMailer, perform
from functions.notification.service import service
from tidings import aws
from tidings.consumer import contracted

ONCE = aws.CONFIG.merge(Config(read_timeout=10, retries={"total_max_attempts": 1}))
"""SES knows no idempotency key: were the client to ask again after an answer was lost, the customer had two e-mails."""

_mailer = SesMailer(boto3.client("ses", config=ONCE), os.environ["SENDER"], os.environ["CONFIGURATION_SET"])


def _perform(effect: Send) -> Sent | Rejected:
    return perform(_mailer, effect)


handler = aws.consume(service, _perform, with_bounces(contracted(service.reactions)))
