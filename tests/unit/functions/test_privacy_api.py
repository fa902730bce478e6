"""The routes of privacy."""

from collections.abc import Callable

import pytest

from functions.privacy.api import Api, JobView, job_id
from functions.privacy.state import UnderWay
from tests.unit.facts import order_id
from tests.unit.functions.personal_data import DAY, HOUR, PrivacyJobs
from tidings.http.problems import Problem
from tidings.http.requests import Reply, Request
from tidings.testing import NOON, make_request

ORDER = order_id(1)
KEY = {"Idempotency-Key": "key-1"}


class PrivacyApi:
    """The API of privacy, and its jobs, over ports in memory."""

    def __init__(self) -> None:
        self.jobs = PrivacyJobs()
        self.api = Api(self.jobs.scenario.executor, self.jobs.files)

    def run(self) -> None:
        """Run the jobs. Each run is a further process, which knows no other."""
        self.jobs.run()

    def show(self, job: str, caller: str = "ann") -> JobView:
        return self.api.show(make_request({"id": job}, caller=caller))

    def show_any(self, job: str, person: str = "ann") -> JobView:
        return self.api.show_any(make_request({"id": person, "job": job}, caller="operator-1"))


@pytest.fixture
def api() -> PrivacyApi:
    return PrivacyApi()


def own(caller: str = "ann", key: str = "key-1") -> Request:
    return make_request(headers={"Idempotency-Key": key}, caller=caller)


def of(person: str, correlation_id: str = "request-1") -> Request:
    return make_request({"id": person}, headers=KEY, caller="operator-1", correlation_id=correlation_id)


def view(reply: Reply) -> JobView:
    assert isinstance(reply.body, JobView)
    return reply.body


@pytest.mark.parametrize("kind", ["export", "erasure"])
def test_a_customer_requests_a_job_of_the_own_data(api: PrivacyApi, kind: str) -> None:
    reply = api.api.export(own()) if kind == "export" else api.api.erase(own())
    job = view(reply)
    assert (job.kind, job.status, job.requested_at, job.requested_by) == (kind, "running", NOON, "customer")
    assert (job.orders, job.under_way, job.url) == (0, (), None)
    assert reply.headers == {"Location": f"jobs/{job.id}"}
    assert api.show(job.id) == job
    assert api.jobs.job(job.id).person == "ann"


@pytest.mark.parametrize("kind", ["export", "erasure"])
def test_an_operator_requests_a_job_of_any_customers_data(api: PrivacyApi, kind: str) -> None:
    reply = api.api.export_any(of("bob")) if kind == "export" else api.api.erase_any(of("bob"))
    job = view(reply)
    assert (job.kind, job.requested_by) == (kind, "operator")
    assert reply.headers == {"Location": f"jobs/{job.id}"}
    assert api.jobs.job(job.id).person == "bob"
    assert api.show_any(job.id, "bob") == job
    assert api.show(job.id, "bob") == job


def test_a_repeated_request_gets_the_same_job_as_it_is_by_now(api: PrivacyApi) -> None:
    first = api.api.export(own())
    api.run()
    again = api.api.export(own())
    assert view(again).id == view(first).id
    assert view(again).status == "done"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_jobs_differ_by_person_requester_kind_and_key(api: PrivacyApi) -> None:
    ids = [
        view(reply).id
        for reply in (
            api.api.export(own()),
            api.api.erase(own()),
            api.api.export(own("bob")),
            api.api.export(own(key="key-2")),
            api.api.export_any(of("ann")),
        )
    ]
    assert len(set(ids)) == 5
    assert ids[0] == job_id("ann", "customer", "export", "key-1")


def test_a_job_is_unknown_to_everyone_else(api: PrivacyApi) -> None:
    job = view(api.api.export(own())).id
    requests: list[Callable[[], JobView]] = [
        lambda: api.show(job, "bob"),
        lambda: api.show(order_id(7)),
        lambda: api.show_any(job, "bob"),
        lambda: api.show_any(order_id(7)),
    ]
    for request in requests:
        with pytest.raises(Problem) as refused:
            request()
        assert refused.value.rule.status == 404


def test_an_order_is_no_job(api: PrivacyApi) -> None:
    api.jobs.people.add(ORDER)
    api.api.erase(own())
    api.run()
    assert api.jobs.erased(ORDER)
    with pytest.raises(Problem):
        api.show(ORDER)


def test_each_answer_about_a_finished_export_has_a_link_that_is_valid_for_fifteen_minutes(api: PrivacyApi) -> None:
    job = view(api.api.export(own())).id
    api.run()
    assert api.show(job).url == f"https://files.example/ann/{job}.json?seconds=900"


def test_an_export_has_no_link_before_its_end_and_after_its_file_was_deleted(api: PrivacyApi) -> None:
    job = view(api.api.export(own())).id
    assert api.show(job).url is None
    api.run()
    api.jobs.clock.advance(seconds=7 * DAY, milliseconds=-1)
    assert api.show(job).url
    api.jobs.clock.advance(milliseconds=1)
    assert api.show(job).url is None


def test_an_erasure_has_no_link_and_shows_what_is_under_way(api: PrivacyApi) -> None:
    api.jobs.people.add(ORDER, under_way="dispute")
    job = view(api.api.erase(own())).id
    api.run()
    shown = api.show(job)
    assert (shown.status, shown.orders, shown.under_way) == ("waiting", 1, (UnderWay(ORDER, "dispute"),))
    api.jobs.people.add(ORDER)
    for _ in range(3):
        api.jobs.clock.advance(seconds=HOUR)
        api.run()
    shown = api.show(job)
    assert (shown.status, shown.under_way, shown.url) == ("done", (), None)


def test_a_request_is_logged_with_its_caller_and_without_the_customer(
    api: PrivacyApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    api.api.erase_any(of("bob"))
    (record,) = [record for record in caplog.records if record.message == "a job was requested"]
    assert vars(record)["caller"] == "operator-1"
    assert "bob" not in str(vars(record))
    api.api.erase_any(of("bob", "request-2"))
    assert len([record for record in caplog.records if record.message == "a job was requested"]) == 1
