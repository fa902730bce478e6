"""The routes of operations."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from itertools import compress
from typing import Annotated
from uuid import uuid4

from msgspec import Meta, Struct

from functions.operations.dead_letters import (
    MAX_MESSAGES,
    Changed,
    DeadLetterBody,
    DeadLetterList,
    Selected,
    SourceQueue,
    StageDeadLetters,
    count_reasons,
)
from functions.operations.deployment import DeployedService, Deployment
from functions.operations.monitor import Monitor
from functions.operations.overview import AlarmView, ServiceView, alarm_views, observe, service_views
from functions.operations.queues import Queues
from functions.operations.record import ActionRecord
from functions.operations.state import (
    ACTIONS,
    Action,
    ActionMessages,
    ActionName,
    ActionView,
    view_with_messages,
)
from tidings.core.clock import to_rfc3339
from tidings.handling.executor import HandlerExecutor
from tidings.http.pagination import PAGE_QUERY, PAGE_RULES, Pages
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Request
from tidings.http.routes import route
from tidings.observability.log import logger
from tidings.recovery import DeadLetterFilter, FailureKind, RecoveryError

ServiceName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9-]{0,63}\Z", description="A service's name, such as its folder has")
]
MessageId = Annotated[
    str, Meta(pattern=r"^[!-+\-.0-~]{1,100}\Z", description="The id that the queue gave to the dead letter")
]
Kind = Annotated[
    str,
    Meta(
        pattern=r"^(dlq|undelivered|relay)\Z",
        description="The kind of the queue: `dlq` for messages that the service could not handle, `undelivered` for "
        "those that the topic could not deliver, `relay` for events that could not be published",
    ),
]
# Anyone may write a message's group and reason. One with a comma is accepted, so a parameter that is sent twice is too:
# the gateway joins the two texts by a comma, and the result selects nothing else.
FREE_TEXT = r"^[^\x00-\x1f\x7f-\x9f]{1,200}\Z"
OrderKey = Annotated[
    str, Meta(pattern=FREE_TEXT, description="An order's id, or the group of a message without an event, as listed")
]
Reason = Annotated[str, Meta(pattern=FREE_TEXT, description="The reason of a failure, as the list shows it")]
ActionId = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z",
        description="The id of an action is a UUID in lower case",
    ),
]

NO_SUCH_SERVICE = Rule(404, "No such service", "No service has this name.")
NO_SUCH_QUEUE = Rule(404, "No such queue", "The service has no dead-letter queue of this kind.")
NO_SUCH_DEAD_LETTER = Rule(
    404,
    "No such dead letter",
    "The queue has no message with this id, another request holds it, or the queue is too long to find it in time.",
)
NO_SUCH_ACTION = Rule(404, "No such action", "No action has this id.")
NOT_REDRIVABLE = Rule(
    422, "Not redrivable", "The dead letters of a relay have no consumer. Their events must be published again."
)
BROKEN_OFF = Rule(
    502,
    "Broken off",
    "A call to a queue or a table was refused. The record of the action, if it has one, says which messages were taken "
    "before. The same request may be sent again.",
    {"action": str},
)


class DeadLetterSelection(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The dead letters that are redriven or dropped: those that meet all conditions that are given.

    A dry run does nothing, and answers what would be selected.
    """

    kind: FailureKind = "dlq"
    ids: Annotated[tuple[MessageId, ...], Meta(min_length=1, max_length=MAX_MESSAGES)] | None = None
    reason: Reason | None = None
    order: OrderKey | None = None
    dry_run: bool = False

    @property
    def chosen(self) -> DeadLetterFilter:
        """The conditions."""
        messages = None if self.ids is None else frozenset(self.ids)
        return DeadLetterFilter(messages=messages, subject=self.order, reason=self.reason)


class DeadLettersChanged(Struct, frozen=True):
    """The outcome of a redrive or a drop, or of its dry run.

    `matched` dead letters were selected, of which `done` were sent or deleted. `left` are still there, failed again at
    once and came back, or were named by their ids and could not be found while another request held messages. `ids` are
    those that were sent or deleted; in a dry run, those that would be. `reasons` is their number by reason. `refused`
    are those that the consumer's queue will never accept, with its reason: by the event's id, or by the message's if it
    holds no event. `missing` are the ids that were named and not found. `truncated` says that not all messages were
    looked at, because the time ended or another request held them: send the request again. Otherwise those that are
    missing were redriven or dropped before. `action` is the id of the action's record; null if nothing was done.
    """

    matched: int
    done: int
    left: int
    ids: tuple[str, ...]
    reasons: Mapping[str, int]
    refused: Mapping[str, str]
    missing: tuple[str, ...]
    truncated: bool
    action: str | None


class ServiceList(Struct, frozen=True):
    """All services, by name."""

    items: tuple[ServiceView, ...]


class AlarmList(Struct, frozen=True):
    """All alarms: the active ones first, and then those that changed last."""

    items: tuple[AlarmView, ...]


class ActionPage(Struct, frozen=True):
    """A page of the operators' actions, latest first."""

    items: tuple[ActionView, ...]
    next: str | None


class Api:
    """The routes of operations.

    Args:
        deployment: The services of the stage.
        queues: Their queues.
        monitor: The observations of them by AWS.
        dead_letters: Their dead letters.
        actions: The records of actions.
        pages: The list of actions.
        threads: Makes calls in parallel.
        new_id: Returns the id of an action.
    """

    def __init__(
        self,
        deployment: Deployment,
        queues: Queues,
        monitor: Monitor,
        dead_letters: StageDeadLetters,
        actions: HandlerExecutor[Action],
        pages: Pages,
        threads: Executor,
        new_id: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        self._deployment = deployment
        self._queues = queues
        self._monitor = monitor
        self._dead_letters = dead_letters
        self._actions = actions
        self._pages = pages
        self._threads = threads
        self._new_id = new_id

    @route("GET", "/operators/services", ServiceList)
    def list_services(self, _request: Request) -> ServiceList:
        """List all services with their queues, the lag of their relays, their mappings and their alarms."""
        observed = observe(self._deployment, self._queues, self._monitor, self._threads)
        return ServiceList(service_views(self._deployment, observed))

    @route("GET", "/operators/alarms", AlarmList)
    def list_alarms(self, _request: Request) -> AlarmList:
        """List all alarms, the active ones first."""
        return AlarmList(alarm_views(self._deployment, self._monitor))

    @route(
        "GET",
        "/operators/dead-letters",
        DeadLetterList,
        query={"service": ServiceName | None, "kind": Kind | None, "order": OrderKey | None, "reason": Reason | None},
        rules=(NO_SUCH_SERVICE, NO_SUCH_QUEUE),
    )
    def list_dead_letters(self, request: Request) -> DeadLetterList:
        """List the dead letters of a service or of all, up to a hundred of each queue. All stay where they are.

        The list waits a little for messages that another request holds, and then says how many are missing.
        """
        name, kind = request.query.get("service"), request.query.get("kind")
        chosen = DeadLetterFilter(subject=request.query.get("order"), reason=request.query.get("reason"))
        sources = self._sources(name, kind) if name else self._dead_letters.sources(None, kind)
        return self._dead_letters.list(sources if name else self._dead_letters.not_empty(sources), chosen)

    @route(
        "GET",
        "/operators/dead-letters/{service}/{id}",
        DeadLetterBody,
        path={"service": ServiceName, "id": MessageId},
        query={"kind": Kind | None},
        rules=(NO_SUCH_SERVICE, NO_SUCH_QUEUE, NO_SUCH_DEAD_LETTER),
    )
    def show_dead_letter(self, request: Request) -> DeadLetterBody:
        """Show a dead letter with its body. It stays where it is."""
        sources = self._sources(request.path["service"], request.query.get("kind"))
        found = self._dead_letters.show(sources, request.path["id"])
        if found is None:
            raise _no_such_dead_letter()
        return found

    @route(
        "POST",
        "/operators/dead-letters/{service}/redrive",
        DeadLettersChanged,
        path={"service": ServiceName},
        body=DeadLetterSelection,
        rules=(NO_SUCH_SERVICE, NO_SUCH_QUEUE, NO_SUCH_DEAD_LETTER, NOT_REDRIVABLE, BROKEN_OFF),
    )
    def redrive(self, request: Request, body: DeadLetterSelection) -> DeadLettersChanged:
        """Send dead letters back to their consumer, as many as fit into a request. Those of an order keep sequence."""
        service = self._service(request.path["service"])
        source, target = self._source(service, body.kind), self._deployment.queue(service)
        if body.kind == "relay" or target is None:
            detail = "An operator publishes them again from the service's outboxes, and then drops the dead letters."
            raise Problem(NOT_REDRIVABLE, detail, field="kind")
        return self._change(
            "redrive",
            request,
            body,
            source,
            lambda record: self._dead_letters.redrive(source, target, body.chosen, record.add),
        )

    @route(
        "POST",
        "/operators/dead-letters/{service}/drop",
        DeadLettersChanged,
        path={"service": ServiceName},
        body=DeadLetterSelection,
        rules=(NO_SUCH_SERVICE, NO_SUCH_QUEUE, NO_SUCH_DEAD_LETTER, BROKEN_OFF),
    )
    def drop(self, request: Request, body: DeadLetterSelection) -> DeadLettersChanged:
        """Delete dead letters, as many as fit into a request.

        The action's record keeps the ids, the types and the reasons of what is deleted. It keeps no bodies, because
        they may contain personal data: they are gone. The command `tidings dlq drop` keeps them in a local file.
        """
        source = self._source(self._service(request.path["service"]), body.kind)
        return self._change(
            "drop", request, body, source, lambda record: self._dead_letters.drop(source, body.chosen, record.add)
        )

    @route("GET", "/operators/actions", ActionPage, query={**PAGE_QUERY, "order": OrderKey | None}, rules=PAGE_RULES)
    def list_actions(self, request: Request) -> ActionPage:
        """List the operators' redrives and drops, latest first.

        With an order, a page has the actions on its messages among the next `limit` actions, so it may be empty: the
        list goes on as long as `next` is given.
        """
        items, following = self._pages.read(ACTIONS, ActionView, request, newest_first=True)
        if (order := request.query.get("order")) is not None:
            concerns = self._threads.map(lambda action: self._concerns(action, order), items)
            items = tuple(compress(items, concerns))
        return ActionPage(items, following)

    @route("GET", "/operators/actions/{id}", ActionMessages, path={"id": ActionId}, rules=(NO_SUCH_ACTION,))
    def show_action(self, request: Request) -> ActionMessages:
        """Show an action with the messages that it concerned."""
        action = self._actions.entity(request.path["id"]).read().state
        if action is None:
            raise Problem(NO_SUCH_ACTION, "GET /operators/actions lists the actions.")
        return view_with_messages(request.path["id"], action)

    def _concerns(self, action: ActionView, order: str) -> bool:
        """Return whether an action concerns an order. The record names all orders, where the list names some."""
        if order == action.subject or order in action.orders:
            return True
        if not action.more_orders:
            return False
        recorded = self._actions.entity(action.id).read().state
        return recorded is not None and order in recorded.orders

    def _change(
        self,
        name: ActionName,
        request: Request,
        body: DeadLetterSelection,
        source: SourceQueue,
        change: Callable[[ActionRecord], Changed],
    ) -> DeadLettersChanged:
        """Select dead letters, and redrive or drop them unless it is a dry run."""
        if body.dry_run:
            return _would_change(body, self._dead_letters.select(source, body.chosen))
        record = self._begin(name, request, body, source)
        try:
            changed = change(record)
            record.complete(changed)
        except RecoveryError as error:
            logger.warning("an action was broken off", extra={"action": record.id, "error": str(error)})
            record.fail(error)
            detail = "A call was refused. See the action's record, if it has one, and send the request again."
            raise Problem(BROKEN_OFF, detail, members={"action": record.id or ""}) from error
        return _has_changed(body, changed, record.id)

    def _begin(
        self, name: ActionName, request: Request, body: DeadLetterSelection, source: SourceQueue
    ) -> ActionRecord:
        now = self._actions.clock()
        action = Action(
            action=name,
            who=request.require_caller().id,
            time=to_rfc3339(now),
            service=source.service.name,
            kind=source.kind,
            subject=body.order,
            reason=body.reason,
        )
        key = self._new_id()
        return ActionRecord(key, self._actions.entity(key), action, request.metadata(now))

    def _service(self, name: str) -> DeployedService:
        if name not in self._deployment.by_name:
            raise Problem(NO_SUCH_SERVICE, "GET /operators/services lists the services.", field="service")
        return self._deployment.by_name[name]

    def _sources(self, name: str, kind: FailureKind | None) -> list[SourceQueue]:
        """Return a service's dead-letter queues, of a kind or of all."""
        found = self._dead_letters.sources(self._service(name), kind)
        if not found:
            raise _no_such_queue()
        return found

    def _source(self, service: DeployedService, kind: FailureKind) -> SourceQueue:
        (found,) = self._sources(service.name, kind)
        return found


def _would_change(body: DeadLetterSelection, selected: Selected) -> DeadLettersChanged:
    """Return the answer to a dry run."""
    _require_found(body, selected)
    return DeadLettersChanged(
        matched=len(selected.found),
        done=0,
        left=len(selected.found) + (len(selected.missing) if selected.truncated else 0),
        ids=tuple(each.message for each in selected.found),
        reasons=count_reasons(selected.found),
        refused={},
        missing=selected.missing,
        truncated=selected.truncated,
        action=None,
    )


def _has_changed(body: DeadLetterSelection, changed: Changed, action: str | None) -> DeadLettersChanged:
    """Return the answer to a redrive or a drop."""
    _require_found(body, changed)
    return DeadLettersChanged(
        matched=len(changed.found),
        done=len(changed.done),
        left=changed.left,
        ids=tuple(each.message for each in changed.done),
        reasons=count_reasons(changed.done),
        refused=changed.refused,
        missing=changed.missing,
        truncated=changed.truncated,
        action=action,
    )


def _require_found(body: DeadLetterSelection, selected: Selected) -> None:
    """Raise a problem if messages were named, and none of them is in the queue."""
    if body.ids and not selected.found and not selected.truncated:
        raise _no_such_dead_letter()


def _no_such_queue() -> Problem:
    return Problem(NO_SUCH_QUEUE, "GET /operators/services shows which queues a service has.", field="kind")


def _no_such_dead_letter() -> Problem:
    detail = "It was redriven or dropped, or another request holds it: then try again shortly."
    return Problem(NO_SUCH_DEAD_LETTER, detail, field="id")
