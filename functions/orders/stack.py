"""Orders' own resources: the product cache, and the scheduled expiry job."""

import msgspec
from aws_cdk import aws_cloudwatch as cloudwatch

from functions.orders.expiry.brake import MAX_EXPIRED
from functions.orders.expiry.pending import INDEX
from functions.orders.pricing import decode_terms
from infra.constructs.alarm import FIVE_MINUTES, MINUTE, MISSING_IS_GOOD, MISSING_KEEPS_STATE, Alarm
from infra.constructs.function import Function
from infra.constructs.schedule import alarm_on_late_work, invoke_on_schedule
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack

OVERDUE = 5 * 60
"""Seconds after the pending limit at which a pending order is overdue."""


def add_resources(stack: ServiceStack, settings: ShopSettings) -> None:
    """Configure the API, and add the expiry job, its schedule and its alarms.

    Raises:
        ValueError: If the settings' payment terms or the number of orders that may expire are not valid.
    """
    api = stack.functions["api"]
    api.add_environment("PRODUCT_CACHE_SECONDS", str(settings.product_cache))
    api.add_environment("PAYMENT_TERMS", _payment_terms(stack, settings))
    invoke_on_schedule(stack, "expiry", _add_function(stack, settings), "Runs the expiry job of pending orders")
    _add_alarms(stack, settings)
    stack.graphs.append(
        cloudwatch.GraphWidget(
            title="Pending orders: age of the oldest (s); expired, and failed to expire",
            left=[stack.metric("OldestPending", "Maximum", MINUTE)],
            right=[stack.metric(name, "Sum", MINUTE) for name in ("OrdersExpired", "ExpiryFailed")],
            width=8,
            height=6,
        )
    )


def _payment_terms(stack: ServiceStack, settings: ShopSettings) -> str:
    """Return what the gateway takes, as the API decodes it."""
    terms = msgspec.json.encode({"methods": settings.payment_methods, "totals": settings.totals})
    try:
        decode_terms(terms)
    except msgspec.ValidationError as error:
        raise ValueError(
            f"the stage {stack.stage.name} has payment_methods or totals that are not valid: {error}"
        ) from error
    return terms.decode()


def _add_function(stack: ServiceStack, settings: ShopSettings) -> Function:
    if not 0 < settings.expired_per_hour <= MAX_EXPIRED:
        raise ValueError(
            f"the stage {stack.stage.name} has expired_per_hour {settings.expired_per_hour}: "
            f"it must be from 1 to {MAX_EXPIRED}"
        )
    expiry = stack.add_function(
        "expiry",
        "functions.orders.expiry.function.handler",
        "Cancels orders that have been pending for too long",
        {
            "TABLE": stack.table.table_name,
            INDEX.variable: INDEX.name,
            "PENDING_LIMIT_SECONDS": str(settings.pending_limit),
            "EXPIRED_PER_HOUR": str(settings.expired_per_hour),
        },
    )
    expiry.allow("dynamodb:GetItem", "dynamodb:PutItem", on=[stack.table.table_arn])
    expiry.allow("dynamodb:Query", on=[f"{stack.table.table_arn}/index/{INDEX.name}"])
    return expiry


def _add_alarms(stack: ServiceStack, settings: ShopSettings) -> None:
    limit = settings.pending_limit
    Alarm(
        stack,
        "expiry-cancelled",
        problem=f"Orders expired: they were cancelled after being pending for {limit} seconds.",
        metric=stack.metric("OrdersExpired", "Sum", FIVE_MINUTES),
        threshold=0,
        missing=MISSING_IS_GOOD,
        critical=True,
    )
    Alarm(
        stack,
        "expiry-stopped",
        problem=f"The expiry job is stopped until an operator resumes it: {settings.expired_per_hour} orders expired.",
        # Each run reports it, also 0. If the job reports nothing, the alarm on missing runs is on.
        metric=stack.metric("ExpiryStopped", "Maximum", MINUTE),
        threshold=0,
        missing=MISSING_KEEPS_STATE,
        critical=True,
    )
    alarm_on_late_work(
        stack,
        "expiry",
        "OldestPending",
        limit + OVERDUE,
        overdue="An order is still pending although it should have expired.",
        missing="No run of the expiry job has finished for five minutes.",
    )
