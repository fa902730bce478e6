"""The sequence of a release's stacks, by the contracts that changed since the last release."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from aws_cdk import App

from infra.application import Application
from infra.build import build
from infra.discovery import ServiceFolder
from infra.release.contracts import changed_contracts, digest_of, digests_of, read_contracts, write_contracts
from infra.release.rollout import Rollout, rollout_of
from infra.shop import SETTINGS, shop
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, owned
from tidings.core.contract import Contract
from tidings.core.decisions import Skip
from tidings.core.service import Service, on


class State(msgspec.Struct, frozen=True):
    pass


class TicketOpened(Contract, frozen=True, kw_only=True):
    producer = "desk"


class TicketClosed(Contract, frozen=True, kw_only=True):
    producer = "desk"


class TicketAssigned(Contract, frozen=True, kw_only=True):
    producer = "assignment"


class TeamWarned(Contract, frozen=True, kw_only=True):
    producer = "alert"


def service(name: str, announces: tuple[type[Contract], ...], handles: tuple[type[Contract], ...]) -> Service[State]:
    handlers = tuple(on(contract, lambda _entity, _event: Skip()) for contract in handles)
    return Service(name=name, state=State, announces=announces, handlers=handlers)


DESK = service("desk", (TicketOpened, TicketClosed), (TicketAssigned, TicketOpened))
ASSIGNMENT = service("assignment", (TicketAssigned,), (TicketOpened, TicketClosed, TeamWarned))
ALERT = service("alert", (TeamWarned,), (TicketAssigned,))
SERVICES = (DESK, ASSIGNMENT, ALERT)


def rollout(*changed: type[Contract]) -> Rollout:
    return rollout_of(SERVICES, {contract.schema() for contract in changed})


def test_without_a_changed_contract_no_service_waits_for_another() -> None:
    assert rollout() == Rollout({})
    assert rollout().groups == ()


def test_the_consumers_of_a_changed_contract_are_deployed_before_its_producer() -> None:
    found = rollout(TicketAssigned)
    assert found.problems == ()
    assert found.groups == (("alert", "desk"), ("assignment",))
    assert found.steps == ("assignment after alert (TicketAssigned), desk (TicketAssigned)",)


def test_a_producer_that_consumes_another_changed_contract_is_deployed_between() -> None:
    desk = service("desk", (TicketOpened, TicketClosed), ())
    found = rollout_of((desk, ASSIGNMENT, ALERT), {TicketAssigned.schema(), TicketClosed.schema()})
    assert found.groups == (("alert",), ("assignment",), ("desk",))


def test_a_service_that_handles_its_own_changed_event_waits_for_nobody_because_of_it() -> None:
    assert "desk" not in rollout(TicketOpened).after["desk"]


def test_a_cycle_is_refused_with_the_contracts_the_services_and_the_way_to_split_it() -> None:
    (problem,) = rollout(TicketOpened, TicketClosed, TicketAssigned).problems
    assert "desk handles TicketAssigned of assignment" in problem
    assert "assignment handles TicketClosed, TicketOpened of desk" in problem
    assert "let assignment announce TicketAssigned as in the last release, or not at all if it is new" in problem
    assert problem.endswith('see "Split a release" in docs/guides/deploy.md.')


def test_the_split_of_a_cycle_leaves_a_release_that_can_be_deployed() -> None:
    assert rollout(TicketOpened, TicketClosed, TicketAssigned).problems
    assert rollout(TicketOpened, TicketClosed).problems == ()
    assert rollout(TicketAssigned).problems == ()


def test_each_of_several_cycles_is_described_once() -> None:
    problems = rollout(TicketOpened, TicketAssigned, TeamWarned).problems
    assert len(problems) == 2
    assert {"alert" in problem for problem in problems} == {True, False}


# Changed contracts


@pytest.mark.parametrize(
    ("released", "changed"),
    [(None, set()), ({"a": "1", "b": "2"}, set()), ({"a": "1"}, {"b"}), ({"a": "0", "b": "2", "c": "3"}, {"a"})],
    ids=["no release", "the same", "a new one", "another one, and one that is gone"],
)
def test_new_and_other_contracts_have_changed_since_the_release(released: Any, changed: set[str]) -> None:
    assert changed_contracts(released, {"a": "1", "b": "2"}) == changed


def contract_with(docstring: str, **fields: Any) -> type[Contract]:
    made: type[Contract] = msgspec.defstruct(
        "Noted",
        [(name, *given) if isinstance(given, tuple) else (name, given) for name, given in fields.items()],
        bases=(Contract,),
        namespace={"producer": "notes", "__doc__": docstring},
        frozen=True,
        kw_only=True,
    )
    return made


def test_a_contracts_digest_is_that_of_its_meaning_and_not_of_its_texts() -> None:
    before = digest_of(contract_with("A note.", title=str))
    assert digest_of(contract_with("Something that somebody noted.", title=str)) == before
    assert digest_of(contract_with("A note.", title=int)) != before
    assert digest_of(contract_with("A note.", title=str, text=(str, ""))) != before
    assert digest_of(contract_with("A note.", text=str)) != before


def test_the_recorded_contracts_are_read_as_they_were_written(tmp_path: Path) -> None:
    digests = digests_of(shop(STAGES["prod"]))
    assert len(digests) > 10
    write_contracts(digests, tmp_path / "contracts.json")
    assert read_contracts(tmp_path / "contracts.json") == digests
    assert read_contracts(tmp_path / "none.json") is None


# The stacks


def dependencies(application: Application, rollout: Rollout, folder: Path) -> dict[str, set[str]]:
    """Return the stacks that each stack of the synthesized application waits for."""
    app = App(context=CONTEXT, outdir=str(folder), analytics_reporting=False)
    build(app, application, rollout.after)
    assembly = app.synth()
    return {stack.stack_name: {each.id for each in stack.dependencies} for stack in assembly.stacks}


def test_the_stack_of_a_producer_waits_for_those_of_the_consumers_of_its_changed_contract(
    services: tuple[ServiceFolder, ...], tmp_path: Path
) -> None:
    changed = "urn:tidings:PaymentFailed:1"
    producers = [each.name for each in services if changed in {one.schema() for one in each.service.announces}]
    consumers = {each.name for each in services if changed in {one.schema() for one in each.service.contracts}}
    assert producers == ["payment"]
    assert consumers
    application = shop(STAGES["dev"], owned(SETTINGS["dev"]))
    found = dependencies(application, rollout_of([each.service for each in services], {changed}), tmp_path)
    assert found["tidings-dev-payment"] >= {f"tidings-dev-{name}" for name in consumers}
    assert not any("tidings-dev-payment" in found[f"tidings-dev-{name}"] for name in consumers)
