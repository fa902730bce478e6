"""The payment terms of each stage: orders reads them, and the stage's gateway takes exactly what they allow."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from aws_cdk import App

from contracts.values.money import Money
from functions.fraud.rules import LENIENT, STRICT, Rules
from functions.orders.pricing import PaymentTerms, decode_terms
from functions.payment.gateway import Opened, Origin
from functions.payment.simulated import METHODS, SimulatedGateway
from functions.payment.stripe_gateway.answers import in_stripes_units
from infra.build import build
from infra.shop import SETTINGS, TotalRange, shop
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, Synthesis

STRIPES_MINIMUM = {"EUR": 50, "GBP": 30, "JPY": 50, "USD": 50}
"""The smallest charges in Stripe's units (Stripe Docs, "Minimum and maximum charge amounts")."""

STRIPES_DIGITS = 8
"""The largest number of digits of a charge in Stripe's units (same page)."""

CURRENCIES = sorted({*(currency for each in SETTINGS.values() for currency in each.totals), "SEK", "KRW"})
AMOUNTS = (0, 1, 29, 30, 49, 50, 51, 10_000, 99_999_998, 99_999_999, 100_000_000, 10**12)


class StubPayments:
    """A table that takes every payment."""

    class exceptions:  # noqa: N801 - boto3's name
        ConditionalCheckFailedException = KeyError

    def put_item(self, **_request: Any) -> dict[str, Any]:
        return {}


def environment(synthesis: Synthesis, stack: str, function: str) -> dict[str, Any]:
    name = f"tidings-{synthesis.stage}-{stack}-{function}"
    made = synthesis.only(stack, "AWS::Lambda::Function", FunctionName=name)
    return dict(made.properties["Environment"]["Variables"])


def terms_of(stage: str) -> PaymentTerms:
    settings = SETTINGS[stage]
    return msgspec.convert({"methods": settings.payment_methods, "totals": settings.totals}, PaymentTerms)


def allowed(terms: PaymentTerms, money: Money) -> bool:
    found = terms.totals.get(money.currency)
    return found is not None and found.smallest <= money.amount <= found.largest


def stripe_charges(money: Money) -> bool:
    units = in_stripes_units(money)
    return (
        units is not None
        and money.currency in STRIPES_MINIMUM
        and units >= STRIPES_MINIMUM[money.currency]
        and len(str(units)) <= STRIPES_DIGITS
    )


def test_orders_reads_the_stages_terms(local: Synthesis, dev: Synthesis, prod: Synthesis) -> None:
    for synthesis in (local, dev, prod):
        assert decode_terms(environment(synthesis, "orders", "api")["PAYMENT_TERMS"]) == terms_of(synthesis.stage)


def test_the_simulated_gateway_reads_the_same_totals(local: Synthesis, dev: Synthesis) -> None:
    for synthesis in (local, dev):
        totals = environment(synthesis, "payment", "consumer")["GATEWAY_TOTALS"]
        assert msgspec.json.decode(totals, type=dict[str, TotalRange]) == SETTINGS[synthesis.stage].totals


@pytest.mark.parametrize("stage", SETTINGS)
@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_stage_allows_exactly_the_totals_that_its_gateway_takes(stage: str, currency: str) -> None:
    terms, settings = terms_of(stage), SETTINGS[stage]
    simulated = SimulatedGateway(cast(Any, StubPayments()), "payments", settings.totals, stage, lambda _news: None)
    for money in (Money(amount, currency) for amount in AMOUNTS):
        assert allowed(terms, money) == stripe_charges(money), money
        if settings.gateway == "simulated":
            opened = simulated.open("order", money, "pm_card_visa", Origin("request", "trace"))
            assert allowed(terms, money) == isinstance(opened, Opened), money


@pytest.mark.parametrize("stage", [name for name, each in SETTINGS.items() if each.gateway == "simulated"])
def test_a_stage_without_a_real_gateway_takes_the_simulated_ones_payment_methods(stage: str) -> None:
    assert set(SETTINGS[stage].payment_methods) == METHODS


def test_prod_takes_stripes_ids_of_payment_methods() -> None:
    assert SETTINGS["prod"].payment_methods == ("pm_*",)


@pytest.mark.parametrize("rules", [STRICT, LENIENT])
def test_fraud_has_a_large_total_in_each_currency_of_a_stage(rules: Rules) -> None:
    assert {currency for settings in SETTINGS.values() for currency in settings.totals} == rules.large_total.keys()


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_methods": ()},
        {"totals": {}},
        {"totals": {"EUR": TotalRange(0, 100)}},
        {"totals": {"EUR": TotalRange(100, 50)}},
        {"totals": {"Euro": TotalRange(50, 100)}},
    ],
)
def test_terms_that_are_not_valid_are_refused_at_synthesis(tmp_path: Path, changes: dict[str, Any]) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path), analytics_reporting=False)
    with pytest.raises(ValueError, match="the stage local has payment_methods or totals that are not valid"):
        build(app, shop(STAGES["local"], replace(SETTINGS["local"], **changes)))
