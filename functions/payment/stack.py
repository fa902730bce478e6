"""Payment's own resources: those of the stage's payment gateway, and the scheduled look at pending refunds."""

from collections.abc import Sequence

import msgspec
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from contracts.payment.refund_failed import RefundFailed
from functions.payment.refunds.pending import INDEX
from infra import assets
from infra.constructs.alarm import FIVE_MINUTES, MINUTE, MISSING_IS_BAD, MISSING_IS_GOOD, Alarm
from infra.constructs.function import Function
from infra.constructs.nag import acknowledge
from infra.constructs.schedule import invoke_every_minute
from infra.constructs.table import add_table
from infra.discovery import ROOT
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack

STRIPE_LOCK = ROOT / "requirements-stripe.txt"

CHECK_RATE = 1
"""The calls a second to the gateway, of the stage's rate, that the look at pending refunds may make."""


def add_resources(stack: ServiceStack, settings: ShopSettings) -> None:
    """Add the look at pending refunds, and the resources of the gateway that the settings choose.

    Raises:
        ValueError: If the gateway is unknown.
    """
    refunds = _add_refund_check(stack)
    functions = (stack.functions["consumer"], refunds)
    match settings.gateway:
        case "simulated":
            _add_simulated_gateway(stack, settings, functions)
        case "stripe":
            _add_stripe(stack, functions)
        case gateway:
            raise ValueError(f"the stage {stack.stage.name} has an unknown payment gateway, {gateway!r}")
    rate = stack.rate_of_each_consumer(settings.gateway_rate - CHECK_RATE)
    for function in functions:
        function.add_environment("GATEWAY", settings.gateway)
        function.add_environment("GATEWAY_RATE", str(CHECK_RATE if function is refunds else rate))


def _add_refund_check(stack: ServiceStack) -> Function:
    """Add the function that looks at pending refunds, its schedule and its alarms."""
    refunds = stack.add_function(
        "refunds",
        "functions.payment.refunds.function.handler",
        "Looks at pending refunds again",
        {"TABLE": stack.table.table_name, INDEX.variable: INDEX.name},
    )
    refunds.allow("dynamodb:GetItem", "dynamodb:PutItem", on=[stack.table.table_arn])
    refunds.allow("dynamodb:Query", on=[f"{stack.table.table_arn}/index/{INDEX.name}"])
    invoke_every_minute(stack, "refunds", refunds, "Looks at pending refunds again")
    Alarm(
        stack,
        "refund-failed",
        problem="The money of a cancelled order did not go back to its customer.",
        metric=stack.metric(RefundFailed.__name__, "Sum", FIVE_MINUTES),
        threshold=0,
        missing=MISSING_IS_GOOD,
        critical=True,
    )
    Alarm(
        stack,
        "refunds-missing",
        problem="No look at the pending refunds has finished for five minutes.",
        metric=stack.metric("OldestRefund", "SampleCount", MINUTE),
        threshold=1,
        missing=MISSING_IS_BAD,
        periods=(5, 5),
        below=True,
        critical=True,
    )
    return refunds


def _add_simulated_gateway(stack: ServiceStack, settings: ShopSettings, functions: Sequence[Function]) -> None:
    """Add the table in which the simulated gateway keeps its payments, and configure the totals that it takes."""
    payments = add_table(stack, "gateway")
    for function in functions:
        function.add_environment("GATEWAY_TABLE", payments.table_name)
        function.add_environment("GATEWAY_TOTALS", msgspec.json.encode(settings.totals).decode())
        function.allow("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=[payments.table_arn])


def _add_stripe(stack: ServiceStack, functions: Sequence[Function]) -> None:
    """Add a layer with Stripe's library, which is larger than everything else together, and a secret with its key."""
    stage = stack.stage
    layer = lambda_.LayerVersion(
        stack,
        "stripe-layer",
        description="Stripe's library and the packages that it needs",
        code=lambda_.Code.from_asset(str(assets.packages(stage, STRIPE_LOCK))),
        compatible_runtimes=[lambda_.Runtime(f"python{stage.python}", lambda_.RuntimeFamily.PYTHON)],
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
        "new key here while Stripe still accepts the old one, and the functions read it within minutes.",
    )
    for function in functions:
        function.add_layers(layer)
        # The attribute `Id` is the ARN. So is the reference, but on the local cloud that is the name.
        function.add_environment("STRIPE_KEY_ARN", key.attr_id)
        function.allow("secretsmanager:GetSecretValue", on=[key.attr_id])
