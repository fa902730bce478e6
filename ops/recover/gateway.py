"""The stage's payment gateway, as the recovery of payment asks it."""

import msgspec

from functions.payment.gateway import Gateway
from functions.payment.simulated import SimulatedGateway
from ops.errors import CommandError
from ops.outputs import Outputs
from ops.stage import DeployedStage
from tidings.aws.secrets import Secret


class GatewayPort(msgspec.Struct, frozen=True):
    """The port of payment's effects, without a queue for reports."""

    gateway: Gateway


def payment_port(stage: DeployedStage, outputs: Outputs) -> GatewayPort:
    """Return the gateway that the stage's consumer of payment calls, by the consumer's settings.

    Raises:
        CommandError: If the gateway is unknown, or its library is not installed.
    """
    function = outputs.service("payment").function or ""
    found = stage.client("lambda").get_function_configuration(FunctionName=function)
    settings = found.get("Environment", {}).get("Variables", {})
    match settings.get("GATEWAY"):
        case "simulated":
            totals = msgspec.json.decode(settings["GATEWAY_TOTALS"], type=dict[str, tuple[int, int]])
            table, client = settings["GATEWAY_TABLE"], stage.client("dynamodb")
            return GatewayPort(SimulatedGateway(client, table, totals, stage.name, lambda _news: None))
        case "stripe":
            try:
                from functions.payment.stripe_gateway import API_BASE, StripeGateway
            except ImportError as error:
                raise CommandError("install Stripe's library first: pip install -r requirements-stripe.txt") from error
            key = Secret(stage.client("secretsmanager"), settings["STRIPE_KEY_ARN"])
            base = settings.get("STRIPE_API_BASE", API_BASE)
            return GatewayPort(StripeGateway(key, stage.name, settings["STRIPE_PUBLISHABLE_KEY"], base))
        case name:
            raise CommandError(f"payment's consumer names no gateway that is known: {name!r}")
