"""The shop's time zone, as analytics' functions get it."""

from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk import App

from infra.build import build
from infra.shop import SETTINGS, shop
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, Synthesis


@pytest.mark.parametrize("role", ["consumer", "api"])
def test_analytics_functions_have_the_stages_time_zone(prod: Synthesis, role: str) -> None:
    function = prod.only("analytics", "AWS::Lambda::Function", FunctionName=f"tidings-prod-analytics-{role}")
    assert function.properties["Environment"]["Variables"]["TIME_ZONE"] == SETTINGS["prod"].time_zone


@pytest.mark.parametrize("zone", ["", "Berlin", "europe/berlin", "Europe/Atlantis", "../etc/passwd", "+02:00"])
def test_an_unknown_time_zone_is_refused(zone: str, tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path), analytics_reporting=False)
    with pytest.raises(ValueError, match=r"the stage local has an unknown time zone, .*Europe/Berlin"):
        build(app, shop(STAGES["local"], replace(SETTINGS["local"], time_zone=zone)))
