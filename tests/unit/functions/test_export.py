"""Exports of a person's data, in runs that may end at any point."""

import json
from contextlib import suppress
from typing import Any

import pytest

from tests.unit.facts import NOON_MILLIS, order_id
from tests.unit.functions.personal_data import JOB, PERSON, PrivacyJobs, crashing
from tidings.testing import fails, lost_answer, preceded_by

ORDERS = [order_id(n) for n in range(5)]
FILE = f"{PERSON}/{JOB}.json"


@pytest.fixture
def jobs() -> PrivacyJobs:
    jobs = PrivacyJobs()
    for order in ORDERS:
        jobs.people.add(order)
    return jobs


def exported(jobs: PrivacyJobs) -> Any:
    assert list(jobs.files.files) == [FILE]
    return json.loads(jobs.files.files[FILE])


def test_an_export_is_one_file_with_what_each_service_stores_and_what_the_account_says(jobs: PrivacyJobs) -> None:
    event = {"id": f"sales/{ORDERS[0]}/1", "type": "Sold", "personal": '{"name":"Ann"}', "data": {"a": 1}}
    jobs.people.add(ORDERS[0], events=[event])
    jobs.request("export")
    report = jobs.run()
    assert (report.done, jobs.job().status, jobs.job().orders, jobs.job().due) == (1, "done", 5, "")
    export = exported(jobs)
    assert (export["customer"], export["account"]) == (PERSON, {"email": "ann@example.com"})
    assert [order["order"] for order in export["orders"]] == ORDERS
    assert export["orders"][0]["services"] == {
        "post": {"state": {"address": ORDERS[0]}, "events": [event], "erased": False},
        "sales": {"state": {"lines": 1}, "events": [event], "erased": False},
    }


def test_an_export_of_a_person_without_orders_and_account_says_so() -> None:
    jobs = PrivacyJobs()
    jobs.request("export", person="nobody")
    jobs.run()
    export = json.loads(jobs.files.files[f"nobody/{JOB}.json"])
    assert (export["orders"], export["account"]) == ([], None)


def test_an_export_goes_on_where_the_run_before_ended(jobs: PrivacyJobs) -> None:
    jobs.request("export")
    pages: list[str] = []

    def turn() -> None:
        pages.append("page")
        jobs.clock.advance(seconds=1)

    jobs.people.list_faults.always(preceded_by(turn))
    assert not jobs.run(deadline=NOON_MILLIS + 1500).finished
    assert (len(pages), jobs.job().status) == (2, "running")
    jobs.run()
    assert len(pages) == 3
    assert [order["order"] for order in exported(jobs)["orders"]] == ORDERS


@pytest.mark.parametrize("port", ["list", "read", "write", "join", "delete", "commit"])
@pytest.mark.parametrize("fault", [fails(TimeoutError("no answer")), lost_answer, crashing])
def test_an_export_goes_on_after_a_failure_or_a_crash(jobs: PrivacyJobs, port: str, fault: Any) -> None:
    faults = {
        "list": jobs.people.list_faults,
        "read": jobs.people.read_faults,
        "write": jobs.files.write_faults,
        "join": jobs.files.join_faults,
        "delete": jobs.files.delete_faults,
        "commit": jobs.scenario.table.commit_faults,
    }
    jobs.request("export")
    faults[port].next(fault)
    for _ in range(5):
        with suppress(KeyboardInterrupt):
            jobs.run()
        jobs.clock.advance(seconds=120)
    assert jobs.job().status == "done"
    assert [order["order"] for order in exported(jobs)["orders"]] == ORDERS


def test_an_export_whose_parts_were_deleted_by_an_erasure_begins_again(jobs: PrivacyJobs) -> None:
    jobs.files.join_faults.next(fails(TimeoutError("no answer")))
    jobs.request("export")
    jobs.run()
    jobs.files.delete(f"{PERSON}/")
    jobs.clock.advance(seconds=120)
    jobs.run()
    assert jobs.job().status == "done"
    assert [order["order"] for order in exported(jobs)["orders"]] == ORDERS


def test_an_export_that_fails_again_and_again_is_shown_as_failed_and_heals(jobs: PrivacyJobs) -> None:
    jobs.files.join_faults.always(fails(TimeoutError("no answer")))
    jobs.request("export")
    for _ in range(5):
        report = jobs.run()
        jobs.clock.advance(seconds=120)
    assert (report.failed, report.stuck, jobs.job().status) == (1, 1, "failed")
    jobs.files.join_faults.clear()
    jobs.run()
    assert jobs.job().status == "done"
