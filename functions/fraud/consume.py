"""The Lambda function on fraud's queue."""

import os

import msgspec

from functions.fraud.investigation import Investigation
from functions.fraud.rules import Rule
from functions.fraud.service import service
from functions.fraud.windows import Windows
from tidings.aws import clients, lambdas

_rules = msgspec.json.decode(os.environ["RULES"], type=tuple[Rule, ...])
_windows = Windows(clients.dynamodb(), os.environ["TABLE"])

handler = lambdas.consumer(service, port=Investigation(_rules, _windows, lambdas.executor(service)))
