"""The Lambda function on fraud's queue."""

import os

import boto3
import msgspec

from functions.fraud.inspector import Inspector
from functions.fraud.rules import Rules
from functions.fraud.service import service
from tidings.aws import clients, lambdas
from tidings.aws.secrets import Secret

_secret = Secret(boto3.client("secretsmanager", config=clients.CONFIG), os.environ["PSEUDONYMS_KEY_ARN"])
_rules = msgspec.json.decode(os.environ["RULES"], type=Rules)

handler = lambdas.consumer(service, port=Inspector(_rules, _secret.value))
