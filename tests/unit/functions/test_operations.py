"""The routes of operations."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
import pytest
from botocore.exceptions import ClientError

from functions.operations.api import DeadLetterSelection
from functions.operations.dead_letters import MAX_LISTED, MAX_MESSAGES, MAX_SHOWN, RemedyView
from functions.operations.overview import AlarmView, MappingView, QueueView
from functions.operations.state import MAX_ORDERS, MAX_REASONS, Action, ActionView, MessageRecord
from tests.unit.functions.operations_stage import DEPLOYMENT, WORK_SECONDS, OperationsApi
from tests.unit.tidings.recovery.memory import event
from tidings.aws.dynamodb import to_attributes
from tidings.aws.monitoring import Alarm, oldest_message, relay_lag
from tidings.aws.recovery import MappingStatus
from tidings.http.problems import Problem
from tidings.recovery import QueueDepth, RecoveryError
from tidings.testing import NOON, fails, make_request

T = TypeVar("T")

DLQ, UNDELIVERED, RELAY_DLQ = "shop-dev-orders-dlq", "shop-dev-orders-undelivered.fifo", "shop-dev-orders-relay-dlq"
QUEUE, RELAY = "shop-dev-orders", "shop-dev-orders-relay"
ALL = DeadLetterSelection()
MAX_ANSWER_BYTES = 6_000_000
"""The size of a function's answer (AWS Lambda Developer Guide, "Lambda quotas": 6 MB)."""
MAX_ITEM_BYTES = 400_000
"""The size of an item (Amazon DynamoDB Developer Guide, "Service, account, and table quotas": 400 KB)."""
FIRST_ACTION = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def stage() -> OperationsApi:
    return OperationsApi()


def refusal(call: Any, *arguments: Any) -> Problem:
    with pytest.raises(Problem) as refused:
        call(*arguments)
    return refused.value


def recorded(stage: OperationsApi, key: str = FIRST_ACTION) -> Action:
    action = stage.scenario.entity(key).state
    assert action
    return action


def listed(stage: OperationsApi, **query: str) -> Any:
    return stage.api.list_dead_letters(make_request(query=query, caller="operator-1"))


# Services and alarms


def test_a_service_is_shown_with_its_queues_its_relay_its_mappings_and_its_alarms(stage: OperationsApi) -> None:
    stage.queues.depths = {QUEUE: QueueDepth(3, 2)}
    stage.letter(DLQ, event("a"))
    stage.letter(UNDELIVERED, event("b"))
    stage.letter(RELAY_DLQ, event("c"))
    stage.letter(RELAY_DLQ, event("d"))
    stage.monitor.values = {oldest_message(QUEUE): 75.0, relay_lag(RELAY): 1500.0}
    stage.monitor.found_mappings = [
        MappingStatus("shop-dev-orders-consumer", "queue", "Enabled", None),
        MappingStatus("shop-dev-orders-archive-consumer", "queue", "Enabled", None),
        MappingStatus(RELAY, "stream", "Disabled", "It delivers nothing until it is enabled."),
    ]
    stage.monitor.found_alarms = [
        Alarm("shop-dev-orders-archive-dlq-depth", "OK", NOON, "Of the archive. See docs/runbook.md#dlq-depth"),
        Alarm("shop-dev-orders-dlq-depth", "ALARM", NOON, "Messages failed. See docs/runbook.md#dlq-depth"),
    ]
    orders = stage.api.list_services(make_request(caller="operator-1")).items[0]
    assert (orders.name, orders.summary) == ("orders", "takes orders")
    assert orders.queue == QueueView(waiting=3, in_flight=2, oldest_seconds=75)
    assert (orders.dlq, orders.undelivered, orders.relay_dlq, orders.relay_lag_seconds) == (1, 1, 2, 1.5)
    assert orders.mappings == (
        MappingView("queue", "Enabled", None),
        MappingView("stream", "Disabled", "It delivers nothing until it is enabled."),
    )
    assert orders.alarms == (
        AlarmView(
            name="shop-dev-orders-dlq-depth",
            service="orders",
            state="ALARM",
            since=NOON,
            problem="Messages failed.",
            runbook="docs/runbook.md#dlq-depth",
        ),
    )


def test_what_is_not_measured_is_null_and_so_is_what_a_service_does_not_have(stage: OperationsApi) -> None:
    shown = {each.name: each for each in stage.api.list_services(make_request(caller="operator-1")).items}
    assert list(shown) == [service.name for service in DEPLOYMENT.services]
    assert shown["orders"].queue == QueueView(0, 0, None)
    assert shown["orders"].relay_lag_seconds is None
    assert (shown["orders-archive"].dlq, shown["orders-archive"].relay_dlq) == (0, None)
    viewer = shown["viewer"]
    assert (viewer.queue, viewer.dlq, viewer.undelivered, viewer.relay_dlq, viewer.relay_lag_seconds) == (None,) * 5
    assert (viewer.mappings, viewer.alarms) == ((), ())


def test_active_alarms_come_first_and_one_without_a_service_is_listed_too(stage: OperationsApi) -> None:
    stage.monitor.found_alarms = [
        Alarm("shop-dev-orders-queue-age", "OK", NOON, "Slow. See docs/runbook.md#queue-age"),
        Alarm("shop-dev-api-5xx", "ALARM", NOON, "The API fails. See docs/runbook.md#api-5xx"),
        Alarm("shop-dev-by-hand", "INSUFFICIENT_DATA", NOON, ""),
    ]
    shown = stage.api.list_alarms(make_request(caller="operator-1")).items
    assert [(alarm.name, alarm.service) for alarm in shown] == [
        ("shop-dev-api-5xx", None),
        ("shop-dev-orders-queue-age", "orders"),
        ("shop-dev-by-hand", None),
    ]
    assert (shown[2].problem, shown[2].runbook) == ("", "")


@pytest.mark.parametrize("failing", ["queue", "alarms"])
def test_the_services_are_not_shown_in_part_if_a_call_is_refused(stage: OperationsApi, failing: str) -> None:
    stage.queues.refused = {QUEUE} if failing == "queue" else set()
    stage.monitor.refused = failing == "alarms"
    with pytest.raises(RecoveryError):
        stage.api.list_services(make_request(caller="operator-1"))


# Dead letters: list and show


def test_dead_letters_of_all_queues_are_listed_latest_first_and_stay(stage: OperationsApi) -> None:
    stage.letter(DLQ, event("a"), reason="gave-up", detail="timeout", receives="5", first_seen="1700000000000")
    stage.letter("shop-dev-payment-dlq.fifo", "{", "poison", reason="undecodable", first_seen="1800000000000")
    shown = listed(stage)
    assert [(each.service, each.kind, each.reason) for each in shown.items] == [
        ("payment", "dlq", "undecodable"),
        ("orders", "dlq", "gave-up"),
    ]
    poison, failed = shown.items
    assert (poison.event, poison.order, poison.type, poison.remedy) == (None, "poison", None, RemedyView("drop", ""))
    assert (failed.event, failed.order, failed.type) == ("tickets/a/1", "a", "TicketClosed")
    assert (failed.sent_at, failed.receives, failed.detail) == ("2023-11-14T22:13:20.000Z", 5, "timeout")
    assert not shown.truncated
    assert all(queue.hidden == set() and len(queue.stored) <= 1 for queue in stage.queues.letters.values())


def test_no_message_is_received_from_queues_that_are_empty_if_no_service_is_named(stage: OperationsApi) -> None:
    stage.letter(UNDELIVERED, event("a"))
    assert len(listed(stage).items) == 1
    assert stage.queues.opened == [UNDELIVERED]
    listed(stage, service="orders")
    assert stage.queues.opened[1:] == [DLQ, UNDELIVERED, RELAY_DLQ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"service": "orders"}, ["a", "b", "c"]),
        ({"service": "orders", "kind": "undelivered"}, ["c"]),
        ({"kind": "dlq"}, ["a", "b", "d"]),
        ({"order": "a"}, ["a"]),
        ({"reason": "gave-up"}, ["a"]),
        ({"order": "b", "reason": "gave-up"}, []),
        ({"service": "payment", "kind": "relay"}, []),
    ],
)
def test_the_list_is_limited_to_a_service_a_kind_an_order_or_a_reason(
    stage: OperationsApi, query: dict[str, str], found: list[str]
) -> None:
    stage.letter(DLQ, event("a"), reason="gave-up")
    stage.letter(DLQ, event("b"), reason="undecodable")
    stage.letter(UNDELIVERED, event("c"))
    stage.letter("shop-dev-payment-dlq.fifo", event("d"), "d", reason="undecodable")
    assert sorted(each.order for each in listed(stage, **query).items) == found


def test_a_relays_dead_letter_has_no_remedy_here_and_a_batch_says_since_when(stage: OperationsApi) -> None:
    stage.letter(RELAY_DLQ, event("a"), reason="refused", key="a", event="tickets/a/1", type="TicketClosed")
    stage.letter(RELAY_DLQ, '{"DDBStreamBatchInfo":{"approximateArrivalOfFirstRecord":"2026-01-31T08:30:00Z"}}')
    shown = {each.reason: each for each in listed(stage, service="orders", kind="relay").items}
    assert (shown["refused"].order, shown["refused"].remedy, shown["refused"].since) == ("a", None, None)
    assert (shown["not-relayed"].event, shown["not-relayed"].since) == (None, "2026-01-31T08:29:00.000Z")


def test_the_list_says_that_a_queue_has_more(stage: OperationsApi) -> None:
    for n in range(MAX_LISTED + 1):
        stage.letter(DLQ, event(f"entity-{n}"))
    shown = listed(stage, service="orders")
    assert (len(shown.items), shown.truncated) == (MAX_LISTED, True)
    assert stage.queues.queue(DLQ).hidden == set()


def test_the_list_fits_into_a_functions_answer_whatever_the_messages_hold(stage: OperationsApi) -> None:
    wide = "\U0001f600" * 60_000
    attributes = dict.fromkeys(("reason", "detail", "type", "key", "event"), wide)
    for queue in (DLQ, UNDELIVERED, RELAY_DLQ, "shop-dev-payment-dlq.fifo", "shop-dev-orders-archive-dlq"):
        for n in range(MAX_LISTED):
            stage.letter(queue, "no event", group=f"{n}", **attributes)
    stage.letter("shop-dev-payment-undelivered.fifo", "no event", group="a", **attributes)
    found = listed(stage)
    assert (len(found.items), found.truncated) == (MAX_SHOWN, True)
    assert len(msgspec.json.encode(found)) < MAX_ANSWER_BYTES


def test_the_list_ends_in_time(stage: OperationsApi) -> None:
    for n in range(50):
        stage.letter(DLQ, event(f"entity-{n}"))
    stage.step = WORK_SECONDS / 3
    shown = listed(stage, service="orders", kind="dlq")
    assert 0 < len(shown.items) < 50
    assert shown.truncated


def test_a_dead_letter_is_shown_with_its_body_whichever_queue_has_it(stage: OperationsApi) -> None:
    message = stage.letter(UNDELIVERED, event("a"))
    request = make_request({"service": "orders", "id": message}, caller="operator-1")
    shown = stage.api.show_dead_letter(request)
    assert (shown.id, shown.kind, shown.order, shown.body) == (message, "undelivered", "a", event("a"))
    assert len(stage.queues.queue(UNDELIVERED).stored) == 1


@pytest.mark.parametrize(
    ("name", "query", "title"),
    [
        ("orders", {}, "No such dead letter"),
        ("nobody", {}, "No such service"),
        ("viewer", {}, "No such queue"),
        ("orders-archive", {"kind": "relay"}, "No such queue"),
    ],
)
def test_a_dead_letter_that_does_not_exist_is_not_shown(
    stage: OperationsApi, name: str, query: dict[str, str], title: str
) -> None:
    request = make_request({"service": name, "id": "message-99"}, query=query, caller="operator-1")
    problem = refusal(stage.api.show_dead_letter, request)
    assert (problem.rule.status, problem.rule.title) == (404, title)


def test_a_list_of_an_unknown_service_is_refused(stage: OperationsApi) -> None:
    request = make_request(query={"service": "nobody"}, caller="operator-1")
    assert refusal(stage.api.list_dead_letters, request).field == "service"


# Redrive and drop


def test_a_redrive_sends_the_selected_messages_and_records_who_did_it(stage: OperationsApi) -> None:
    first = stage.letter(DLQ, event("a"), reason="gave-up")
    second = stage.letter(DLQ, event("b"), reason="gave-up")
    stage.letter(DLQ, event("c"), reason="unknown-order")
    answer = stage.call(stage.api.redrive, DeadLetterSelection(reason="gave-up"))
    assert (answer.matched, answer.done, answer.left, answer.ids) == (2, 2, 0, (first, second))
    assert (answer.reasons, answer.refused, answer.truncated) == ({"gave-up": 2}, {}, False)
    assert stage.queues.destination(QUEUE).bodies() == [event("a"), event("b")]
    assert stage.queues.queue(DLQ).bodies() == [event("c")]
    assert answer.action == FIRST_ACTION
    action = recorded(stage)
    assert (action.action, action.who, action.time, action.service) == ("redrive", "operator-1", NOON, "orders")
    assert (action.outcome, action.reason, action.left) == ("done", "gave-up", 0)
    assert action.messages == (
        MessageRecord(first, "a", "tickets/a/1", "TicketClosed", "gave-up"),
        MessageRecord(second, "b", "tickets/b/1", "TicketClosed", "gave-up"),
    )


def test_undelivered_messages_are_redriven_to_the_consumers_queue(stage: OperationsApi) -> None:
    stage.letter(UNDELIVERED, event("a"))
    assert stage.call(stage.api.redrive, DeadLetterSelection(kind="undelivered")).done == 1
    assert stage.queues.destination(QUEUE).bodies() == [event("a")]


def test_a_drop_deletes_the_named_messages_and_records_no_body(stage: OperationsApi) -> None:
    message = stage.letter(DLQ, event("a"), reason="undecodable")
    kept = stage.letter(DLQ, event("b"), reason="undecodable")
    answer = stage.call(stage.api.drop, DeadLetterSelection(ids=(message,), order="a"))
    assert (answer.matched, answer.done, answer.left, answer.ids) == (1, 1, 0, (message,))
    assert [each.id for each in stage.queues.queue(DLQ).stored] == [kept]
    action = recorded(stage)
    assert (action.action, action.subject, action.outcome) == ("drop", "a", "done")
    stored = stage.scenario.table.entities[FIRST_ACTION]
    assert event("a") not in stored.state
    assert "solved" not in stored.state + "".join(stored.attributes.values())


def test_messages_are_recorded_before_they_are_deleted(stage: OperationsApi) -> None:
    for n in range(15):
        stage.letter(DLQ, event(f"entity-{n}"))
    queue, missing = stage.queues.queue(DLQ), list[str]()
    delete = queue.delete

    def checked(messages: Any) -> None:
        known = {message.id for message in recorded(stage).messages}
        missing.extend(message.id for message in messages if message.id not in known)
        delete(messages)

    queue.delete = checked  # type: ignore[method-assign]  # a queue that is watched
    assert stage.call(stage.api.drop, ALL).done == 15
    assert missing == []


@pytest.mark.parametrize("name", ["redrive", "drop"])
def test_a_dry_run_says_what_would_be_selected_and_changes_and_records_nothing(stage: OperationsApi, name: str) -> None:
    first = stage.letter(DLQ, event("a"), reason="gave-up")
    stage.letter(DLQ, event("b"), reason="undecodable")
    selection = DeadLetterSelection(reason="gave-up", dry_run=True)
    answer = stage.call(getattr(stage.api, name), selection)
    assert (answer.matched, answer.done, answer.left, answer.ids) == (1, 0, 1, (first,))
    assert (answer.reasons, answer.action) == ({"gave-up": 1}, None)
    assert len(stage.queues.queue(DLQ).stored) == 2
    assert stage.queues.destination(QUEUE).arrived == []
    assert stage.scenario.table.entities == {}


def test_a_request_that_selects_nothing_records_nothing(stage: OperationsApi) -> None:
    stage.letter(DLQ, event("a"), reason="gave-up")
    answer = stage.call(stage.api.drop, DeadLetterSelection(reason="undecodable"))
    assert (answer.matched, answer.done, answer.left, answer.action) == (0, 0, 0, None)
    assert stage.scenario.table.entities == {}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("name", ["redrive", "drop"])
def test_named_messages_of_which_none_exists_are_refused(stage: OperationsApi, name: str, dry_run: bool) -> None:
    stage.letter(DLQ, event("a"))
    selection = DeadLetterSelection(ids=("message-99",), dry_run=dry_run)
    problem = refusal(stage.call, getattr(stage.api, name), selection)
    assert (problem.rule.status, problem.rule.title) == (404, "No such dead letter")
    assert stage.scenario.table.entities == {}


@pytest.mark.parametrize("method", ["redrive", "drop"])
@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("nobody", "dlq", "No such service"),
        ("viewer", "dlq", "No such queue"),
        ("orders-archive", "relay", "No such queue"),
    ],
)
def test_the_dead_letters_of_no_queue_can_be_neither_redriven_nor_dropped(
    stage: OperationsApi, method: str, name: str, kind: Any, title: str
) -> None:
    problem = refusal(stage.call, getattr(stage.api, method), DeadLetterSelection(kind=kind), name)
    assert (problem.rule.status, problem.rule.title) == (404, title)


def test_a_relays_dead_letters_can_be_dropped_but_not_redriven(stage: OperationsApi) -> None:
    stage.letter(RELAY_DLQ, event("a"), reason="refused", key="a")
    selection = DeadLetterSelection(kind="relay")
    problem = refusal(stage.call, stage.api.redrive, selection)
    assert (problem.rule.status, problem.rule.title, problem.field) == (422, "Not redrivable", "kind")
    assert stage.call(stage.api.drop, selection).done == 1


def test_a_message_that_its_queue_will_never_accept_stays_and_holds_up_no_other(stage: OperationsApi) -> None:
    stage.letter(DLQ, event("a"), reason="gave-up")
    accepted = stage.letter(DLQ, event("b"), reason="gave-up")
    stage.queues.destination(QUEUE).unacceptable = {event("a")}
    answer = stage.call(stage.api.redrive, ALL)
    assert (answer.matched, answer.done, answer.left, answer.ids) == (2, 1, 1, (accepted,))
    assert answer.refused == {"tickets/a/1": "Invalid"}
    assert stage.queues.queue(DLQ).bodies() == [event("a")]
    action = recorded(stage)
    assert (action.outcome, action.refused, action.left) == ("done", {"tickets/a/1": "Invalid"}, 1)


def test_a_message_that_fails_again_at_once_is_counted_as_left(stage: OperationsApi) -> None:
    stage.letter(DLQ, event("a"), reason="gave-up")
    destination = stage.queues.destination(QUEUE)
    destination.handle = lambda message: stage.queues.queue(DLQ).add(message.body, reason="gave-up")
    answer = stage.call(stage.api.redrive, ALL)
    assert (answer.matched, answer.done, answer.left) == (1, 1, 1)


@pytest.mark.parametrize("name", ["redrive", "drop"])
def test_a_request_does_what_fits_into_its_time_and_a_repeat_does_the_rest(stage: OperationsApi, name: str) -> None:
    for n in range(45):
        stage.letter(DLQ, event(f"entity-{n}"))
    stage.step = WORK_SECONDS / 3
    done = []
    while True:
        answer = stage.call(getattr(stage.api, name), ALL)
        done.append(answer.done)
        if not answer.truncated:
            break
    assert len(done) > 1
    assert sum(done) == 45
    assert recorded(stage).truncated
    assert stage.queues.queue(DLQ).stored == []


def test_a_request_takes_a_limited_number_of_messages(stage: OperationsApi) -> None:
    for n in range(MAX_MESSAGES + 20):
        stage.letter(DLQ, event(f"entity-{n}"))
    dry = stage.call(stage.api.drop, DeadLetterSelection(dry_run=True))
    assert (len(dry.ids), dry.truncated) == (MAX_MESSAGES, True)
    answer = stage.call(stage.api.drop, ALL)
    assert (answer.done, answer.truncated) == (MAX_MESSAGES, True)
    assert stage.call(stage.api.drop, ALL).done == 20


def test_a_request_ends_once_it_has_found_all_messages_that_it_names(stage: OperationsApi) -> None:
    messages = [stage.letter(DLQ, event(f"entity-{n}")) for n in range(60)]
    answer = stage.call(stage.api.drop, DeadLetterSelection(ids=tuple(messages[:2])))
    assert (answer.done, answer.truncated) == (2, False)
    assert stage.queues.queue(DLQ).receives == 1


@pytest.mark.parametrize("name", ["redrive", "drop"])
def test_a_queue_is_emptied_and_recorded_whatever_its_messages_hold(stage: OperationsApi, name: str) -> None:
    wide = "\U0001f600" * 15_000
    for n in range(MAX_MESSAGES):
        text = f"{n} {wide}"
        stage.letter(DLQ, event(text), group="a", reason=text, type=text)
    done = 0
    while (answer := stage.call(getattr(stage.api, name), ALL)).truncated:
        assert 0 < answer.done <= MAX_MESSAGES
        done += answer.done
    assert done + answer.done == MAX_MESSAGES
    stored = stage.scenario.table.entities.values()
    assert sum(len(action.messages) for action in map(partial(recorded, stage), stage.scenario.table.entities)) == (
        MAX_MESSAGES
    )
    assert max(len(msgspec.json.encode(to_attributes(each))) for each in stored) < MAX_ITEM_BYTES


def test_messages_of_usual_size_are_redriven_by_one_request(stage: OperationsApi) -> None:
    for n in range(MAX_MESSAGES):
        stage.letter(DLQ, event(f"3f0b0b0a-8f2e-4a5e-9a51-{n:012}"), reason="received-too-often")
    assert stage.call(stage.api.redrive, ALL).done == MAX_MESSAGES


def test_an_action_names_the_most_frequent_reasons_in_the_list(stage: OperationsApi) -> None:
    for n in range(MAX_REASONS + 5):
        stage.letter(DLQ, event(f"entity-{n}"), reason=f"reason-{n}")
    stage.letter(DLQ, event("a"), reason="gave-up")
    stage.letter(DLQ, event("b"), reason="gave-up")
    stage.call(stage.api.drop, ALL)
    (action,) = stage.actions().items
    assert (len(action.details.reasons), action.details.reasons["gave-up"]) == (MAX_REASONS, 2)
    assert action.details.messages == MAX_REASONS + 7


@pytest.mark.parametrize("name", ["redrive", "drop"])
def test_a_refused_call_breaks_the_action_off_and_its_record_says_so(stage: OperationsApi, name: str) -> None:
    message = stage.letter(DLQ, event("a"), reason="gave-up")
    stage.queues.queue(DLQ).undeletable = {message}
    problem = refusal(stage.call, getattr(stage.api, name), ALL)
    assert (problem.rule.status, problem.rule.title) == (502, "Broken off")
    assert problem.members == {"action": FIRST_ACTION}
    action = recorded(stage)
    assert (action.outcome, [each.id for each in action.messages]) == ("failed", [message])
    assert "deleted" in action.problem
    assert "deleted" not in problem.detail


def test_a_queue_that_is_busy_on_every_attempt_breaks_the_redrive_off_and_the_message_stays(
    stage: OperationsApi,
) -> None:
    stage.letter(DLQ, event("a"))
    stage.queues.destination(QUEUE).refused = {event("a")}
    assert refusal(stage.call, stage.api.redrive, ALL).rule.title == "Broken off"
    assert stage.queues.queue(DLQ).bodies() == [event("a")]
    assert stage.queues.queue(DLQ).hidden == set()


def test_an_action_whose_queue_cannot_be_reached_is_not_recorded_because_it_did_not_begin(stage: OperationsApi) -> None:
    stage.queues.refused = {DLQ}
    problem = refusal(stage.call, stage.api.drop, ALL)
    assert (problem.rule.title, problem.members) == ("Broken off", {"action": ""})
    assert stage.scenario.table.entities == {}


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down, ann@example.com"}}, "PutItem")


@pytest.mark.parametrize("name", ["redrive", "drop"])
def test_nothing_is_taken_that_cannot_be_recorded(stage: OperationsApi, name: str) -> None:
    stage.letter(DLQ, event("a"))
    stage.scenario.table.commit_faults.always(fails(THROTTLED))
    problem = refusal(stage.call, getattr(stage.api, name), ALL)
    assert (problem.rule.title, problem.members) == ("Broken off", {"action": ""})
    assert "ann@example.com" not in str(problem)
    assert stage.queues.queue(DLQ).bodies() == [event("a")]
    assert stage.queues.queue(DLQ).hidden == set()
    assert stage.queues.destination(QUEUE).arrived == []


def test_an_action_whose_end_cannot_be_recorded_stays_begun(stage: OperationsApi) -> None:
    stage.letter(DLQ, event("a"))
    table = stage.scenario.table

    def last_write(call: Callable[[], T]) -> T:
        answer = call()
        table.commit_faults.always(fails(THROTTLED))
        return answer

    table.commit_faults.next(last_write)
    problem = refusal(stage.call, stage.api.drop, ALL)
    assert problem.members == {"action": FIRST_ACTION}
    assert (recorded(stage).outcome, len(recorded(stage).messages)) == ("begun", 1)
    assert stage.queues.queue(DLQ).stored == []


# Two requests at once


def held_by_another(stage: OperationsApi, queue: str, *messages: str) -> None:
    """Have another request hold messages, as it does until it ends."""
    stage.queues.queue(queue).hidden |= set(messages)


@pytest.mark.parametrize("held", [1, 12])
def test_a_list_waits_for_messages_that_another_request_holds(stage: OperationsApi, held: int) -> None:
    messages = [stage.letter(DLQ, event(f"entity-{n}")) for n in range(12)]
    held_by_another(stage, DLQ, *messages[:held])
    stage.while_waiting = stage.queues.queue(DLQ).end_visibility_timeout
    shown = listed(stage)
    assert sorted(each.id for each in shown.items) == sorted(messages)
    assert (shown.truncated, shown.held) == (False, 0)


def test_a_list_says_what_it_misses_and_ends_in_time(stage: OperationsApi) -> None:
    messages = [stage.letter(DLQ, event(f"entity-{n}")) for n in range(12)]
    held_by_another(stage, DLQ, *messages[:3])
    shown = listed(stage)
    assert (len(shown.items), shown.truncated, shown.held) == (9, True, 3)
    assert stage.queues.queue(DLQ).hidden == set(messages[:3])
    assert stage.seconds < WORK_SECONDS


def test_a_list_waits_for_nothing_if_no_other_request_holds_messages(stage: OperationsApi) -> None:
    for n in range(14):
        stage.letter("shop-dev-payment-dlq.fifo", event("a", n + 1), "a")
    shown = listed(stage)
    assert (len(shown.items), shown.truncated, shown.held) == (10, True, 0)
    assert stage.seconds == 0


@pytest.mark.parametrize("name", ["redrive", "drop"])
def test_a_named_message_that_is_momentarily_invisible_is_redriven_or_dropped_once_it_is_visible(
    stage: OperationsApi, name: str
) -> None:
    messages = [stage.letter(DLQ, event(f"entity-{n}")) for n in range(3)]
    held_by_another(stage, DLQ, messages[1])
    stage.while_waiting = stage.queues.queue(DLQ).end_visibility_timeout
    answer = stage.call(getattr(stage.api, name), DeadLetterSelection(ids=tuple(messages[:2])))
    assert (answer.done, answer.left, answer.missing, answer.truncated) == (2, 0, (), False)
    assert [each.id for each in stage.queues.queue(DLQ).stored] == messages[2:]


@pytest.mark.parametrize("name", ["redrive", "drop"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_named_message_that_stays_invisible_is_left_and_not_lost(
    stage: OperationsApi, name: str, dry_run: bool
) -> None:
    messages = [stage.letter(DLQ, event(f"entity-{n}")) for n in range(2)]
    held_by_another(stage, DLQ, messages[1])
    answer = stage.call(getattr(stage.api, name), DeadLetterSelection(ids=tuple(messages), dry_run=dry_run))
    assert (answer.matched, answer.left, answer.missing, answer.truncated) == (1, 1 + dry_run, (messages[1],), True)
    assert messages[1] in [each.id for each in stage.queues.queue(DLQ).stored]
    if not dry_run:
        assert recorded(stage).left == 1


@pytest.mark.parametrize("name", ["redrive", "drop"])
def test_if_all_named_messages_are_held_nothing_is_recorded_and_the_request_may_be_sent_again(
    stage: OperationsApi, name: str
) -> None:
    message = stage.letter(DLQ, event("a"))
    held_by_another(stage, DLQ, message)
    answer = stage.call(getattr(stage.api, name), DeadLetterSelection(ids=(message,)))
    assert (answer.matched, answer.left, answer.truncated, answer.action) == (0, 1, True, None)
    stage.queues.queue(DLQ).end_visibility_timeout()
    assert stage.call(getattr(stage.api, name), DeadLetterSelection(ids=(message,))).done == 1


def test_a_named_message_that_is_gone_is_missing_and_not_left(stage: OperationsApi) -> None:
    message = stage.letter(DLQ, event("a"))
    answer = stage.call(stage.api.drop, DeadLetterSelection(ids=(message, "message-99")))
    assert (answer.done, answer.left, answer.missing, answer.truncated) == (1, 0, ("message-99",), False)


def test_messages_that_are_only_read_are_hidden_for_less_time_than_those_that_are_sent(stage: OperationsApi) -> None:
    stage.letter(DLQ, event("a"))
    listed(stage)
    stage.call(stage.api.redrive, ALL)
    assert stage.queues.hidden_seconds == [5, 15]


# Actions


def test_actions_are_listed_latest_first_and_a_page_at_a_time(stage: OperationsApi) -> None:
    for n in range(3):
        stage.letter(DLQ, event(f"entity-{n}"), reason="gave-up")
        stage.call(stage.api.drop, DeadLetterSelection(order=f"entity-{n}"))
        stage.scenario.clock.advance(milliseconds=1)
    page = stage.actions(limit=2)
    assert [each.subject for each in page.items] == ["entity-2", "entity-1"]
    latest = page.items[0]
    assert isinstance(latest, ActionView)
    assert (latest.action, latest.who, latest.service) == ("drop", "operator-1", "orders")
    assert (latest.details.outcome, latest.details.messages, latest.details.reasons) == ("done", 1, {"gave-up": 1})
    assert (latest.details.kind, latest.details.problem) == ("dlq", None)
    rest = stage.actions(limit=2, cursor=page.next)
    assert [each.subject for each in rest.items] == ["entity-0"]
    assert rest.next is None


def test_the_actions_on_an_order_are_those_on_its_messages_however_they_were_selected(stage: OperationsApi) -> None:
    for orders, selection in (
        ("a", DeadLetterSelection(order="a")),
        ("ab", ALL),
        ("b", DeadLetterSelection(reason="gave-up")),
    ):
        for order in orders:
            stage.letter(DLQ, event(order), reason="gave-up")
        stage.call(stage.api.redrive, selection)
        stage.scenario.clock.advance(milliseconds=1)
    assert [each.orders for each in stage.actions().items] == [("b",), ("a", "b"), ("a",)]
    assert [each.orders for each in stage.actions(order="a").items] == [("a", "b"), ("a",)]
    assert stage.actions(order="c").items == ()


def test_an_action_on_many_orders_names_some_in_the_list_and_is_found_by_each(stage: OperationsApi) -> None:
    for n in range(MAX_ORDERS + 5):
        stage.letter(DLQ, event(f"entity-{n}"))
    stage.call(stage.api.drop, ALL)
    (action,) = stage.actions().items
    assert (len(action.orders), action.more_orders) == (MAX_ORDERS, 5)
    for n in (0, MAX_ORDERS + 4):
        assert [each.id for each in stage.actions(order=f"entity-{n}").items] == [FIRST_ACTION]
    assert stage.actions(order="entity-99").items == ()


def test_the_actions_on_an_order_go_on_after_a_page_without_any(stage: OperationsApi) -> None:
    for order in "abb":
        stage.letter(DLQ, event(order))
        stage.call(stage.api.drop, ALL)
        stage.scenario.clock.advance(milliseconds=1)
    page = stage.actions(order="a", limit=2)
    assert page.items == ()
    assert [each.orders for each in stage.actions(order="a", limit=2, cursor=page.next).items] == [("a",)]


def test_a_cursor_that_is_none_of_the_list_is_refused(stage: OperationsApi) -> None:
    assert refusal(lambda: stage.actions(cursor="bm90aGluZw")).rule.title == "Unknown cursor"


def test_an_action_is_shown_with_its_messages(stage: OperationsApi) -> None:
    message = stage.letter(DLQ, event("a"), reason="gave-up")
    stage.call(stage.api.redrive, ALL)
    shown = stage.api.show_action(make_request({"id": FIRST_ACTION}, caller="operator-2"))
    assert (shown.id, shown.who) == (FIRST_ACTION, "operator-1")
    assert shown.messages == (MessageRecord(message, "a", "tickets/a/1", "TicketClosed", "gave-up"),)


def test_an_unknown_action_is_not_found(stage: OperationsApi) -> None:
    request = make_request({"id": FIRST_ACTION}, caller="operator-1")
    assert refusal(stage.api.show_action, request).rule.title == "No such action"
