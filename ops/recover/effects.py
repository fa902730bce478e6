"""The ports through which the recovery of a service asks its gateway, or counts its e-mails or paid orders."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from functions.fraud.inspector import Inspector
from functions.fraud.recovery import PaidOrders
from functions.fraud.rules import Rules
from functions.notification.limit import LimitedMailer
from functions.notification.mail import Mailer
from functions.payment.gateway import Gateway
from functions.payment.simulated import SimulatedGateway
from ops.errors import CommandError
from ops.outputs import Outputs
from ops.stage import DeployedStage
from tidings.aws.dynamodb import DynamoTable
from tidings.aws.recovery import EventSourceMapping
from tidings.aws.secrets import Secret
from tidings.handling.pace import Pace


class GatewayPort(msgspec.Struct, frozen=True):
    """The port of payment's effects, without a queue for reports."""

    gateway: Gateway


def port_of(stage: DeployedStage, outputs: Outputs, service: str) -> Any:
    """Return the port of a service's recovery, by the settings of its consumer; None if it needs none.

    Raises:
        CommandError: If the settings name an unknown payment gateway, or its library is not installed.
    """
    make = _PORTS.get(service)
    if make is None:
        return None
    function = outputs.service(service).function or ""
    found = stage.client("lambda").get_function_configuration(FunctionName=function)
    return make(stage, outputs, found.get("Environment", {}).get("Variables", {}))


def payment_port(stage: DeployedStage, _outputs: Outputs, settings: Mapping[str, str]) -> GatewayPort:
    """Return the gateway that payment's consumer calls.

    Raises:
        CommandError: If it is unknown, or its library is not installed.
    """
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
            pace = Pace(float(settings["GATEWAY_RATE"])).wait
            return GatewayPort(StripeGateway(key, stage.name, settings["STRIPE_PUBLISHABLE_KEY"], base, pace=pace))
        case name:
            raise CommandError(f"payment's consumer names no gateway that is known: {name!r}")


def notification_port(stage: DeployedStage, outputs: Outputs, settings: Mapping[str, str]) -> LimitedMailer:
    """Return the counts of customers' e-mails. It can send none."""
    table = DynamoTable(stage.client("dynamodb"), outputs.table("notification"))
    return LimitedMailer(cast("Mailer", None), table, int(settings["MAILS_PER_HOUR"]))


def fraud_port(stage: DeployedStage, outputs: Outputs, settings: Mapping[str, str]) -> PaidOrders:
    """Return the counts of customers' paid orders, by the rules of fraud's consumer, which has stopped."""
    rules = msgspec.json.decode(settings["RULES"], type=Rules)
    secret = Secret(stage.client("secretsmanager"), settings["PSEUDONYMS_KEY_ARN"])
    table = DynamoTable(stage.client("dynamodb"), outputs.table("fraud"))
    consumer = EventSourceMapping(stage.client("lambda"), outputs.service("fraud").function or "")
    return PaidOrders(Inspector(rules, secret.value), table, consumer.changed())


_PORTS: Mapping[str, Callable[[DeployedStage, Outputs, Mapping[str, str]], Any]] = {
    "fraud": fraud_port,
    "payment": payment_port,
    "notification": notification_port,
}
