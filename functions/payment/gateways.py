"""The choice of the stage's payment gateway, from the function's environment."""

import os

import boto3

from functions.payment.gateway import Gateway
from functions.payment.secret import Secret
from functions.payment.simulated import SimulatedGateway
from tidings.aws import clients


def chosen() -> Gateway:
    """Return the gateway that `GATEWAY` names.

    Raises:
        ValueError: If no gateway has that name.
    """
    match os.environ["GATEWAY"]:
        case "simulated":
            return SimulatedGateway(clients.dynamodb(), os.environ["GATEWAY_TABLE"])
        case "stripe":
            # Stripe's library is slow to import, and only deployed where the stage chose it.
            from functions.payment.stripe_gateway import API_BASE, StripeGateway

            key = Secret(boto3.client("secretsmanager", config=clients.CONFIG), os.environ["STRIPE_KEY_ARN"])
            return StripeGateway(key, os.environ.get("STRIPE_API_BASE", API_BASE))
        case name:
            raise ValueError(f"there is no payment gateway {name!r}")
