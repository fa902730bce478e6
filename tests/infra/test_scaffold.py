"""A consumer that `tidings new consumer` creates adds one stack and changes no other service's code."""

import shutil

import pytest

from infra.discovery import ROOT, ServiceFolder
from ops.scaffold import known_events, new_consumer
from ops.scaffold.consumer import RESERVED_NAMES
from tests.infra.projects import changed_stacks, code_of, copy_project, synthesize_project
from tests.infra.synthesis import Synthesis


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    copy = copy_project(tmp_path_factory.mktemp("project"))
    shutil.copytree(ROOT / "docs", copy / "docs")
    shutil.copy(ROOT / "pyproject.toml", copy)
    new_consumer(copy, "popularity", ["OrderConfirmed", "OrderCancelled"], known_events())
    return synthesize_project(copy)


def test_a_new_consumer_adds_one_stack_and_changes_only_those_that_observe_all(
    dev: Synthesis, extended: Synthesis
) -> None:
    assert extended.templates.keys() - dev.templates.keys() == {"popularity"}
    assert changed_stacks(dev, extended) == {"monitoring", "operations"}


def test_a_new_consumer_leaves_every_other_functions_code_unchanged(dev: Synthesis, extended: Synthesis) -> None:
    code = code_of(extended)
    assert {name: code[name] for name in code if "-popularity-" not in name} == code_of(dev)


def test_a_new_consumer_subscribes_to_its_events_and_to_no_others(extended: Synthesis) -> None:
    extended.only("popularity", "AWS::SNS::Subscription", FilterPolicy={"type": ["OrderCancelled", "OrderConfirmed"]})
    extended.only("popularity", "AWS::Lambda::Function", FunctionName="tidings-dev-popularity-consumer")


def test_no_new_service_can_be_named_like_another_stack_of_the_stage(
    dev: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    assert dev.templates.keys() - {found.name for found in services} <= set(RESERVED_NAMES)
