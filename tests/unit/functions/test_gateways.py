from typing import Any

import boto3
import pytest
import stripe

from functions.payment import gateways, stripe_gateway
from functions.payment.gateway import Approval, Labels
from tests.gateway.keys import StubSecrets
from tests.unit.facts import ORDER
from tests.unit.functions.stripe_answers import CLIENT_SECRET, LABELS, ORIGIN, StubHttp, intent
from tidings.handling.pace import Pace


def test_a_gateway_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY", "paypal")
    with pytest.raises(ValueError, match="there is no payment gateway 'paypal'"):
        gateways.chosen(Pace(1))


def test_stripe_is_chosen_with_the_stage_and_the_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    http = StubHttp(intent("requires_action"), intent("requires_action", metadata=LABELS | {"stage": "dev"}))

    def requests_client(**_: Any) -> StubHttp:
        return http

    def secrets_manager(*_: Any, **__: Any) -> StubSecrets:
        return StubSecrets("sk_live_1")

    monkeypatch.setattr(stripe, "RequestsClient", requests_client)
    monkeypatch.setattr(boto3, "client", secrets_manager)
    for name, value in {
        "GATEWAY": "stripe",
        "STAGE": "dev",
        "STRIPE_KEY_ARN": "arn",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
    }.items():
        monkeypatch.setenv(name, value)
    turns: list[float] = []
    gateway = gateways.chosen(Pace(1, lambda: 0.0, turns.append))
    assert isinstance(gateway, stripe_gateway.StripeGateway)
    assert gateway.approval("pi_1") == Approval("pk_live_1", CLIENT_SECRET)
    assert gateway.labels("pi_1") == Labels(ORDER, ORIGIN)
    assert turns == [1.0, 2.0]
    assert {request.key for request in http.requests} == {"sk_live_1"}
