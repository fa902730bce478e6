"""The decisions of privacy about orders and jobs."""

from contracts.orders.order_cancelled import OrderCancelled
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.privacy import handlers
from functions.privacy.service import JOBS, RETENTION, service
from functions.privacy.state import Job, Record, Retained
from tests.unit.facts import ORDER, TRACE, fact
from tidings.core.decisions import Save, Skip
from tidings.core.entity import Entity
from tidings.testing import CORRELATION_ID, NOON, Execute, given

LATER = "2026-02-01T12:00:00.000Z"
DISPATCHED = fact(OrderDispatched(tracking="T1"))
CANCELLED = fact(OrderCancelled(reason="customer"), time=LATER, n=2)
KEPT = Record(order=Retained(NOON, None, CORRELATION_ID, TRACE))
ERASED = Record(order=Retained(erased="customer"))
MADE = Job("export", "ann", NOON, "customer", "request-1", TRACE, due=NOON)


def order(state: Record) -> Entity[Record]:
    return Entity(ORDER, version=1, state=state)


def test_the_retention_of_an_order_counts_from_its_dispatch() -> None:
    given(service).when(DISPATCHED).then(state=KEPT, announced=[])


def test_the_retention_of_an_order_counts_from_the_later_of_its_ends() -> None:
    expected = Record(order=Retained(LATER, None, CORRELATION_ID, TRACE))
    given(service).when(DISPATCHED, CANCELLED).then(state=expected)
    given(service).when(CANCELLED, DISPATCHED).then(state=expected)


def test_an_order_that_ends_after_its_erasure_stays_erased() -> None:
    given(service, order(ERASED)).when(DISPATCHED, CANCELLED).then(state=ERASED, writes=0)


def test_an_erasure_is_announced_once_whoever_asks_first() -> None:
    scenario = given(service, order(KEPT))
    scenario.when(Execute(ORDER, lambda entity: handlers.erase(entity, "operator"))).then(
        announced=[PersonalDataErased(reason="operator")]
    )
    scenario.when(Execute(ORDER, lambda entity: handlers.erase(entity, "retention"))).then(writes=0)


def test_an_order_that_privacy_does_not_know_is_erased_as_well() -> None:
    given(service).when(Execute(ORDER, lambda entity: handlers.erase(entity, "customer"), creates=True)).then(
        state=ERASED, announced=[PersonalDataErased(reason="customer")]
    )


def test_a_postponed_order_is_due_later_and_never_earlier() -> None:
    decision = handlers.postpone(order(KEPT), LATER)
    assert isinstance(decision, Save)
    assert decision.state.order == Retained(LATER, None, CORRELATION_ID, TRACE)
    assert handlers.postpone(order(decision.state), NOON) == Skip()
    assert handlers.postpone(order(ERASED), LATER) == Skip()


def test_an_order_is_in_the_index_of_retention_until_it_is_erased() -> None:
    assert RETENTION.of(order(KEPT))[RETENTION.sort] == NOON
    assert RETENTION.of(order(ERASED)) == JOBS.of(order(KEPT)) == {}


def test_a_job_is_in_the_index_of_jobs_until_its_end() -> None:
    made = Entity("job", version=1, state=Record(job=MADE))
    assert JOBS.of(made)[JOBS.sort] == NOON
    assert RETENTION.of(made) == {}
    assert JOBS.of(Entity("job", version=1, state=Record(job=Job("export", "ann", NOON, "customer", "r", TRACE)))) == {}


def test_a_job_is_requested_once() -> None:
    assert handlers.request(Entity("job"), MADE) == Save(Record(job=MADE))
    assert handlers.request(Entity("job", state=Record(job=MADE)), MADE) == Skip()


def test_the_progress_of_a_run_that_was_not_first_is_dropped() -> None:
    other = Job("export", "ann", NOON, "customer", "request-1", TRACE, due=LATER)
    entity = Entity("job", state=Record(job=other))
    assert handlers.progress(entity, MADE, MADE) == Skip()
    assert handlers.progress(entity, other, MADE) == Save(Record(job=MADE))
