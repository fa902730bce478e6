"""Settings that an operator must replace are refused at synthesis, except on the local stage."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from infra.discovery import ROOT
from infra.shop import SETTINGS, placeholders
from tests.infra.projects import copy_project, run_app
from tests.infra.synthesis import owned

NO_KEY = (
    "Customers cannot approve payments without a publishable key of Stripe: set publishable_key of the stage 'prod' in "
    "infra/shop.py to one, which begins with `pk_`."
)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the repository's own settings."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    shutil.copy(ROOT / "infra" / "shop.py", project / "infra")
    return project


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_repositorys_own_settings_are_refused_with_a_sentence_for_each(unchanged: Path, stage: str) -> None:
    done = run_app(unchanged, stage=stage)
    assert done.returncode == 1
    settings = SETTINGS[stage]
    addresses = [
        f"{address} is a placeholder, which receives no e-mail: set {setting} of the stage '{stage}' in infra/shop.py "
        "to an address that you own."
        for setting, address in [("sender", settings.sender), ("alarm_addresses", *settings.alarm_addresses)]
    ]
    assert done.stderr.splitlines() == addresses + ([NO_KEY] if stage == "prod" else [])


def test_the_local_stage_needs_no_settings_of_ones_own(unchanged: Path) -> None:
    done = run_app(unchanged, stage="local")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "domain", ["example.com", "shop.example.org", "mail.EXAMPLE", "shop.test", "a.invalid", "localhost", "example"]
)
def test_an_address_at_a_reserved_domain_is_a_placeholder(domain: str) -> None:
    settings = replace(owned(SETTINGS["prod"]), sender=f"orders@{domain}")
    (problem,) = placeholders("prod", settings)
    assert problem.startswith(f"orders@{domain} is a placeholder")


def test_a_stage_whose_alarms_notify_nobody_is_refused() -> None:
    (problem,) = placeholders("prod", replace(owned(SETTINGS["prod"]), alarm_addresses=()))
    assert problem == "Nobody is notified of alarms: set alarm_addresses of the stage 'prod' in infra/shop.py."


@pytest.mark.parametrize("domain", ["tidings.net", "myexample.com", "example.shop", "contest", "example.com.au"])
def test_an_address_at_another_domain_is_no_placeholder(domain: str) -> None:
    assert list(placeholders("prod", replace(owned(SETTINGS["prod"]), sender=f"orders@{domain}"))) == []


@pytest.mark.parametrize(
    "sender", ["", "orders", "@", "orders@", "orders@example.com.", "Shop <o@example.com>", "o@@x.de"]
)
def test_a_sender_that_is_no_address_is_refused(sender: str) -> None:
    (problem,) = placeholders("prod", replace(owned(SETTINGS["prod"]), sender=sender))
    assert problem == f"{sender!r} is no e-mail address: set sender of the stage 'prod' in infra/shop.py to one."


@pytest.mark.parametrize("key", ["", "sk_live_1", "rk_live_1", "pk_1", "pk_live_", " pk_live_1", "whsec_1"])
def test_a_stage_with_stripe_needs_a_publishable_key_and_no_other_key_is_shown(key: str) -> None:
    assert list(placeholders("prod", replace(owned(SETTINGS["prod"]), publishable_key=key))) == [NO_KEY]


@pytest.mark.parametrize("key", ["pk_live_51A", "pk_test_51A"])
def test_a_publishable_key_of_stripe_is_accepted(key: str) -> None:
    assert list(placeholders("prod", replace(owned(SETTINGS["prod"]), publishable_key=key))) == []


def test_a_stage_with_the_simulated_gateway_needs_no_publishable_key() -> None:
    assert owned(SETTINGS["dev"]).publishable_key == ""
    assert list(placeholders("dev", owned(SETTINGS["dev"]))) == []
