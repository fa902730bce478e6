from types import NoneType
from typing import Any

import msgspec
import pytest

from tests.unit.tidings.example import Asked, Known, answer, answers
from tidings.core.errors import PermanentError
from tidings.core.event import encode, with_data
from tidings.core.service import Service, on
from tidings.core.strategy import Batched, Log, Observer, OneByOne, Projection, Strategy
from tidings.handling.batch import BatchExecutor
from tidings.handling.every_event import EveryEventExecutor
from tidings.handling.executor import EventExecutor, HandlerExecutor
from tidings.messaging.assembly import Receive, executor_of, parser_of
from tidings.testing import InlineExecutor, MemoryTable, make_event

LOG = Service(name="log", state=NoneType, strategy=Log(sort_key="id"))
OBSERVER = Service(name="observer", state=NoneType, strategy=Observer())


def assembled(service: Service[Any], receive: Receive | None = None) -> EventExecutor:
    return executor_of(
        service,
        handlers=lambda: HandlerExecutor(service, MemoryTable()),
        receive=receive,
        threads=InlineExecutor(),
    )


@pytest.mark.parametrize(
    ("strategy", "executor"),
    [
        (OneByOne(), HandlerExecutor),
        (Batched(batch=None), BatchExecutor),
        (Projection(contribution=lambda _: {}), BatchExecutor),
    ],
)
def test_a_services_executor_is_that_of_its_strategy(strategy: Strategy[Known], executor: type[EventExecutor]) -> None:
    service = Service(name="answers", state=Known, handlers=(on(Asked, answer),), strategy=strategy)
    assert isinstance(assembled(service), executor)


@pytest.mark.parametrize("service", [LOG, OBSERVER], ids=lambda service: service.name)
def test_a_service_that_receives_every_event_needs_a_function_that_does(service: Service[Any]) -> None:
    assert isinstance(assembled(service, receive=lambda _: None), EveryEventExecutor)
    with pytest.raises(ValueError, match=f"{service.name} is to receive every event, and has no function that does"):
        assembled(service)


def test_a_service_parses_the_events_that_it_handles_and_a_log_every_event() -> None:
    body = encode(make_event(Asked(question="what?")))
    assert parser_of(answers())(body).data == Asked(question="what?")
    assert parser_of(LOG)(body).data == body
    with pytest.raises(PermanentError, match="nothing here handles Told"):
        parser_of(answers())(body.replace("Asked", "Told"))


def test_an_observer_receives_the_data_of_every_event_without_personal_data() -> None:
    event = make_event(Asked(question="what?"))
    with_personal = msgspec.structs.replace(event, personal='{"name":"Ada"}')
    observed = parser_of(OBSERVER)(encode(with_personal))
    assert observed == with_data(event, {"question": "what?"})
