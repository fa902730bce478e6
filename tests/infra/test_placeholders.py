"""Addresses at reserved domains are refused at synthesis, except on the local stage."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from infra.discovery import ROOT
from infra.shop import SETTINGS, placeholders
from tests.infra.projects import copy_project, run_app
from tests.infra.synthesis import owned


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the repository's own settings."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    shutil.copy(ROOT / "infra" / "shop.py", project / "infra")
    return project


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_repositorys_own_addresses_are_refused_with_a_sentence_for_each(unchanged: Path, stage: str) -> None:
    done = run_app(unchanged, stage=stage)
    assert done.returncode == 1
    settings = SETTINGS[stage]
    assert done.stderr.splitlines() == [
        f"{address} is a placeholder, which receives no e-mail: set {setting} of the stage '{stage}' in infra/shop.py "
        "to an address that you own."
        for setting, address in [("sender", settings.sender), ("alarm_addresses", *settings.alarm_addresses)]
    ]


def test_the_local_stage_needs_no_addresses_of_ones_own(unchanged: Path) -> None:
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
