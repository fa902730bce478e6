"""The same constructs build another application: the helpdesk of `examples/`."""

import re
from pathlib import Path

import pytest
from aws_cdk import App

from infra.application import Application
from infra.build import build
from infra.discovery import ROOT, discover_contracts, discover_services
from infra.openapi.document import openapi_document
from infra.published_language.consistency import inconsistencies
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, SHARED, Synthesis

HELPDESK = ROOT / "examples" / "helpdesk"
SHOP_WORDS = re.compile(r"(?i)(?<![a-z-])(shop|order|customer|sku|money|payment|receipt|stock|product)s?(?![a-z])")


@pytest.fixture(scope="module")
def helpdesk() -> Application:
    services = discover_services(HELPDESK / "services", HELPDESK / "contracts")
    return Application(
        name="helpdesk",
        title="Helpdesk",
        description="Tickets, and the teams that answer them.",
        stage=STAGES["dev"],
        services=services,
        contracts=discover_contracts(HELPDESK / "contracts", services),
    )


@pytest.fixture(scope="module")
def synthesis(helpdesk: Application, tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    folder = tmp_path_factory.mktemp("helpdesk")
    app = App(context=CONTEXT, outdir=str(folder), analytics_reporting=False)
    build(app, helpdesk)
    app.synth()
    return Synthesis("dev", folder, "helpdesk")


def test_another_application_has_its_own_services_under_its_own_name(
    helpdesk: Application, synthesis: Synthesis
) -> None:
    assert synthesis.templates.keys() == SHARED - {"web"} | {folder.name for folder in helpdesk.services}
    assert not list(synthesis.folder.glob("tidings-*"))
    for function in synthesis.resources("AWS::Lambda::Function"):
        assert function.properties["FunctionName"].startswith(f"helpdesk-dev-{function.stack}-")


def test_an_application_without_pages_has_no_sign_in_pages_no_websocket_and_admits_no_origin(
    synthesis: Synthesis,
) -> None:
    assert synthesis.resources("AWS::Cognito::UserPoolDomain") == []
    (client,) = synthesis.resources("AWS::Cognito::UserPoolClient")
    assert "CallbackURLs" not in client.properties
    assert not client.properties.get("AllowedOAuthFlowsUserPoolClient")
    (api,) = synthesis.resources("AWS::ApiGatewayV2::Api")
    assert api.properties["ProtocolType"] == "HTTP"
    assert "CorsConfiguration" not in api.properties


def test_another_applications_functions_run_its_own_packages(helpdesk: Application, synthesis: Synthesis) -> None:
    for folder in helpdesk.services:
        name = f"helpdesk-dev-{folder.name}-consumer"
        consumer = synthesis.only(folder.name, "AWS::Lambda::Function", FunctionName=name)
        module = f"examples.helpdesk.services.{folder.name}.service"
        assert consumer.properties["Handler"] == "tidings.aws.consume.handler"
        assert consumer.properties["Environment"]["Variables"]["SERVICE_MODULE"] == module
        files = {path.relative_to(synthesis.asset(consumer)) for path in synthesis.asset(consumer).rglob("*.py")}
        assert Path(*module.split(".")).with_suffix(".py") in files
        assert {file.parts[:3] for file in files} == {
            ("examples", "helpdesk", "services"),
            ("examples", "helpdesk", "contracts"),
        }


def test_another_applications_contracts_are_found_and_consistent(helpdesk: Application) -> None:
    assert helpdesk.contracts
    assert inconsistencies((folder.service for folder in helpdesk.services), helpdesk.contracts) == []
    assert openapi_document(helpdesk)["info"]["title"] == "Helpdesk"


def test_the_shared_constructs_contain_no_word_of_the_shop() -> None:
    shared = [*(ROOT / "infra").rglob("*.py")]
    names = ("shop.py", "published_language/__main__.py", "published_language/privacy.py", "release/__main__.py")
    own = {ROOT / "infra" / name for name in names}
    found = {
        (file.relative_to(ROOT).as_posix(), match[0])
        for file in shared
        if file not in own
        for match in SHOP_WORDS.finditer(file.read_text())
    }
    assert found == set()
