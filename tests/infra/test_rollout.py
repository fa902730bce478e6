"""The sequence of a release's stacks, by the contracts that changed since the last release."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from aws_cdk import App

from infra.application import Application
from infra.build import build
from infra.discovery import ServiceFolder
from infra.published_language.baseline import RELEASE, schemas_in, schemas_of, write_schemas
from infra.release.contracts import changed_contracts
from infra.release.rollout import Rollout, rollout_of
from infra.shop import SETTINGS, shop
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, owned
from tidings.core.contract import Contract
from tidings.core.decisions import Skip
from tidings.core.service import EventHandler, Service, on


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
    handlers: tuple[EventHandler[State], ...] = tuple(
        on(contract, lambda _entity, _event: Skip()) for contract in handles
    )
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


def contract_with(docstring: str, name: str = "Noted", **fields: Any) -> type[Contract]:
    made: Any = msgspec.defstruct(
        name,
        [(field, *given) if isinstance(given, tuple) else (field, given) for field, given in fields.items()],
        bases=(Contract,),
        namespace={"producer": "notes", "__doc__": docstring},
        frozen=True,
        kw_only=True,
    )
    contract: type[Contract] = made
    return contract


RELEASED = contract_with("A note.", title=str)


@pytest.mark.parametrize(
    ("contract", "changed"),
    [
        (contract_with("Something that somebody noted.", title=str), False),
        (contract_with("A note.", title=int), True),
        (contract_with("A note.", title=str, text=(str, "")), True),
        (contract_with("A note.", text=str), True),
        (contract_with("A note.", name="Forgotten", title=str), True),
    ],
    ids=["another text", "another type", "a new field", "another name of a field", "a new contract"],
)
def test_a_contract_has_changed_if_its_meaning_has(contract: type[Contract], changed: bool) -> None:
    found = changed_contracts([contract], schemas_of([RELEASED]))
    assert found == ({contract.schema()} if changed else set())


def test_a_contract_that_is_gone_has_not_changed() -> None:
    assert changed_contracts([], schemas_of([RELEASED])) == set()


def test_without_a_recorded_release_no_contract_has_changed() -> None:
    assert changed_contracts([RELEASED], {}) == set()


def test_no_contract_has_changed_since_a_release_of_the_same_code(tmp_path: Path) -> None:
    contracts = shop(STAGES["prod"]).contracts
    write_schemas(tmp_path, schemas_of(contracts))
    released = schemas_in(tmp_path)
    assert len(released) > 10
    assert changed_contracts(contracts, released) == set()


def test_the_shop_can_be_deployed_after_the_recorded_release() -> None:
    application = shop(STAGES["prod"])
    changed = changed_contracts(application.contracts, schemas_in(RELEASE))
    assert rollout_of([folder.service for folder in application.services], changed).problems == ()


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
