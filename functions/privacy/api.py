"""The routes of privacy."""

from typing import Annotated
from uuid import UUID, uuid5

from msgspec import Meta, Struct

from contracts.values.customer import CustomerId
from functions.privacy import handlers
from functions.privacy.files import KEPT, LINK_SECONDS, Links, file_of
from functions.privacy.state import Job, Kind, Record, Requester, Status, UnderWay, job_of
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.entity import Entity
from tidings.handling.executor import HandlerExecutor
from tidings.http.idempotency import IdempotencyKey
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Reply, Request
from tidings.http.routes import route
from tidings.observability.log import logger

NAMESPACE = UUID("0d5c1f5e-8a56-4b0f-9a35-3f4f6f3b6c21")
"""The namespace in which a person's id becomes the namespace of that person's jobs."""

JobId = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", description="The id of a job is a UUID in lower case"
    ),
]

NO_SUCH_JOB = Rule(404, "No such job", "The caller has no job with this id.")
UNKNOWN_JOB = Rule(404, "Unknown job", "The customer has no job with this id.")

REPLIES = {
    "Location": "The job's address, relative to that of the request.",
    "Idempotent-Replayed": "`true` if the job had been requested before.",
}
HEADERS = {"Idempotency-Key": IdempotencyKey}


class JobView(Struct, frozen=True):
    """An export or an erasure of a customer's personal data.

    `status` is `running`, `waiting` until its next pass over the customer's orders, `done`, or `failed` if it failed
    again and again; it is tried again all the same. `orders` is the number of orders that the last whole pass found,
    and `under_way` lists those that could not be erased then, with what goes on. `url` is a link to the file of an
    export that is done. It is valid for 15 minutes, and each answer has a new one. The file is deleted after 7 days, or
    at the end of an erasure of the customer's data.
    """

    id: str
    kind: Kind
    status: Status
    requested_at: str
    requested_by: Requester
    orders: int
    under_way: tuple[UnderWay, ...]
    url: str | None


class Api:
    """The routes of privacy."""

    def __init__(self, records: HandlerExecutor[Record], links: Links) -> None:
        self._records = records
        self._links = links

    @route("POST", "/me/export", JobView, status=202, headers=HEADERS, replies=REPLIES)
    def export(self, request: Request) -> Reply:
        """Export all personal data of the caller. The same key gets the same job again."""
        return self._requested("export", request.require_caller().id, "customer", request)

    @route("POST", "/me/erasure", JobView, status=202, headers=HEADERS, replies=REPLIES)
    def erase(self, request: Request) -> Reply:
        """Erase all personal data of the caller, and the account at last. The same key gets the same job again."""
        return self._requested("erasure", request.require_caller().id, "customer", request)

    @route("GET", "/me/jobs/{id}", JobView, path={"id": JobId}, rules=(NO_SUCH_JOB,))
    def show(self, request: Request) -> JobView:
        """Show one of the caller's jobs, with a link to the file of an export that is done."""
        detail = "You have no job under this id."
        return self._shown(request.path["id"], request.require_caller().id, NO_SUCH_JOB, detail)

    @route(
        "POST",
        "/operators/customers/{id}/export",
        JobView,
        status=202,
        path={"id": CustomerId},
        headers=HEADERS,
        replies=REPLIES,
    )
    def export_any(self, request: Request) -> Reply:
        """Export all personal data of a customer. The same key gets the same job again."""
        return self._requested_by_operator("export", request)

    @route(
        "POST",
        "/operators/customers/{id}/erasure",
        JobView,
        status=202,
        path={"id": CustomerId},
        headers=HEADERS,
        replies=REPLIES,
    )
    def erase_any(self, request: Request) -> Reply:
        """Erase all personal data of a customer, and the account at last. The same key gets the same job again."""
        return self._requested_by_operator("erasure", request)

    @route(
        "GET",
        "/operators/customers/{id}/jobs/{job}",
        JobView,
        path={"id": CustomerId, "job": JobId},
        rules=(UNKNOWN_JOB,),
    )
    def show_any(self, request: Request) -> JobView:
        """Show a job of any customer, with a link to the file of an export that is done."""
        return self._shown(request.path["job"], request.path["id"], UNKNOWN_JOB, "The customer has no such job.")

    def _requested_by_operator(self, kind: Kind, request: Request) -> Reply:
        return self._requested(kind, request.path["id"], "operator", request)

    def _requested(self, kind: Kind, person: str, by: Requester, request: Request) -> Reply:
        now = self._records.clock()
        time = to_rfc3339(now)
        metadata = request.metadata(now)
        job = Job(kind, person, time, by, metadata.correlation_id, metadata.traceparent, due=time)
        unit = self._records.entity(job_id(person, by, kind, request.headers["Idempotency-Key"]))
        execution = unit.execute(lambda entity: handlers.request(entity, job), metadata, creates=True)
        if execution.changed:
            fields = {"job": execution.entity.key, "kind": kind, "requested_by": by, "caller": _caller(request)}
            logger.info("a job was requested", extra=fields)
        replayed = {} if execution.changed else {"Idempotent-Replayed": "true"}
        view = self._view(execution.entity, job_of(execution.entity) or job)
        # All paths that request a job end beside `jobs`.
        return Reply(view, {"Location": f"jobs/{execution.entity.key}", **replayed})

    def _shown(self, job: str, person: str, rule: Rule, detail: str) -> JobView:
        """Return a job, if it is one of this person. To others it does not exist."""
        entity = self._records.entity(job).read()
        found = job_of(entity)
        if found is None or found.person != person:
            raise Problem(rule, detail)
        return self._view(entity, found)

    def _view(self, entity: Entity[Record], job: Job) -> JobView:
        return JobView(
            id=entity.key,
            kind=job.kind,
            status=job.status,
            requested_at=job.requested_at,
            requested_by=job.requested_by,
            orders=job.orders,
            under_way=job.under_way,
            url=self._url(entity.key, job),
        )

    def _url(self, key: str, job: Job) -> str | None:
        if job.kind != "export" or job.status != "done" or self._records.clock() >= from_rfc3339(job.finished) + KEPT:
            return None
        return self._links.link(file_of(job.person, key), LINK_SECONDS)


def job_id(person: str, by: Requester, kind: Kind, key: str) -> str:
    """Return the id of the job that is requested for a person under an idempotency key: the same for a repeat.

    An operator's job is another than the customer's under the same key, so that who requested it is recorded.
    """
    return str(uuid5(uuid5(NAMESPACE, person), f"{by}/{kind}/{key}"))


def _caller(request: Request) -> str:
    return request.require_caller().id
