"""The erasure of orders' personal data at the end of their period of retention."""

import pytest

from contracts.orders.order_cancelled import OrderCancelled
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.privacy.jobs.retention import RetentionReport
from tests.unit.facts import NOON_MILLIS, fact, order_id
from tests.unit.functions.personal_data import DAY, PrivacyJobs
from tidings.testing import CORRELATION_ID, fails, preceded_by

PERIOD = 365 * DAY
ORDERS = [order_id(n) for n in range(50)]


@pytest.fixture
def jobs() -> PrivacyJobs:
    return PrivacyJobs()


def end(jobs: PrivacyJobs, *orders: str) -> None:
    for order in orders:
        jobs.people.add(order)
        jobs.scenario.given(fact(OrderDispatched(tracking="T1"), order=order))


def test_an_order_is_erased_at_the_end_of_its_period_and_not_before(jobs: PrivacyJobs) -> None:
    end(jobs, ORDERS[0])
    jobs.clock.now = NOON_MILLIS + PERIOD * 1000 - 1
    assert jobs.end_retentions() == RetentionReport(0, 0, 0, finished=True)
    jobs.clock.advance(milliseconds=1)
    assert jobs.end_retentions() == RetentionReport(1, 0, 0, finished=True)
    assert jobs.erased(ORDERS[0]) == ["retention"]
    assert jobs.end_retentions() == RetentionReport(0, 0, 0, finished=True)


def test_the_event_is_a_further_effect_of_the_request_that_placed_the_order(jobs: PrivacyJobs) -> None:
    end(jobs, ORDERS[0])
    jobs.clock.advance(seconds=PERIOD)
    jobs.end_retentions()
    (event,) = jobs.scenario.entity(ORDERS[0]).outbox
    assert event.envelope.correlationid == CORRELATION_ID


def test_another_period_may_be_given(jobs: PrivacyJobs) -> None:
    end(jobs, ORDERS[0])
    assert jobs.end_retentions(older_than=0).erased == 1


def test_an_order_with_something_under_way_is_looked_at_again_a_day_later(jobs: PrivacyJobs) -> None:
    end(jobs, ORDERS[0])
    jobs.people.add(ORDERS[0], under_way="dispute")
    jobs.clock.advance(seconds=PERIOD)
    assert jobs.end_retentions() == RetentionReport(0, 1, 0, finished=True)
    jobs.people.add(ORDERS[0])
    jobs.clock.advance(seconds=DAY, milliseconds=-1)
    assert jobs.end_retentions().erased == 0
    jobs.clock.advance(milliseconds=1)
    assert jobs.end_retentions().erased == 1


def test_an_order_that_was_cancelled_after_its_dispatch_is_kept_from_then_on(jobs: PrivacyJobs) -> None:
    end(jobs, ORDERS[0])
    jobs.scenario.given(fact(OrderCancelled(reason="operator"), order=ORDERS[0], time=NOON_MILLIS + DAY * 1000))
    jobs.clock.now = NOON_MILLIS + PERIOD * 1000
    assert jobs.end_retentions().erased == 0
    jobs.clock.advance(seconds=DAY)
    assert jobs.end_retentions().erased == 1


def test_a_run_stops_at_its_deadline_and_the_next_takes_the_rest(jobs: PrivacyJobs) -> None:
    end(jobs, *ORDERS)
    jobs.clock.advance(seconds=PERIOD)
    jobs.people.read_faults.always(preceded_by(lambda: jobs.clock.advance(seconds=1)))
    assert jobs.end_retentions(deadline=jobs.clock() + 1500) == RetentionReport(40, 0, 0, finished=False)
    assert jobs.end_retentions() == RetentionReport(10, 0, 0, finished=True)


def test_orders_that_fail_hold_up_no_others(jobs: PrivacyJobs) -> None:
    end(jobs, *ORDERS[:3])
    jobs.people.add(ORDERS[1], under_way="refund")
    jobs.clock.advance(seconds=PERIOD)
    for order in ORDERS[:2]:
        jobs.scenario.table.commit_faults.at(order, fails(TimeoutError("no answer")))
    assert jobs.end_retentions() == RetentionReport(1, 0, 2, finished=True)
    jobs.scenario.table.commit_faults.clear()
    assert jobs.end_retentions() == RetentionReport(1, 1, 0, finished=True)


def test_orders_of_which_the_services_say_nothing_are_tried_again(jobs: PrivacyJobs) -> None:
    end(jobs, *ORDERS[:3])
    jobs.clock.advance(seconds=PERIOD)
    jobs.people.read_faults.next(fails(TimeoutError("no answer")))
    assert jobs.end_retentions() == RetentionReport(0, 0, 3, finished=True)
    assert jobs.end_retentions() == RetentionReport(3, 0, 0, finished=True)


def test_an_order_that_was_erased_meanwhile_is_erased_no_more(jobs: PrivacyJobs) -> None:
    end(jobs, ORDERS[0])
    jobs.clock.advance(seconds=PERIOD)
    stale = jobs.pending(jobs.scenario.service.indexes[1])
    jobs.end_retentions()
    assert jobs.retention.run(stale, PERIOD, 2**62) == RetentionReport(0, 0, 0, finished=True)
    assert jobs.erased(ORDERS[0]) == ["retention"]
