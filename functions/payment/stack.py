"""What the stack of payment has more than others': a payment gateway."""

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from infra import assets
from infra.nag import acknowledge
from infra.service import ServiceStack
from infra.services import ROOT
from infra.table import table

STRIPE_LOCK = ROOT / "requirements-stripe.txt"


def extend(stack: ServiceStack) -> None:
    """The gateway that the stage chose, and no other's things."""
    match stack.stage.gateway:
        case "simulated":
            _simulated(stack)
        case "stripe":
            _stripe(stack)
        case gateway:
            raise ValueError(f"the stage {stack.stage.name} has an unknown payment gateway, {gateway!r}")
    stack.functions["consumer"].add_environment("GATEWAY", stack.stage.gateway)


def _simulated(stack: ServiceStack) -> None:
    """It keeps its payments in a table of its own."""
    payments = table(stack, "gateway")
    consumer = stack.functions["consumer"]
    consumer.add_environment("GATEWAY_TABLE", payments.table_name)
    consumer.allow("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=[payments.table_arn])


def _stripe(stack: ServiceStack) -> None:
    """Stripe's library in a layer, since it is four times as large as all else together; its key in a secret."""
    stage, consumer = stack.stage, stack.functions["consumer"]
    consumer.add_layers(
        lambda_.LayerVersion(
            stack,
            "stripe-layer",
            description="Stripe's library and the packages that it needs",
            code=lambda_.Code.from_asset(str(assets.packages(stage, STRIPE_LOCK))),
            compatible_runtimes=[lambda_.Runtime(f"python{stage.python}", lambda_.RuntimeFamily.PYTHON)],
        )
    )
    # Made empty, which the CDK's own construct cannot: with a password made up in its place, Stripe would refuse a
    # key that nobody has given instead of the function saying that there is none.
    key = secretsmanager.CfnSecret(
        stack,
        "stripe-key",
        name=stage.named("stripe-key"),
        description="The secret API key of the shop's account at Stripe; an operator puts it here",
    )
    key.apply_removal_policy(stage.removal_policy)
    acknowledge(
        key,
        "SMG4",
        "Stripe's keys are made and rolled in Stripe's dashboard: no function of ours can make one. The new key is put "
        "here while Stripe still takes the old one, and the consumer reads it again within minutes.",
    )
    consumer.add_environment("STRIPE_KEY_ARN", key.ref)
    consumer.allow("secretsmanager:GetSecretValue", on=[key.ref])
