"""The Lambda function on fraud's queue."""

import os

import msgspec

from functions.fraud.investigation import Investigation
from functions.fraud.rules import Rule
from functions.fraud.service import service
from functions.fraud.windows import Windows
from tidings import aws

_rules = msgspec.json.decode(os.environ["RULES"], type=tuple[Rule, ...])

handler = aws.consume(
    service, Investigation(_rules, Windows(aws.dynamodb(), os.environ["TABLE"]), aws.reactor(service)).perform
)
