"""What the stack of fraud has more than others': the rules that its stage goes by."""

import msgspec

from functions.fraud.rules import LENIENT, STRICT
from infra.service import ServiceStack


def extend(stack: ServiceStack) -> None:
    """Tells the consumer the rules, and lets it read the buckets beside an order's own."""
    consumer = stack.functions["consumer"]
    rules = LENIENT if stack.stage.emulated else STRICT
    consumer.add_environment("RULES", msgspec.json.encode(rules).decode())
    consumer.allow("dynamodb:BatchGetItem", on=[stack.table.table_arn])
