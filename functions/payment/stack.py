"""Payment's own resources: those of the stage's payment gateway."""

import msgspec
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from infra import assets
from infra.constructs.nag import acknowledge
from infra.constructs.table import add_table
from infra.discovery import ROOT
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack

STRIPE_LOCK = ROOT / "requirements-stripe.txt"


def add_resources(stack: ServiceStack, settings: ShopSettings) -> None:
    """Add the resources of the gateway that the settings choose.

    Raises:
        ValueError: If the gateway is unknown.
    """
    match settings.gateway:
        case "simulated":
            _add_simulated_gateway(stack, settings)
        case "stripe":
            _add_stripe(stack)
        case gateway:
            raise ValueError(f"the stage {stack.stage.name} has an unknown payment gateway, {gateway!r}")
    consumer = stack.functions["consumer"]
    consumer.add_environment("GATEWAY", settings.gateway)
    consumer.add_environment("GATEWAY_RATE", str(stack.rate_of_each_consumer(settings.gateway_rate)))


def _add_simulated_gateway(stack: ServiceStack, settings: ShopSettings) -> None:
    """Add the table in which the simulated gateway keeps its payments, and configure the totals that it takes."""
    payments = add_table(stack, "gateway")
    consumer = stack.functions["consumer"]
    consumer.add_environment("GATEWAY_TABLE", payments.table_name)
    consumer.add_environment("GATEWAY_TOTALS", msgspec.json.encode(settings.totals).decode())
    consumer.allow("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=[payments.table_arn])


def _add_stripe(stack: ServiceStack) -> None:
    """Add a layer with Stripe's library, which is larger than everything else together, and a secret with its key."""
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
    # The secret is created empty, so that the function reports a missing key. The CDK's own construct would generate a
    # password, which Stripe would refuse as an invalid key.
    key = secretsmanager.CfnSecret(
        stack,
        "stripe-key",
        name=stack.application.resource_name("stripe-key"),
        description="The secret API key of the shop's Stripe account. An operator stores it here",
    )
    key.apply_removal_policy(stage.removal_policy)
    acknowledge(
        key,
        "SMG4",
        "Stripe's keys are created and rolled in Stripe's dashboard; no function can create one. An operator stores a "
        "new key here while Stripe still accepts the old one, and the consumer reads it within minutes.",
    )
    # The attribute `Id` is the ARN. So is the reference, but on the local cloud that is the name.
    consumer.add_environment("STRIPE_KEY_ARN", key.attr_id)
    consumer.allow("secretsmanager:GetSecretValue", on=[key.attr_id])
