from types import NoneType
from typing import Any

import pytest

from tests.unit.tidings.example import Asked, Known, answer, answers
from tidings.core.errors import PermanentError
from tidings.core.event import encode
from tidings.core.service import Service, on
from tidings.core.strategy import Batched, Log, OneByOne, Projection, Strategy
from tidings.handling.batch import BatchExecutor
from tidings.handling.executor import EventExecutor, HandlerExecutor
from tidings.handling.log import LogExecutor
from tidings.messaging.assembly import Record, executor_of, parser_of
from tidings.testing import InlineExecutor, MemoryTable, make_event

LOG = Service(name="log", state=NoneType, strategy=Log(sort_key="id"))


def assembled(service: Service[Any], record: Record | None = None) -> EventExecutor:
    return executor_of(
        service,
        handlers=lambda: HandlerExecutor(service, MemoryTable()),
        record=record,
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


def test_a_log_needs_a_record() -> None:
    assert isinstance(assembled(LOG, record=lambda _: None), LogExecutor)
    with pytest.raises(ValueError, match="log is a log, and nothing records its events"):
        assembled(LOG)


def test_a_service_parses_the_events_that_it_handles_and_a_log_every_event() -> None:
    body = encode(make_event(Asked(question="what?")))
    assert parser_of(answers())(body).data == Asked(question="what?")
    assert parser_of(LOG)(body).data == body
    with pytest.raises(PermanentError, match="nothing here handles Told"):
        parser_of(answers())(body.replace("Asked", "Told"))
