"""A first deployment of `prod` that failed half-way can be repeated."""

from pathlib import Path

from tests.infra.projects import copy_project, run_app
from tests.infra.synthesis import Synthesis

# The types of which prod keeps the resources. All of them but the keys have a fixed name.
KEPT = {
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::SecretsManager::Secret",
}


def test_prod_keeps_its_data_except_after_a_failed_first_deployment(prod: Synthesis) -> None:
    kept = prod.resources(*KEPT)
    assert {resource.type for resource in kept} == KEPT
    for resource in kept:
        assert resource.body["DeletionPolicy"] == "RetainExceptOnCreate", resource
        assert resource.body["UpdateReplacePolicy"] == "Retain", resource


def test_a_failed_first_deployment_leaves_no_resource(prod: Synthesis) -> None:
    policies = {
        body["Type"]: body["DeletionPolicy"]
        for template in prod.templates.values()
        for body in template["Resources"].values()
        if body.get("DeletionPolicy", "Delete") not in ("Delete", "RetainExceptOnCreate")
    }
    assert policies == {}


def test_dev_and_local_delete_their_data_with_their_stacks(dev: Synthesis, local: Synthesis) -> None:
    for synthesis in (dev, local):
        assert {resource.body["DeletionPolicy"] for resource in synthesis.resources(*KEPT)} == {"Delete"}


def test_the_first_deployment_of_prod_protects_nothing_from_its_own_rollback(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    done = run_app(project, stage="prod", first="yes")
    assert done.returncode == 0, done.stderr
    synthesis = Synthesis("prod", project / "cdk.out")
    tables = synthesis.resources("AWS::DynamoDB::Table")
    assert {table.properties["DeletionProtectionEnabled"] for table in tables} == {False}
    pools = synthesis.resources("AWS::Cognito::UserPool")
    assert [pool.properties["DeletionProtection"] for pool in pools] == ["INACTIVE", "INACTIVE"]
    assert '"terminationProtection": true' not in (synthesis.folder / "manifest.json").read_text()
