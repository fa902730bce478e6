"""The list of prices contains what the deployed stage is charged for."""

from bench.pricing import STAGE, prices


def test_the_list_contains_the_price_of_a_monthly_active_user_in_the_stages_plan() -> None:
    assert not STAGE.threat_protection
    assert prices().usd["cognito_essentials_monthly_user"] > 0
