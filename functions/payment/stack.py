"""Payment's own resources: those of the stage's payment gateway, and the scheduled look at pending refunds."""

from collections.abc import Sequence

import msgspec
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration

from contracts.payment.refund_failed import RefundFailed
from functions.payment.refunds.pending import INDEX
from functions.payment.simulated.gateway import PAGES
from infra import assets
from infra.constructs.alarm import FIVE_MINUTES, MINUTE, MISSING_IS_BAD, MISSING_IS_GOOD, Alarm
from infra.constructs.function import Function
from infra.constructs.nag import acknowledge
from infra.constructs.schedule import invoke_every_minute
from infra.constructs.table import add_table
from infra.discovery import ROOT
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack

WEBHOOKS = "/webhooks/stripe"
"""The path that receives the gateway's webhooks."""

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


def _add_simulated_gateway(
    stack: ServiceStack, settings: ShopSettings, functions: Sequence[Function], webhook_secrets: str
) -> None:
    """Add the simulated gateway's table and its bank's page.

    Args:
        stack: Payment's stack.
        settings: The shop's settings.
        functions: The functions that call the gateway, besides payment's API.
        webhook_secrets: The ARN of the secret that signs webhooks.
    """
    payments = add_table(stack, "gateway")
    api = stack.functions["api"]
    bank = stack.add_function("bank", "functions.payment.bank.function.handler", "Serves the simulated bank's page", {})
    # The local cloud serves an API below the endpoint of all services, whose address its functions know.
    http_api = stack.api.http_api
    url = f"/_aws/execute-api/{http_api.api_id}" if stack.stage.emulated else http_api.api_endpoint
    for function in (*functions, api, bank):
        function.add_environment("GATEWAY_TABLE", payments.table_name)
        function.add_environment("GATEWAY_TOTALS", msgspec.json.encode(settings.totals).decode())
        function.add_environment("WEBHOOK_URL", f"{url}{WEBHOOKS}")
        function.add_environment("WEBHOOK_SECRETS_ARN", webhook_secrets)
        function.add_environment("BANK_URL", f"{url}{PAGES}")
        function.allow("dynamodb:GetItem", on=[payments.table_arn])
    for function in (*functions, bank):
        function.allow("dynamodb:PutItem", on=[payments.table_arn])
        function.allow("secretsmanager:GetSecretValue", on=[webhook_secrets])
    stack.functions["checks"].allow("dynamodb:Scan", on=[payments.table_arn])
    _add_pages(stack, bank)


def _add_pages(stack: ServiceStack, bank: Function) -> None:
    """Add the routes of the bank's page, which are no part of the API's document."""
    integration = HttpLambdaIntegration("bank-integration", bank)
    for method in (apigateway.HttpMethod.GET, apigateway.HttpMethod.POST):
        path = f"{PAGES}/{{client_secret}}"
        route = apigateway.HttpRoute(
            stack,
            f"{method.value} {path}",
            http_api=stack.api.http_api,
            route_key=apigateway.HttpRouteKey.with_(path, method),
            integration=integration,
        )
        acknowledge(route, "APIG4", "The customer's secret in the path is the only permission that the page needs.")


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
