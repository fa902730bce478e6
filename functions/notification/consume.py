"""The Lambda function on notification's queue, where the topic's events and SES's reports arrive."""

import os

import boto3

from functions.notification.bounces import with_bounces
from functions.notification.mail import Rejected, Send, Sent, SesMailer, perform
from functions.notification.service import service
from tidings import aws
from tidings.consumer import contracted

_mailer = SesMailer(boto3.client("ses", config=aws.CONFIG), os.environ["SENDER"], os.environ["CONFIGURATION_SET"])


def _perform(effect: Send) -> Sent | Rejected:
    return perform(_mailer, effect)


handler = aws.consume(service, _perform, with_bounces(contracted(service.reactions)))
