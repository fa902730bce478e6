from types import NoneType
from typing import Any

import pytest
from msgspec import Struct

from tests.unit.tidings.example import Answered, Asked, Known, Repeated, answer, answers, skip
from tidings.core.contract import Contract
from tidings.core.entity import Entity
from tidings.core.service import Index, Service, on
from tidings.core.strategy import Log, Observer, OneByOne


def test_a_service_subscribes_to_the_contracts_that_it_handles() -> None:
    assert answers().contracts == (Asked, Repeated)
    assert answers().consumes


def test_a_service_handles_each_event_by_the_handler_of_its_type() -> None:
    service = answers(creates=True)
    assert service.handler_of("Asked").decide is answer
    assert (service.handler_of("Asked").creates, service.handler_of("Repeated").creates) == (True, False)
    with pytest.raises(KeyError):
        service.handler_of("Answered")


def test_an_external_handler_is_no_subscription() -> None:
    service = Service(name="answers", state=Known, external_handlers=(on(Asked, answer),))
    assert service.contracts == ()
    assert service.handler_of("Asked").decide is answer


def test_a_service_without_handlers_has_no_queue() -> None:
    assert not Service(name="answers", state=Known).consumes


class Count(Struct, frozen=True):
    number: int = 0


class Counted(Contract, frozen=True, kw_only=True):
    producer = "answers"
    subject_pattern = "count:[0-9]+"


def counts(**changes: Any) -> Service[Count]:
    declared: dict[str, Any] = {"name": "answers", "announces": (Counted,), "keys": "count:[0-9]+"}
    return Service(state=Count, **(declared | changes))


def test_the_declaration_of_an_entity_is_that_of_the_kind_whose_keys_it_matches() -> None:
    kind = counts()
    service = Service(name="answers", state=Known, announces=(Answered, Counted), kinds=(kind,))
    assert service.kind_of("count:7") is kind
    assert [service.kind_of(key) for key in ("question", "count:", "count:7x", "a count:7")] == [service] * 4


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "others", "announces": ()},
        {"handlers": (on(Repeated, skip),)},
        {"keys": ""},
        {"announces": (Counted, Answered)},
    ],
    ids=["another name", "event handlers", "no keys", "an event that the service does not announce"],
)
def test_a_further_kind_of_entities_must_be_like_the_services_own(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="answers declares a further kind of entities that is not like its own"):
        Service(name="answers", state=Known, announces=(Counted,), kinds=(counts(**changes),))


RECEIVES_ALL = pytest.mark.parametrize("strategy", [Log(sort_key="id"), Observer()], ids=["log", "observer"])


@RECEIVES_ALL
def test_a_log_and_an_observer_receive_every_event(strategy: Log | Observer) -> None:
    service = Service(name="log", state=NoneType, strategy=strategy)
    assert service.subscribes_to_all
    assert service.consumes
    assert service.contracts == ()


def test_a_service_is_handled_one_by_one_unless_declared_otherwise() -> None:
    assert answers().strategy == OneByOne()


@pytest.mark.parametrize(
    "declaration",
    [
        {"announces": (Answered,)},
        {"has_side_effects": True},
        {"external_handlers": (on(Repeated, skip),)},
    ],
)
def test_a_service_with_effects_beyond_its_table_cannot_be_rebuilt(declaration: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="answers cannot be rebuilt"):
        Service(name="answers", state=Known, handlers=(on(Asked, answer),), rebuildable=True, **declaration)


@RECEIVES_ALL
@pytest.mark.parametrize("declaration", [{"under_way": str}, {"list_of": str}, {"in_exports": True}])
def test_a_log_and_an_observer_have_no_entities_to_tell_of(
    strategy: Log | Observer, declaration: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="log receives every event, so it has no entities to tell of"):
        Service(name="log", state=NoneType, strategy=strategy, **declaration)


@pytest.mark.parametrize("declaration", [{"under_way": lambda _: ""}, {"list_of": str}, {"in_exports": True}])
def test_a_service_that_declares_something_about_people_answers_about_them(declaration: dict[str, Any]) -> None:
    assert Service(name="answers", state=Known, **declaration).answers_about_people
    assert not answers().answers_about_people


@RECEIVES_ALL
def test_a_log_and_an_observer_cannot_have_event_handlers(strategy: Log | Observer) -> None:
    with pytest.raises(ValueError, match="log receives every event, so it cannot have event handlers"):
        Service(name="log", state=Known, strategy=strategy, handlers=(on(Asked, answer),))


def test_a_services_index_attributes_are_those_of_all_its_indexes() -> None:
    indexes = (
        Index(partition="owner", sort="rank", of=lambda entity: {"owner": entity.key}),
        Index(name="pending", partition="shard", sort="since", of=lambda _: {}),
        Index(name="recent", partition="day", sort="time", of=lambda _: {"day": "1"}),
    )
    assert answers(indexes=indexes).index_attributes(Entity("a")) == {"owner": "a", "day": "1"}


def test_an_indexs_name_is_in_an_environment_variable() -> None:
    assert Index(partition="owner", sort="rank").variable == "INDEX"
    assert Index(name="pending", partition="owner", sort="rank").variable == "PENDING_INDEX"


def test_a_service_has_one_handler_of_an_event_type() -> None:
    with pytest.raises(ValueError, match="two handlers of one event type"):
        Service(name="answers", state=Known, handlers=(on(Asked, answer), on(Asked, answer)))
