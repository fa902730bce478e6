"""Payment's resources for Stripe: those of every stage, and those of a stage whose gateway it is."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk import App

from functions.payment.stripe_gateway.api import RETRIES, TIMEOUT
from infra.build import build
from infra.shop import SETTINGS, shop
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, PUBLISHABLE_KEY, Resource, Synthesis
from tests.infra.test_assets import ELF_MACHINE, assert_locked, pinned
from tests.infra.test_permissions import allowed

IMPORTED_ENDPOINT = "tidings-dev-api:ExportsOutputFnGetAttapiC8550315ApiEndpointC0ADF9D0"


def layers(synthesis: Synthesis, stack: str, function: str) -> list[Path]:
    """Return the folders of a function's layers."""
    name = f"tidings-{synthesis.stage}-{stack}-{function}"
    made = synthesis.only(stack, "AWS::Lambda::Function", FunctionName=name)
    versions = {version.id: version for version in synthesis.resources("AWS::Lambda::LayerVersion")}
    return [synthesis.asset(versions[layer["Ref"]]) for layer in made.properties["Layers"]]


def stripe_layer(synthesis: Synthesis) -> Path:
    return layers(synthesis, "payment", "consumer")[-1] / "python"


def test_prod_charges_at_stripe_and_the_other_stages_simulate_it(
    local: Synthesis, dev: Synthesis, prod: Synthesis
) -> None:
    gateways = {}
    for synthesis in (local, dev, prod):
        name = f"tidings-{synthesis.stage}-payment-consumer"
        consumer = synthesis.only("payment", "AWS::Lambda::Function", FunctionName=name)
        gateways[synthesis.stage] = consumer.properties["Environment"]["Variables"]["GATEWAY"]
    assert gateways == {"local": "simulated", "dev": "simulated", "prod": "stripe"}


@pytest.mark.parametrize(
    ("stage", "roles"),
    [("local", ["webhooks"]), ("dev", ["webhooks"]), ("prod", ["api", "checks", "consumer", "webhooks"])],
)
def test_only_the_functions_that_use_stripes_library_have_it(
    stage: str, roles: list[str], request: pytest.FixtureRequest
) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    functions = [
        function.properties["FunctionName"]
        for function in synthesis.resources("AWS::Lambda::Function")
        if len(function.properties.get("Layers", [])) > 1
    ]
    assert sorted(functions) == [f"tidings-{stage}-payment-{role}" for role in roles]
    library, stripes = layers(synthesis, "payment", "webhooks")
    assert not (library / "python" / "stripe").exists()
    assert (stripes / "python" / "stripe").exists()


def test_a_stage_with_the_simulated_gateway_has_no_key_of_stripe(dev: Synthesis) -> None:
    secrets = [secret for secret in dev.resources("AWS::SecretsManager::Secret") if secret.stack == "payment"]
    assert [secret.properties["Name"] for secret in secrets] == ["tidings-dev-stripe-webhook-secrets"]


@pytest.mark.parametrize("stage", ["local", "dev"])
def test_the_signing_secret_of_the_simulated_gateway_is_generated(stage: str, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    secrets = webhook_secrets(synthesis)
    # Without punctuation and spaces it is one secret.
    assert secrets.properties["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 48}
    assert "SecretString" not in secrets.properties
    for role in ("consumer", "checks"):
        read = allowed(synthesis, "payment", role)["secretsmanager:GetSecretValue"]
        assert read == [{"Fn::GetAtt": [secrets.id, "Id"]}]


def test_stripes_signing_secrets_are_created_empty_and_retained(prod: Synthesis) -> None:
    secrets = webhook_secrets(prod)
    assert not {"SecretString", "GenerateSecretString"} & secrets.properties.keys()
    assert secrets.body["DeletionPolicy"] == "RetainExceptOnCreate"


def webhook_secrets(synthesis: Synthesis) -> Resource:
    name = f"tidings-{synthesis.stage}-stripe-webhook-secrets"
    return synthesis.only("payment", "AWS::SecretsManager::Secret", Name=name)


@pytest.mark.parametrize("stage", ["local", "dev"])
def test_the_simulated_gateway_sends_webhooks_to_the_stages_own_api(stage: str, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    secrets = webhook_secrets(synthesis)
    for role in ("consumer", "checks", "api"):
        name = f"tidings-{stage}-payment-{role}"
        function = synthesis.only("payment", "AWS::Lambda::Function", FunctionName=name)
        variables = function.properties["Environment"]["Variables"]
        assert variables["WEBHOOK_SECRETS_ARN"] == {"Fn::GetAtt": [secrets.id, "Id"]}
        parts = variables["WEBHOOK_URL"]["Fn::Join"][1]
        assert parts[-1] == "/webhooks/stripe"
        # On the local cloud it is a path below the endpoint that all services share.
        api = "/_aws/execute-api/" if stage == "local" else {"Fn::ImportValue": IMPORTED_ENDPOINT}
        assert parts[0] == api


def test_a_stage_with_stripe_has_no_table_of_simulated_payments(dev: Synthesis, prod: Synthesis) -> None:
    tables = {table.properties["TableName"] for table in prod.resources("AWS::DynamoDB::Table")}
    assert "tidings-prod-gateway" not in tables
    dev.only("payment", "AWS::DynamoDB::Table", TableName="tidings-dev-gateway")


def test_an_unknown_gateway_is_refused(tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path), analytics_reporting=False)
    with pytest.raises(ValueError, match="the stage local has an unknown payment gateway, 'paypal'"):
        build(app, shop(STAGES["local"], replace(SETTINGS["local"], gateway="paypal")))


def test_the_layer_contains_the_locks_packages_for_lambdas_processor(prod: Synthesis) -> None:
    packages = stripe_layer(prod)
    installed = {folder.name.removesuffix(".dist-info").replace("_", "-") for folder in packages.glob("*.dist-info")}
    assert installed == {f"{name}-{version}" for name, version in pinned("requirements-stripe.txt").items()}
    for library in packages.rglob("*.so"):
        assert int.from_bytes(library.read_bytes()[18:20], "little") == ELF_MACHINE["arm64"]


def test_the_library_can_be_imported_from_the_layer_alone(prod: Synthesis) -> None:
    code = (
        "import sys\n"
        f"sys.path[:0] = [{str(stripe_layer(prod))!r}]\n"
        "import stripe\n"
        "stripe.StripeClient('sk_nobodys').v1.payment_intents, stripe.RequestsClient\n"
        "print(stripe.__file__)\n"
    )
    # The layer's compiled code is for another processor. Stripe works without it.
    command = [sys.executable, "-I", "-S", "-B", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout.startswith(str(stripe_layer(prod)))


def test_the_layers_lock_agrees_with_the_project_and_its_lock() -> None:
    assert_locked("ops/pyproject.toml", "stripe", "requirements-stripe.txt")


def test_the_keys_secret_is_created_empty_and_retained(prod: Synthesis) -> None:
    secret = prod.only("payment", "AWS::SecretsManager::Secret", Name="tidings-prod-stripe-key")
    assert not {"SecretString", "GenerateSecretString"} & secret.properties.keys()
    assert secret.body["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_functions_that_call_stripe_read_the_key_and_no_other_role_of_payment_does(prod: Synthesis) -> None:
    secret = key_of(prod)
    reading = [
        policy.properties["Roles"][0]["Ref"].partition("role")[0]
        for policy, action, resource in prod.allowed()
        if action.startswith("secretsmanager:") and resource == {"Fn::GetAtt": [secret.id, "Id"]}
    ]
    assert sorted(reading) == ["api", "checks", "consumer"]
    for role in reading:
        assert allowed(prod, "payment", role)["secretsmanager:GetSecretValue"] == [{"Fn::GetAtt": [secret.id, "Id"]}]


def key_of(synthesis: Synthesis) -> Resource:
    return synthesis.only("payment", "AWS::SecretsManager::Secret", Name=f"tidings-{synthesis.stage}-stripe-key")


def test_environments_contain_the_secrets_arn_and_the_publishable_key(prod: Synthesis) -> None:
    for role in ("consumer", "checks", "api"):
        function = prod.only("payment", "AWS::Lambda::Function", FunctionName=f"tidings-prod-payment-{role}")
        variables = function.properties["Environment"]["Variables"]
        assert variables["STRIPE_KEY_ARN"] == {"Fn::GetAtt": [key_of(prod).id, "Id"]}
        assert variables["STRIPE_PUBLISHABLE_KEY"] == PUBLISHABLE_KEY


def test_two_calls_that_time_out_fit_into_the_functions_timeout(prod: Synthesis) -> None:
    consumer = prod.only("payment", "AWS::Lambda::Function", FunctionName="tidings-prod-payment-consumer")
    assert 2 * (1 + RETRIES) * sum(TIMEOUT) < consumer.properties["Timeout"]
