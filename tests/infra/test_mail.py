"""The mail identity that stages share, who may send from it, and the limit of e-mails."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from infra.build import build
from infra.shop import SETTINGS, shop
from infra.stages import STAGES
from tests.infra.projects import copy_project, run_app
from tests.infra.synthesis import CONTEXT, OWNED, Synthesis, owned

STACK = f"tidings-mail-{OWNED.replace('.', '-')}"


def mail_template(folder: Path, stack: str = STACK) -> dict[str, Any]:
    template: dict[str, Any] = json.loads((folder / f"{stack}.template.json").read_text())
    return template


def synthesize_with_sender(stage: str, sender: str, folder: Path) -> dict[str, Any]:
    """Synthesize a stage with a sender. Return the manifest of the assembly."""
    app = App(context=CONTEXT, outdir=str(folder), analytics_reporting=False)
    build(app, shop(STAGES[stage], replace(owned(SETTINGS[stage]), sender=sender)))
    app.synth()
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return manifest


# The identity


def test_the_senders_domain_is_an_identity_with_dkim_in_a_separate_stack(prod: Synthesis) -> None:
    (identity,) = mail_template(prod.folder)["Resources"].values()
    assert identity["Type"] == "AWS::SES::EmailIdentity"
    assert owned(SETTINGS["prod"]).sender.endswith(f"@{OWNED}")
    assert identity["Properties"]["EmailIdentity"] == OWNED
    assert identity["Properties"]["DkimAttributes"] == {"SigningEnabled": True}
    assert prod.resources("AWS::SES::EmailIdentity") == []


def test_the_identity_outlives_its_stack_except_after_a_failed_first_deployment(prod: Synthesis) -> None:
    (identity,) = mail_template(prod.folder)["Resources"].values()
    assert (identity["DeletionPolicy"], identity["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_the_outputs_are_the_records_that_an_operator_publishes(prod: Synthesis) -> None:
    template = mail_template(prod.folder)
    (name,) = template["Resources"]
    records = {
        f"Dkim{n}": [
            {"Fn::GetAtt": [name, f"DkimDNSTokenName{n}"]},
            " CNAME ",
            {"Fn::GetAtt": [name, f"DkimDNSTokenValue{n}"]},
        ]
        for n in (1, 2, 3)
    }
    assert {key: output["Value"]["Fn::Join"][1] for key, output in template["Outputs"].items()} == records


def test_two_stages_with_one_domain_share_one_and_the_same_stack(tmp_path: Path) -> None:
    stacks = []
    for stage, sender in (("dev", "test@shop.tidings.net"), ("prod", "orders@shop.tidings.net")):
        manifest = synthesize_with_sender(stage, sender, tmp_path / stage)
        artifact = manifest["artifacts"]["tidings-mail-shop-tidings-net"]
        stacks.append((mail_template(tmp_path / stage, "tidings-mail-shop-tidings-net"), artifact["properties"]))
    (first, first_properties), (second, second_properties) = stacks
    assert first == second
    assert first_properties["terminationProtection"] is second_properties["terminationProtection"] is True
    (identity,) = first["Resources"].values()
    assert identity["Properties"]["Tags"] == [{"Key": "application", "Value": "tidings"}]


def test_stages_with_two_domains_have_two_stacks(dev: Synthesis, prod: Synthesis) -> None:
    assert not (dev.folder / f"{STACK}.template.json").exists()
    (identity,) = mail_template(dev.folder, "tidings-mail-dev-tidings-net")["Resources"].values()
    assert identity["Properties"]["EmailIdentity"] == f"dev.{OWNED}"
    assert not (prod.folder / "tidings-mail-dev-tidings-net.template.json").exists()


def test_the_user_pools_are_deployed_after_the_identity(prod: Synthesis) -> None:
    artifacts = json.loads((prod.folder / "manifest.json").read_text())["artifacts"]
    assert STACK in artifacts["tidings-prod-users"]["dependencies"]


def test_the_first_deployment_can_be_rolled_back(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    assert run_app(project, stage="prod", first="yes").returncode == 0
    artifact = json.loads((project / "cdk.out" / "manifest.json").read_text())["artifacts"][STACK]
    assert not artifact["properties"].get("terminationProtection")


def test_the_local_stage_has_an_identity_of_its_sender_in_its_own_stack(local: Synthesis) -> None:
    assert list(local.folder.glob("tidings-mail-*")) == []
    identity = local.only("notification", "AWS::SES::EmailIdentity")
    assert identity.properties["EmailIdentity"] == SETTINGS["local"].sender


# Permission to send


def test_only_notifications_consumer_may_send_mail(prod: Synthesis) -> None:
    mail = [(policy, action) for policy, action, _ in prod.allowed() if action.startswith("ses:")]
    consumer = prod.only("notification", "AWS::Lambda::Function", FunctionName="tidings-prod-notification-consumer")
    role = consumer.properties["Role"]["Fn::GetAtt"][0]
    assert {(policy.stack, str(policy.properties["Roles"]), action) for policy, action in mail} == {
        ("notification", str([{"Ref": role}]), "ses:SendEmail")
    }


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_mail_is_sent_from_the_stages_sender_only_and_to_recipients_with_an_identity_too(
    stage: str, request: pytest.FixtureRequest
) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    (statement,) = [
        statement
        for policy in synthesis.resources("AWS::IAM::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Action"] == "ses:SendEmail"
    ]
    sender = owned(SETTINGS[stage]).sender
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": sender}}
    configuration_set = synthesis.only("notification", "AWS::SES::ConfigurationSet").id
    to_set, to_identities = sorted((each["Fn::Join"][1] for each in statement["Resource"]), key=len, reverse=True)
    assert to_set[-2:] == [":configuration-set/", {"Ref": configuration_set}]
    assert to_identities[-1] == ":identity/*"
    environment = synthesis.only(
        "notification", "AWS::Lambda::Function", FunctionName=f"tidings-{stage}-notification-consumer"
    ).properties["Environment"]["Variables"]
    assert environment["SENDER"] == sender


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_the_consumer_knows_its_stages_limit(stage: str, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    consumer = synthesis.only(
        "notification", "AWS::Lambda::Function", FunctionName=f"tidings-{stage}-notification-consumer"
    )
    limit = int(consumer.properties["Environment"]["Variables"]["MAILS_PER_HOUR"])
    # An item has at most 400 KB, and an e-mail's mark takes about 60 bytes.
    assert 3 <= limit == SETTINGS[stage].mails_per_hour <= 5000


# The user pools


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_every_user_pool_sends_through_ses_from_the_verified_domain(stage: str, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    pools = synthesis.resources("AWS::Cognito::UserPool")
    assert pools
    sender = owned(SETTINGS[stage]).sender
    for pool in pools:
        email = pool.properties["EmailConfiguration"]
        assert (email["EmailSendingAccount"], email["From"]) == ("DEVELOPER", f"Tidings <{sender}>")
        region, identity = email["SourceArn"]["Fn::Join"][1][3], email["SourceArn"]["Fn::Join"][1][-1]
        assert region == {"Ref": "AWS::Region"}
        assert identity == f":identity/{sender.partition('@')[2]}"


def test_a_changed_address_is_used_once_it_is_verified(prod: Synthesis) -> None:
    for pool in prod.resources("AWS::Cognito::UserPool"):
        settings = pool.properties["UserAttributeUpdateSettings"]
        assert settings == {"AttributesRequireVerificationBeforeUpdate": ["email"]}


def test_the_local_user_pools_send_as_cognito_does_by_itself(local: Synthesis) -> None:
    for pool in local.resources("AWS::Cognito::UserPool"):
        assert "EmailSendingAccount" not in pool.properties.get("EmailConfiguration", {})
