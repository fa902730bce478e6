"""The choice of the stage's payment gateway, from the function's environment."""

import os

import boto3
import msgspec

from functions.payment.gateway import Gateway
from functions.payment.report_queue import SqsReportQueue
from functions.payment.reports import Ports
from functions.payment.simulated import SimulatedGateway
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
            totals = msgspec.json.decode(os.environ["GATEWAY_TOTALS"], type=dict[str, tuple[int, int]])
            return SimulatedGateway(clients.dynamodb(), os.environ["GATEWAY_TABLE"], totals)
        case "stripe":
            # Stripe's library is slow to import, and only deployed where the stage chose it.
            from functions.payment.stripe_gateway import API_BASE, StripeGateway

            return StripeGateway(
                Secret(boto3.client("secretsmanager", config=clients.CONFIG), os.environ["STRIPE_KEY_ARN"]),
                os.environ["STAGE"],
                os.environ["STRIPE_PUBLISHABLE_KEY"],
                os.environ.get("STRIPE_API_BASE", API_BASE),
                pace=pace.wait,
            )
        case name:
            raise ValueError(f"there is no payment gateway {name!r}")


def chosen_ports(pace: Pace) -> Ports:
    """Return the gateway that `GATEWAY` names, and the queue of its reports, which `QUEUE` names.

    Args:
        pace: The pace of the calls to a provider.
    """
    return Ports(chosen(pace), SqsReportQueue(clients.sqs, os.environ["QUEUE"]))
