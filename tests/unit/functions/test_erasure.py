"""Erasures of a person's data, in runs that may end at any point."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from functions.privacy.jobs.erasure import MAX_FAILURES
from functions.privacy.state import Record, UnderWay, job_of, order_of
from tests.unit.facts import NOON_MILLIS, order_id
from tests.unit.functions.personal_data import HOUR, JOB, PERSON, PrivacyJobs, crashing
from tidings.core.clock import to_rfc3339
from tidings.core.entity import Entity
from tidings.testing import Fault, fails, lost_answer, preceded_by

ORDERS = [order_id(n) for n in range(5)]
LATE = order_id(9)


def at(seconds: int) -> str:
    return to_rfc3339(NOON_MILLIS + seconds * 1000)


@pytest.fixture
def jobs() -> PrivacyJobs:
    jobs = PrivacyJobs()
    for order in ORDERS:
        jobs.people.add(order)
    return jobs


def all_erased(jobs: PrivacyJobs) -> bool:
    return all(jobs.erased(order) == ["customer"] for order in ORDERS)


def test_all_orders_are_erased_in_the_first_run_page_by_page(jobs: PrivacyJobs) -> None:
    jobs.request("erasure")
    report = jobs.run()
    assert all_erased(jobs)
    assert (report.waiting, report.failed, report.finished) == (1, 0, True)
    assert (jobs.job().status, jobs.job().orders, jobs.job().due) == ("waiting", 5, at(HOUR))


def test_the_events_of_an_erasure_belong_to_its_request_and_name_who_asked(jobs: PrivacyJobs) -> None:
    jobs.request("erasure", by="operator")
    jobs.run()
    (event,) = jobs.scenario.entity(ORDERS[0]).outbox
    assert event.envelope.correlationid == "request-1"
    assert event.envelope.subject == ORDERS[0]
    assert event.envelope.data == {"reason": "operator"}


def test_an_erasure_ends_after_a_pass_an_hour_after_the_accounts_deletion(jobs: PrivacyJobs) -> None:
    jobs.request("erasure")
    jobs.files.files = {f"{PERSON}/old.json": b"{}", "bob/old.json": b"{}"}
    jobs.run()
    assert PERSON in jobs.accounts.accounts
    jobs.clock.advance(seconds=HOUR)
    jobs.run()
    assert PERSON not in jobs.accounts.accounts
    assert jobs.job().status == "waiting"
    jobs.clock.advance(seconds=HOUR)
    report = jobs.run()
    assert (report.done, jobs.job().status, jobs.job().due) == (1, "done", "")
    assert jobs.job().finished == at(2 * HOUR)
    assert jobs.files.files == {"bob/old.json": b"{}"}
    assert jobs.run(early=True).done == 0


def test_an_order_that_the_index_shows_late_is_erased_and_looked_after_for_a_further_hour(jobs: PrivacyJobs) -> None:
    jobs.request("erasure")
    jobs.run()
    jobs.people.add(LATE)
    jobs.clock.advance(seconds=HOUR)
    jobs.run()
    assert jobs.erased(LATE) == ["customer"]
    assert PERSON in jobs.accounts.accounts
    assert jobs.run_to_the_end() == 3 * HOUR


def test_an_order_that_a_token_of_the_deleted_account_placed_is_erased(jobs: PrivacyJobs) -> None:
    jobs.request("erasure")
    jobs.run()
    jobs.clock.advance(seconds=HOUR)
    jobs.run()
    jobs.people.add(LATE)
    assert jobs.run_to_the_end() == 3 * HOUR
    assert jobs.erased(LATE) == ["customer"]


def test_what_is_under_way_is_reported_and_erased_once_it_has_ended(jobs: PrivacyJobs) -> None:
    jobs.people.add(ORDERS[1], under_way="refund")
    jobs.request("erasure")
    jobs.run()
    assert jobs.job().under_way == (UnderWay(ORDERS[1], "refund"),)
    assert jobs.job().status == "waiting"
    assert (jobs.erased(ORDERS[1]), jobs.erased(ORDERS[2])) == ([], ["customer"])
    jobs.clock.advance(seconds=3 * HOUR)
    jobs.run()
    assert PERSON in jobs.accounts.accounts
    jobs.people.add(ORDERS[1])
    assert jobs.run_to_the_end() == 6 * HOUR
    assert all_erased(jobs)
    assert jobs.job().under_way == ()


@pytest.mark.parametrize(
    "kept",
    [{"state": {"personal": {"name": "Ann"}}}, {"events": ({"personal": '{"name":"Ann"}'},)}],
    ids=["state", "event"],
)
def test_an_order_of_which_a_service_still_keeps_personal_data_is_under_way(
    jobs: PrivacyJobs, kept: dict[str, Any]
) -> None:
    parts = jobs.people.stored[ORDERS[1]]
    erased, parts["post"] = parts["post"], replace(parts["post"], **kept)
    jobs.request("erasure")
    jobs.run()
    assert jobs.job().under_way == ()
    for _ in range(3):
        jobs.clock.advance(seconds=HOUR)
        jobs.run()
        assert (jobs.job().status, jobs.job().under_way) == ("waiting", (UnderWay(ORDERS[1], "erasure"),))
    assert PERSON in jobs.accounts.accounts
    parts["post"] = erased
    assert jobs.run_to_the_end() == 5 * HOUR
    assert jobs.job().under_way == ()
    assert jobs.erased(ORDERS[1]) == ["customer"]


def test_a_run_that_comes_early_neither_ends_the_job_nor_puts_it_off(jobs: PrivacyJobs) -> None:
    jobs.request("erasure")
    jobs.run()
    due = jobs.job().due
    jobs.clock.advance(seconds=10)
    jobs.run(early=True)
    assert (jobs.job().status, jobs.job().due) == ("waiting", due)


def test_a_person_without_orders_and_account_is_done_all_the_same() -> None:
    jobs = PrivacyJobs()
    jobs.request("erasure", person="nobody")
    assert jobs.run_to_the_end() == 2 * HOUR
    assert (jobs.job().status, jobs.job().orders) == ("done", 0)


def test_an_order_erased_for_another_reason_is_announced_no_more(jobs: PrivacyJobs) -> None:
    jobs.request("erasure", by="operator")
    jobs.run()
    jobs.request("erasure", order_id(77))
    jobs.run()
    assert jobs.erased(ORDERS[0]) == ["operator"]


def test_a_run_stops_at_its_deadline_and_the_next_goes_on(jobs: PrivacyJobs) -> None:
    jobs.request("erasure")
    pages: list[str] = []

    def turn() -> None:
        pages.append("page")
        jobs.clock.advance(seconds=1)

    jobs.people.list_faults.always(preceded_by(turn))
    assert not jobs.run(deadline=NOON_MILLIS + 1500).finished
    assert (len(pages), jobs.erased(ORDERS[3]), jobs.erased(ORDERS[4])) == (2, ["customer"], [])
    jobs.run()
    assert len(pages) == 3
    assert all_erased(jobs)


def test_jobs_take_turns(jobs: PrivacyJobs) -> None:
    jobs.request("erasure")
    jobs.people.add(LATE, person="bob")
    jobs.request("erasure", order_id(78), person="bob")
    jobs.people.list_faults.always(preceded_by(lambda: jobs.clock.advance(seconds=1)))
    jobs.run(deadline=NOON_MILLIS + 1500)
    assert jobs.erased(LATE) == jobs.erased(ORDERS[0]) == ["customer"]


# Failures

PORTS: list[Callable[[PrivacyJobs], Callable[[Fault], None]]] = [
    lambda jobs: lambda fault: jobs.people.list_faults.next(fault),
    lambda jobs: lambda fault: jobs.people.read_faults.next(fault),
    lambda jobs: lambda fault: jobs.accounts.delete_faults.next(fault),
    lambda jobs: lambda fault: jobs.files.delete_faults.next(fault),
    lambda jobs: lambda fault: jobs.scenario.table.commit_faults.next(fault),
]
NAMES = ["list", "read", "account", "files", "write"]


@pytest.mark.parametrize("port", PORTS, ids=NAMES)
@pytest.mark.parametrize("fault", [fails(TimeoutError("no answer")), lost_answer], ids=["failure", "lost answer"])
def test_an_erasure_goes_on_after_a_port_failed(
    jobs: PrivacyJobs, port: Callable[[PrivacyJobs], Callable[[Fault], None]], fault: Fault
) -> None:
    jobs.request("erasure")
    port(jobs)(fault)
    jobs.run_to_the_end()
    assert all_erased(jobs)
    assert PERSON not in jobs.accounts.accounts


@pytest.mark.parametrize("step", range(14))
def test_an_erasure_goes_on_after_a_crash_after_any_write(jobs: PrivacyJobs, step: int) -> None:
    jobs.request("erasure")
    jobs.scenario.table.commit_faults.next(*[lambda call: call()] * step, crashing)
    crashes = 0
    for _ in range(10):
        try:
            jobs.run()
        except KeyboardInterrupt:
            crashes += 1
        jobs.clock.advance(seconds=HOUR)
    assert (crashes, jobs.job().status) == (1, "done")
    assert all_erased(jobs)


@pytest.mark.parametrize("port", PORTS[:4], ids=NAMES[:4])
@pytest.mark.parametrize("crash", [crashing, fails(KeyboardInterrupt())], ids=["after", "before"])
def test_an_erasure_goes_on_after_a_crash_at_any_port(
    jobs: PrivacyJobs, port: Callable[[PrivacyJobs], Callable[[Fault], None]], crash: Fault
) -> None:
    jobs.request("erasure")
    port(jobs)(crash)
    crashes = 0
    for _ in range(10):
        try:
            jobs.run()
        except KeyboardInterrupt:
            crashes += 1
        jobs.clock.advance(seconds=HOUR)
    assert (crashes, jobs.job().status) == (1, "done")
    assert all_erased(jobs)
    assert PERSON not in jobs.accounts.accounts


def test_an_order_that_fails_holds_up_no_other_and_is_reported(jobs: PrivacyJobs) -> None:
    jobs.scenario.table.commit_faults.at(ORDERS[0], fails(TimeoutError("no answer")))
    jobs.request("erasure")
    report = jobs.run()
    assert report.failed == 1
    assert jobs.job().under_way == (UnderWay(ORDERS[0], "erasure"),)
    assert jobs.job().due == at(120)
    assert [jobs.erased(order) for order in ORDERS[1:]] == [["customer"]] * 4
    jobs.scenario.table.commit_faults.clear()
    jobs.run_to_the_end()
    assert all_erased(jobs)


@pytest.mark.parametrize("of", ["an order", "the services"])
def test_a_job_that_fails_again_and_again_is_shown_as_failed_and_heals(jobs: PrivacyJobs, of: str) -> None:
    if of == "an order":
        jobs.scenario.table.commit_faults.at(ORDERS[0], fails(TimeoutError("no answer")))
    else:
        jobs.people.read_faults.at(ORDERS[4], fails(TimeoutError("no answer")))
    jobs.request("erasure")
    stuck = []
    for _ in range(MAX_FAILURES + 1):
        stuck.append(jobs.run().stuck)
        jobs.clock.advance(seconds=120)
    assert stuck == [0] * (MAX_FAILURES - 1) + [1, 1]
    assert jobs.job().status == "failed"
    jobs.scenario.table.commit_faults.clear()
    jobs.people.read_faults.clear()
    jobs.run_to_the_end()
    assert (jobs.job().status, jobs.job().failures) == ("done", 0)
    assert all_erased(jobs)


def test_a_job_that_fails_holds_up_no_other(jobs: PrivacyJobs) -> None:
    jobs.people.add(LATE, person="bob")
    jobs.people.read_faults.at(LATE, fails(TimeoutError("no answer")))
    jobs.request("erasure", order_id(78), person="bob")
    jobs.request("erasure")
    report = jobs.run()
    assert (report.failed, report.waiting) == (1, 1)
    assert all_erased(jobs)


def test_a_failure_is_logged_without_the_persons_data(jobs: PrivacyJobs, caplog: pytest.LogCaptureFixture) -> None:
    jobs.people.list_faults.next(fails(TimeoutError("no answer")))
    jobs.request("erasure")
    jobs.run()
    assert "a job failed" in caplog.text
    assert "ann@example.com" not in caplog.text


def test_a_concurrent_run_that_is_first_is_left_to_it(jobs: PrivacyJobs) -> None:
    jobs.request("erasure")
    jobs.people.list_faults.next(preceded_by(jobs.run))
    report = jobs.run()
    assert (report.waiting, report.failed) == (0, 0)
    assert jobs.job().status == "waiting"
    assert all_erased(jobs)


def test_the_age_of_the_oldest_job_that_is_due_is_reported(jobs: PrivacyJobs) -> None:
    jobs.request("erasure")
    jobs.clock.advance(seconds=7)
    assert jobs.run().oldest == 7
    assert jobs.run(early=True).oldest == 0


def test_an_entity_of_the_index_that_is_no_job_is_left_out() -> None:
    jobs = PrivacyJobs()
    jobs.scenario.store(Entity(ORDERS[0], version=1, state=Record()))
    assert job_of(jobs.scenario.entity(ORDERS[0])) is None
    jobs.request("erasure")
    assert order_of(jobs.scenario.entity(JOB)).erased is None
    found = jobs.pending(jobs.scenario.service.indexes[0])
    report = jobs.runner.run([found[0]._replace(key=ORDERS[0])], 2**62)
    assert (report.done, report.failed, report.waiting) == (0, 0, 0)
