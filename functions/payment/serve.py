"""The Lambda function behind payment's routes."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from functions.payment.api import Api, GatewayName
from functions.payment.gateways import chosen_ports
from functions.payment.service import service
from tidings.aws import lambdas
from tidings.aws.throttling import is_throttled
from tidings.handling.pace import Pace
from tidings.http.server import Answer, serve

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_pace = Pace(float(os.environ["GATEWAY_RATE"]))
_api = Api(lambdas.executor(service), chosen_ports(_pace), msgspec.convert(os.environ["GATEWAY"], GatewayName))
_serve = serve(_api, is_throttled)


@lambdas.without_texts
def handler(event: Mapping[str, Any], context: "LambdaContext") -> Answer:
    """Answer a request. It waits for its turn at the gateway for half of its time at most."""
    _pace.begin(context.get_remaining_time_in_millis() / 2000)
    return _serve(event, context)
