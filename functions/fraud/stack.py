"""Fraud's own resources: the stage's rules."""

import msgspec

from functions.fraud.rules import LENIENT, STRICT
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack


def add_resources(stack: ServiceStack, settings: ShopSettings) -> None:  # noqa: ARG001 - the shape of all services
    """Configure the consumer's rules, and allow it to read the windows of recent orders together."""
    consumer = stack.functions["consumer"]
    rules = LENIENT if stack.stage.emulated else STRICT
    consumer.add_environment("RULES", msgspec.json.encode(rules).decode())
    consumer.allow("dynamodb:BatchGetItem", on=[stack.table.table_arn])
