"""What the stack of payment has more than others': a payment gateway."""

from infra.service import ServiceStack
from infra.table import table


def extend(stack: ServiceStack) -> None:
    """The simulated gateway, which keeps its payments in a table of its own."""
    gateway = stack.stage.gateway
    if gateway != "simulated":
        raise ValueError(f"the stage {stack.stage.name} has an unknown payment gateway, {gateway!r}")
    payments = table(stack, "gateway")
    consumer = stack.functions["consumer"]
    consumer.add_environment("GATEWAY", gateway)
    consumer.add_environment("GATEWAY_TABLE", payments.table_name)
    consumer.allow("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=[payments.table_arn])
