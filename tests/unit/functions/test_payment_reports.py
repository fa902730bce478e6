import json
from typing import Any

import msgspec
import pytest

from functions.payment.check import on_unaddressed_report
from functions.payment.gateway import Labels, Origin
from functions.payment.report_queue import SqsReportQueue
from functions.payment.reports import (
    PaymentReported,
    Ports,
    Readdress,
    Report,
    UnaddressedReport,
    with_reports,
)
from functions.payment.service import service
from tests.unit.facts import ORDER, TRACE
from tests.unit.functions.payments import PAY, PLACED, MemoryGateway, MemoryReports, entity, then
from tidings.core.decisions import Skip
from tidings.core.entity import Entity, inbox_key
from tidings.core.errors import PermanentError
from tidings.core.event import encode
from tidings.messaging.assembly import parser_of
from tidings.testing import NOON, given

OF_ORDER = Report(
    id="evt_1", payment=PAY, about="refund", time=NOON, order=ORDER, correlationid="request-1", traceparent=TRACE
)
UNADDRESSED = Report(id="evt_2", payment=PAY, about="dispute", time=NOON, correlationid="evt_2", traceparent=TRACE)
LABELS = Labels(ORDER, Origin("request-7", TRACE))

parse = with_reports(parser_of(service))


def body(report: Report, **changes: Any) -> str:
    return json.dumps(json.loads(msgspec.json.encode(report)) | changes)


# Messages


def test_a_report_of_an_order_is_an_event_of_that_order() -> None:
    event = parse(body(OF_ORDER))
    assert event.data == PaymentReported(payment=PAY, about="refund")
    assert (event.id, event.source, event.type) == (f"gateway/{ORDER}/evt_1", "gateway", "PaymentReported")
    assert (event.subject, event.time, event.correlationid, event.traceparent) == (ORDER, NOON, "request-1", TRACE)
    assert inbox_key(event) == "gateway/evt_1"


def test_a_report_that_names_no_order_is_an_event_of_its_payment() -> None:
    event = parse(body(UNADDRESSED))
    assert (event.data, event.subject) == (UnaddressedReport(about="dispute"), PAY)


def test_every_other_message_is_parsed_as_before() -> None:
    assert parse(encode(PLACED)) == PLACED
    for text in ("{", "[]", '"gateway"', '{"source":"gateway","source":"orders"}', '{"source":"ses"}'):
        with pytest.raises(PermanentError) as refusal:
            parse(text)
        assert refusal.value.reason in ("undecodable", "not-an-event")


@pytest.mark.parametrize(
    "changes",
    [
        {"about": "everything"},
        {"about": None},
        {"payment": ""},
        {"payment": "p" * 65},
        {"id": "evt 1"},
        {"id": "evt/1"},
        {"order": "order-1"},
        {"time": "yesterday"},
        {"time": "2026-01-31T14:00:00.000+02:00"},
        {"correlationid": ""},
        {"traceparent": "00-0"},
    ],
)
def test_a_malformed_report_breaks_its_contract(changes: dict[str, Any]) -> None:
    with pytest.raises(PermanentError) as refusal:
        parse(body(OF_ORDER, **changes))
    assert refusal.value.reason == "breaks-contract"


def test_an_event_of_the_topic_cannot_pass_for_a_report() -> None:
    forged = encode(PLACED).replace('"source":"orders"', '"source":"gateway"')
    with pytest.raises(PermanentError) as refusal:
        parse(forged)
    assert refusal.value.reason == "breaks-contract"


# The group


def test_the_reports_of_an_order_are_in_the_group_of_its_events() -> None:
    assert (OF_ORDER.group, UNADDRESSED.group) == (ORDER, PAY)


def test_a_report_that_is_sent_again_under_its_order_is_not_taken_for_a_repeated_message() -> None:
    again = msgspec.structs.replace(UNADDRESSED, order=ORDER)
    assert again.deduplication_id != UNADDRESSED.deduplication_id


def test_a_report_is_sent_to_the_queue_in_its_group() -> None:
    sent: list[dict[str, Any]] = []

    class Client:
        def send_message(self, **message: Any) -> None:
            sent.append(message)

    queue: Any = SqsReportQueue(lambda: Client(), "https://queue")  # type: ignore[arg-type,return-value]
    queue.send(OF_ORDER)
    (message,) = sent
    assert parse(message.pop("MessageBody")) == parse(body(OF_ORDER))
    assert message == {
        "QueueUrl": "https://queue",
        "MessageGroupId": ORDER,
        "MessageDeduplicationId": f"evt_1/{ORDER}",
    }


# Reports that name no order


def test_a_report_that_names_no_order_is_resolved_without_a_write() -> None:
    decision = on_unaddressed_report(Entity(PAY), parse(body(UNADDRESSED)))
    effect = Readdress(PAY, "dispute", f"gateway/{PAY}/evt_2", NOON)
    assert getattr(decision, "effect", None) == effect
    assert then(decision, entity(None), None) == Skip()


def test_a_report_that_names_no_order_is_sent_again_under_the_order_of_its_payment() -> None:
    gateway, reports = MemoryGateway(labelled={PAY: LABELS}), MemoryReports()
    scenario = given(service, port=Ports(gateway, reports), parse=parse)
    for _ in range(2):
        outcome = scenario.when_batch(body(UNADDRESSED))
        assert (outcome.writes, outcome.errors) == (0, {})
    again = msgspec.structs.replace(UNADDRESSED, order=ORDER, correlationid="request-7")
    assert reports.sent == [again, again]
    assert gateway.calls == ["labels", "labels"]


def test_a_report_about_no_order_of_this_stage_is_dropped() -> None:
    gateway, reports = MemoryGateway(), MemoryReports()
    outcome = given(service, port=Ports(gateway, reports), parse=parse).when_batch(body(UNADDRESSED))
    assert (reports.sent, outcome.writes, outcome.errors, outcome.dead_letters) == ([], 0, {}, ())


def test_a_report_whose_order_cannot_be_found_now_is_delivered_again() -> None:
    def fail() -> None:
        raise TimeoutError("no answer")

    gateway, reports = MemoryGateway(labelled={PAY: LABELS}), MemoryReports()
    gateway.before["labels"] = [fail]
    scenario = given(service, port=Ports(gateway, reports), parse=parse)
    assert isinstance(next(iter(scenario.when_batch(body(UNADDRESSED)).errors.values())), TimeoutError)
    scenario.when_batch(body(UNADDRESSED))
    assert [report.order for report in reports.sent] == [ORDER]
