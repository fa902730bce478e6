"""Payment's own resources: the checks, the webhook, and those of the stage's payment gateway."""

from collections.abc import Sequence

import msgspec
from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration

from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.refund_failed import RefundFailed
from contracts.payment.unexpected_payment_found import UnexpectedPaymentFound
from functions.payment.service import service
from functions.payment.simulated.gateway import PAGE
from infra import assets
from infra.constructs.alarm import MINUTE
from infra.constructs.function import Function
from infra.constructs.nag import acknowledge
from infra.constructs.schedule import alarm_on_late_work, invoke_on_schedule
from infra.constructs.table import add_table
from infra.discovery import ROOT
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack

WEBHOOKS = "/webhooks/stripe"
"""The path that receives the gateway's webhooks."""

STRIPE_LOCK = ROOT / "requirements-stripe.txt"

SHARE = 10
"""The checks may make a tenth of the stage's calls to the gateway, and so may the API.

One run of the checks is at work at a time. Of the API only a request for an approval makes a call. Each of its
instances keeps the rate, and answers one request at a time; the stage limits the requests to all of them.
"""

OVERDUE = 15 * 60
"""Seconds after which a check that was due is overdue."""

SECRET_LENGTH = 48


def add_resources(stack: ServiceStack, settings: ShopSettings) -> None:
    """Add the checks, the webhook, and the resources of the gateway that the settings choose.

    Raises:
        ValueError: If the gateway is unknown.
    """
    checks = _add_checks(stack)
    consumer, api = stack.functions["consumer"], stack.functions["api"]
    library = _add_library(stack)
    secrets = _add_webhook_secrets(stack, settings)
    _add_webhooks(stack, library, secrets)
    match settings.gateway:
        case "simulated":
            _add_simulated_gateway(stack, settings, (consumer, checks), secrets.attr_id)
        case "stripe":
            _add_stripe(stack, settings, (consumer, checks, api), library)
        case gateway:
            raise ValueError(f"the stage {stack.stage.name} has an unknown payment gateway, {gateway!r}")
    queue = stack.queues["queue"]
    share = max(settings.gateway_rate // SHARE, 1)
    rates = {
        consumer: stack.rate_of_each_consumer(settings.gateway_rate - 2 * share),
        checks: share,
        api: share,
    }
    for function, rate in rates.items():
        function.add_environment("GATEWAY", settings.gateway)
        function.add_environment("GATEWAY_RATE", str(rate))
        function.add_environment("QUEUE", queue.queue_url)
        # Reports: each of them sends some to payment itself.
        function.allow("sqs:SendMessage", on=[queue.queue_arn])
    _add_alarms(stack)
    _add_graphs(stack)


def _add_checks(stack: ServiceStack) -> Function:
    """Add the function that checks payments, and its schedules."""
    (index,) = service.indexes
    checks = stack.add_function(
        "checks",
        "functions.payment.checks.function.handler",
        "Asks the gateway about the payments that wait",
        {"TABLE": stack.table.table_name, index.variable: index.name},
    )
    checks.allow("dynamodb:GetItem", "dynamodb:PutItem", on=[stack.table.table_arn])
    checks.allow("dynamodb:Query", on=[f"{stack.table.table_arn}/index/{index.name}"])
    invoke_on_schedule(stack, "checks", checks, "Asks the gateway about the payments that wait")
    invoke_on_schedule(
        stack,
        "disputes",
        checks,
        "Asks the gateway for new disputes",
        every=Duration.hours(1),
        event={"disputes": True},
    )
    return checks


def _add_library(stack: ServiceStack) -> lambda_.LayerVersion:
    """Add a layer with Stripe's library, which is larger than everything else together."""
    stage = stack.stage
    return lambda_.LayerVersion(
        stack,
        "stripe-layer",
        description="Stripe's library and the packages that it needs",
        code=lambda_.Code.from_asset(str(assets.packages(stage, STRIPE_LOCK))),
        compatible_runtimes=[lambda_.Runtime(f"python{stage.python}", lambda_.RuntimeFamily.PYTHON)],
    )


def _add_webhook_secrets(stack: ServiceStack, settings: ShopSettings) -> secretsmanager.CfnSecret:
    """Add the secret by which webhooks are signed: an empty one for those of Stripe, and a generated one otherwise."""
    # The simulated gateway signs by the same secret, so nobody needs to know it.
    generated = secretsmanager.CfnSecret.GenerateSecretStringProperty(
        password_length=SECRET_LENGTH, exclude_punctuation=True
    )
    secrets = secretsmanager.CfnSecret(
        stack,
        "stripe-webhook-secrets",
        name=stack.application.resource_name("stripe-webhook-secrets"),
        description="One or two signing secrets of the webhook, separated by white space",
        generate_secret_string=None if settings.gateway == "stripe" else generated,
    )
    secrets.apply_removal_policy(stack.stage.removal_policy)
    acknowledge(
        secrets,
        "SMG4",
        "Stripe's signing secrets are rolled in Stripe's dashboard; no function can create one. An operator stores the "
        "new one here beside the old one, and the function reads both within a minute.",
    )
    return secrets


def _add_webhooks(stack: ServiceStack, library: lambda_.LayerVersion, secrets: secretsmanager.CfnSecret) -> None:
    """Add the function that receives webhooks, and its route. It verifies signatures and has no table."""
    queue = stack.queues["queue"]
    webhooks = stack.add_function(
        "webhooks",
        "functions.payment.webhooks.function.handler",
        "Receives the webhooks of Stripe",
        # The attribute `Id` is the ARN. So is the reference, but on the local cloud that is the name.
        {"QUEUE": queue.queue_url, "WEBHOOK_SECRETS_ARN": secrets.attr_id},
        serves=True,
    )
    webhooks.add_layers(library)
    webhooks.allow("sqs:SendMessage", on=[queue.queue_arn])
    webhooks.allow("secretsmanager:GetSecretValue", on=[secrets.attr_id])
    route = apigateway.HttpRoute(
        stack,
        f"POST {WEBHOOKS}",
        http_api=stack.api.http_api,
        route_key=apigateway.HttpRouteKey.with_(WEBHOOKS, apigateway.HttpMethod.POST),
        integration=HttpLambdaIntegration("webhooks-integration", webhooks.live),
    )
    acknowledge(route, "APIG4", "Stripe has no token. The function verifies the signature of each request.")


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
    bank = stack.add_function(
        "bank", "functions.payment.bank.function.handler", "Serves the simulated bank's page", {}, serves=True
    )
    # The local cloud serves an API below the endpoint of all services, whose address its functions know.
    http_api = stack.api.http_api
    url = f"/_aws/execute-api/{http_api.api_id}" if stack.stage.emulated else http_api.api_endpoint
    for function in (*functions, api, bank):
        function.add_environment("GATEWAY_TABLE", payments.table_name)
        function.add_environment("GATEWAY_TOTALS", msgspec.json.encode(settings.totals).decode())
        function.add_environment("WEBHOOK_URL", f"{url}{WEBHOOKS}")
        function.add_environment("WEBHOOK_SECRETS_ARN", webhook_secrets)
        function.allow("dynamodb:GetItem", on=[payments.table_arn])
    for function in (*functions, bank):
        function.allow("dynamodb:PutItem", on=[payments.table_arn])
        function.allow("secretsmanager:GetSecretValue", on=[webhook_secrets])
    stack.functions["checks"].allow("dynamodb:Scan", on=[payments.table_arn])
    _add_pages(stack, bank)


def _add_pages(stack: ServiceStack, bank: Function) -> None:
    """Add the routes of the bank's page, which are no part of the API's document."""
    integration = HttpLambdaIntegration("bank-integration", bank.live)
    for method in (apigateway.HttpMethod.GET, apigateway.HttpMethod.POST):
        route = apigateway.HttpRoute(
            stack,
            f"{method.value} {PAGE}",
            http_api=stack.api.http_api,
            route_key=apigateway.HttpRouteKey.with_(PAGE, method),
            integration=integration,
        )
        acknowledge(route, "APIG4", "The customer's secret in the query is the only permission that the page needs.")


def _add_stripe(
    stack: ServiceStack, settings: ShopSettings, functions: Sequence[Function], library: lambda_.LayerVersion
) -> None:
    """Add a secret with Stripe's key, and have the functions call Stripe.

    Args:
        stack: Payment's stack.
        settings: The shop's settings.
        functions: The functions.
        library: The layer with Stripe's library.
    """
    # The secret is created empty, so that the function reports a missing key. The CDK's own construct would generate a
    # password, which Stripe would refuse as an invalid key.
    key = secretsmanager.CfnSecret(
        stack,
        "stripe-key",
        name=stack.application.resource_name("stripe-key"),
        description="The secret API key of the shop's Stripe account. An operator stores it here",
    )
    key.apply_removal_policy(stack.stage.removal_policy)
    acknowledge(
        key,
        "SMG4",
        "Stripe's keys are created and rolled in Stripe's dashboard; no function can create one. An operator stores a "
        "new key here while Stripe still accepts the old one, and the functions read it within minutes.",
    )
    for function in functions:
        function.add_layers(library)
        # As above, the attribute `Id` is the ARN.
        function.add_environment("STRIPE_KEY_ARN", key.attr_id)
        function.add_environment("STRIPE_PUBLISHABLE_KEY", settings.publishable_key)
        function.allow("secretsmanager:GetSecretValue", on=[key.attr_id])


def _add_alarms(stack: ServiceStack) -> None:
    """Add the alarms. Refused webhooks have none, because anyone can send them; a lost one loses nothing."""
    stack.alarm_on_event(
        "refund-failed", RefundFailed, "The money of a refund did not go back to its customer.", critical=True
    )
    stack.alarm_on_event(
        "payment-disputed", PaymentDisputed, "A customer disputes a payment. The bank expects an answer within days."
    )
    stack.alarm_on_event(
        "unexpected-payment",
        UnexpectedPaymentFound,
        "The gateway had reserved or taken money for an order that does not account for it.",
    )
    alarm_on_late_work(
        stack,
        "checks",
        "OldestCheck",
        OVERDUE,
        overdue="A payment that waits has not been checked although it was due.",
        missing="No check of the payments that wait has finished for five minutes.",
    )


def _add_graphs(stack: ServiceStack) -> None:
    stack.graphs.append(
        cloudwatch.GraphWidget(
            title="Payments that wait: how long the oldest check has been due (s); failed checks",
            left=[stack.metric("OldestCheck", "Maximum", MINUTE)],
            right=[stack.metric("ChecksFailed", "Sum", MINUTE)],
            width=8,
            height=6,
        )
    )
    stack.graphs.append(
        cloudwatch.GraphWidget(
            title="Webhooks",
            left=[stack.metric(f"Webhooks{outcome}", "Sum", MINUTE) for outcome in ("Received", "Refused", "Dropped")],
            width=8,
            height=6,
        )
    )
