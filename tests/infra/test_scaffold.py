"""A consumer that `tidings new consumer` wrote is one stack more, and touches no other."""

import json
import shutil

import pytest

from infra.services import ROOT
from ops.scaffold import known_events, new_consumer
from tests.infra.synthesis import Synthesis
from tests.infra.test_services import run


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    copy = tmp_path_factory.mktemp("project")
    for name in ("tidings", "functions", "infra", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "cdk.json", "pyproject.toml", *(path.name for path in ROOT.glob("requirements*.txt"))):
        shutil.copy(ROOT / name, copy)
    new_consumer(copy, "popularity", ["OrderConfirmed", "OrderCancelled"], known_events())
    done = run(copy)
    assert done.returncode == 0, done.stderr
    return Synthesis("dev", copy / "cdk.out")


def test_a_new_consumer_is_one_stack_more_and_no_other_differs_but_the_dashboards(
    dev: Synthesis, extended: Synthesis
) -> None:
    added, before = extended.templates, dev.templates
    assert added.keys() - before.keys() == {"popularity"}
    assert {name for name in before if added[name] != before[name]} == {"monitoring"}


def test_a_new_consumer_leaves_the_code_of_every_other_function_as_it_was(dev: Synthesis, extended: Synthesis) -> None:
    def code(synthesis: Synthesis) -> dict[str, str]:
        return {
            function.properties["FunctionName"]: json.dumps(function.properties["Code"], sort_keys=True)
            for function in synthesis.resources("AWS::Lambda::Function")
            if "FunctionName" in function.properties and function.stack != "popularity"
        }

    assert code(extended) == code(dev)


def test_a_new_consumer_hears_of_its_events_and_of_no_others(extended: Synthesis) -> None:
    extended.only("popularity", "AWS::SNS::Subscription", FilterPolicy={"type": ["OrderCancelled", "OrderConfirmed"]})
    extended.only("popularity", "AWS::Lambda::Function", FunctionName="tidings-dev-popularity-consumer")
