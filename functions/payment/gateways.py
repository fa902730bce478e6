"""The choice of the stage's payment gateway, from the function's environment."""

import os
from collections.abc import Callable
from functools import cache
from urllib.parse import urljoin

import boto3
import msgspec

from functions.payment.gateway import Gateway
from functions.payment.report_queue import SqsReportQueue
from functions.payment.reports import Ports
from functions.payment.simulated import SimulatedGateway, WebhookSender
from tidings.aws import clients
from tidings.aws.secrets import Secret
from tidings.handling.pace import Pace


def chosen(pace: Pace) -> Gateway:
    """Return the gateway that `GATEWAY` names.

    Args:
        pace: The pace of the calls to a provider.

    Raises:
        ValueError: If no gateway has that name.
    """
    match os.environ["GATEWAY"]:
        case "simulated":
            return simulated(pace.wait)
        case "stripe":
            # Stripe's library is slow to import, and only deployed where the stage chose it.
            from functions.payment.stripe_gateway import API_BASE, StripeGateway

            return StripeGateway(
                _secret("STRIPE_KEY_ARN"),
                os.environ["STAGE"],
                os.environ["STRIPE_PUBLISHABLE_KEY"],
                os.environ.get("STRIPE_API_BASE", API_BASE),
                pace=pace.wait,
            )
        case name:
            raise ValueError(f"there is no payment gateway {name!r}")


def simulated(pace: Callable[[], None] = lambda: None) -> SimulatedGateway:
    """Return the simulated gateway.

    Args:
        pace: Waits before each call until the rate of calls allows it.
    """

    @cache
    def webhook_secrets() -> Secret:
        # Few payments need it, so its client is created when the first webhook is sent.
        return _secret("WEBHOOK_SECRETS_ARN")

    return SimulatedGateway(
        clients.dynamodb(),
        os.environ["GATEWAY_TABLE"],
        msgspec.json.decode(os.environ["GATEWAY_TOTALS"], type=dict[str, tuple[int, int]]),
        os.environ["STAGE"],
        WebhookSender(_address("WEBHOOK_URL"), lambda: webhook_secrets().value()),
        pace,
    )


def chosen_ports(pace: Pace) -> Ports:
    """Return the gateway that `GATEWAY` names, and the queue of its reports, which `QUEUE` names.

    Args:
        pace: The pace of the calls to a provider.
    """
    return Ports(chosen(pace), SqsReportQueue(clients.sqs, os.environ["QUEUE"]))


def _secret(variable: str) -> Secret:
    """Return the secret whose ARN a variable contains."""
    return Secret(boto3.client("secretsmanager", config=clients.CONFIG), os.environ[variable])


def _address(variable: str) -> str:
    """Return the address in a variable. On the local cloud it is a path of the endpoint that all services share."""
    return urljoin(os.environ.get("AWS_ENDPOINT_URL", ""), os.environ[variable])
