"""The generations of a service's table: by a stage's data, a restored table takes the place of the one before."""

import json
import re

import msgspec
import pytest

from tests.infra.synthesis import Resource, Synthesis, synthesize
from tests.infra.test_permissions import tables_named
from tidings.aws.names import table_generation, table_name
from tidings.aws.watch import WatchedService

SERVICE = "orders"
TABLE = "AWS::DynamoDB::Table"


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesize("prod", tmp_path_factory.mktemp("restored"), table_generations={SERVICE: 2})


def table(synthesis: Synthesis) -> Resource:
    return synthesis.only(SERVICE, TABLE)


def test_the_first_generation_has_the_services_name_and_each_other_one_its_number() -> None:
    names = [table_name("tidings-prod-orders", generation) for generation in (1, 2, 10)]
    assert names == ["tidings-prod-orders", "tidings-prod-orders-2", "tidings-prod-orders-10"]
    assert [table_generation("tidings-prod-orders", name) for name in names] == [1, 2, 10]


def test_another_generation_is_another_table_with_the_same_properties(prod: Synthesis, restored: Synthesis) -> None:
    before, after = table(prod), table(restored)
    assert before.id != after.id
    assert before.properties["TableName"] == "tidings-prod-orders"
    assert after.properties == before.properties | {"TableName": "tidings-prod-orders-2"}
    assert after.properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_a_table_can_be_imported_and_the_one_before_is_kept(restored: Synthesis) -> None:
    """CloudFormation imports resources with a literal name that it would keep, and keeps what the template drops."""
    for each in restored.resources(TABLE):
        assert isinstance(each.properties["TableName"], str)
        assert each.body["DeletionPolicy"] == "RetainExceptOnCreate"


def test_mapping_rights_and_settings_follow_the_table(prod: Synthesis, restored: Synthesis) -> None:
    before, after = table(prod), table(restored)
    template = json.dumps(restored.templates[SERVICE])
    assert f'"{before.id}"' not in template
    assert template.count(f'"{after.id}"') == json.dumps(prod.templates[SERVICE]).count(f'"{before.id}"')
    assert restored.mapping(SERVICE, "relay").properties["EventSourceArn"] == {"Fn::GetAtt": [after.id, "StreamArn"]}
    for role in ("api", "consumer", "expiry", "personal"):
        variables = restored.function(SERVICE, role).properties["Environment"]["Variables"]
        assert variables["TABLE"] == {"Ref": after.id}
    tables = {
        name
        for policy, _, resource in restored.allowed()
        if policy.stack == SERVICE
        for name in tables_named(restored, SERVICE, resource)
    }
    assert tables == {"tidings-prod-orders-2"}


def test_the_watch_whose_alarms_are_on_a_stream_that_is_not_the_tables_and_the_graphs_follow_the_table(
    restored: Synthesis,
) -> None:
    function = restored.only("monitoring", "AWS::Lambda::Function")
    watched = msgspec.json.decode(
        function.properties["Environment"]["Variables"]["WATCHED"], type=tuple[WatchedService, ...]
    )
    assert [each.table for each in watched if each.name == SERVICE] == ["tidings-prod-orders-2"]
    described = [resource for _, action, resource in restored.allowed() if action == "dynamodb:DescribeTable"]
    assert "table/tidings-prod-orders-2" in json.dumps(described)
    assert 'table/tidings-prod-orders"' not in json.dumps(described)
    dashboard = json.dumps(restored.only("monitoring", "AWS::CloudWatch::Dashboard").body)
    drawn = set(re.findall(r'TableName[\\", ]+([a-z0-9-]+)', dashboard))
    assert "tidings-prod-orders-2" in drawn
    assert "tidings-prod-orders" not in drawn


def test_all_other_services_stay_as_they_are(prod: Synthesis, restored: Synthesis) -> None:
    changed = {name for name, body in restored.templates.items() if body != prod.templates[name]}
    assert changed == {SERVICE, "monitoring"}


@pytest.mark.parametrize("generations", [{"popularity": 2}, {SERVICE: 0}])
def test_a_generation_of_no_table_is_refused(
    generations: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(ValueError, match="table_generations of the stage 'prod'"):
        synthesize("prod", tmp_path_factory.mktemp("refused"), table_generations=generations)
