"""Payment's routes."""

import json
import logging
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import replace

from contracts.payment.refund_requested import RefundRequested
from contracts.payment.refund_settled import RefundSettled
from contracts.values.money import Money
from functions.payment.api import (
    Api,
    OwnPayment,
    RefundAmount,
    RefundRequest,
    RefundView,
    refund_name,
)
from functions.payment.gateway import Approval
from functions.payment.reports import PaymentReported, Ports, Report, with_reports
from functions.payment.service import service
from functions.payment.state import MAX_REFUNDS, Dispute, Payment, Refund, Status
from tests.unit.facts import ORDER, order_id
from tidings.core.entity import Entity
from tidings.core.errors import RetryableError
from tidings.http.problems import Problem
from tidings.http.requests import Reply, Request
from tidings.http.server import serve
from tidings.messaging.consumer import parse_any
from tidings.testing import NOON, TRACEPARENT, given, make_request, preceded_by

TOTAL = Money(2000, "EUR")
CAPTURED = Payment("captured", "pi_1", TOTAL, "customer-1")
WAITING = Payment("action_required", "pi_1", TOTAL, "customer-1", since=NOON, due=NOON)
FAILED = Refund("r-1", "pi_1", Money(500, "EUR"), "damaged", NOON, "failed", 1, "expired_or_canceled_card")
SECRET = "pi_1_secret_5Vx"  # noqa: S105 - nobody's
APPROVAL = Approval("pk_test_1", SECRET, "")
OPENED: list[Status] = ["authorizing", "processing", "authorized", "captured", "failed", "voided"]


class StubGateway:
    """A gateway that knows of one approval, or does not answer."""

    def __init__(self) -> None:
        self.answer: Approval | None = APPROVAL
        self.down = False
        self.asked: list[str] = []

    def approval(self, payment: str) -> Approval | None:
        self.asked.append(payment)
        if self.down:
            raise RetryableError("the gateway did not answer")
        return self.answer


class StubReports:
    """A queue that keeps what it was sent, or does not answer."""

    def __init__(self) -> None:
        self.sent: list[Report] = []
        self.down = False

    def send(self, report: Report) -> None:
        if self.down:
            raise ConnectionError(f"no answer to {report}")
        self.sent.append(report)


class PaymentApi:
    """The API of payments over a table in memory."""

    def __init__(self) -> None:
        self.gateway, self.reports = StubGateway(), StubReports()
        self.scenario = given(service)
        self._requests = 0

    @property
    def api(self) -> Api:
        """The API in a new process."""
        return Api(self.scenario.executor, Ports(cast("Any", self.gateway), self.reports), "stripe")

    def store(self, payment: Payment) -> None:
        self.scenario.store(Entity(ORDER, 1, payment))

    @property
    def state(self) -> Payment:
        state = self.scenario.state(ORDER)
        assert state is not None
        return state

    def show(self, caller: str = "customer-1", order: str = ORDER) -> OwnPayment:
        return self.api.show(make_request({"id": order}, caller=caller))

    def refund(
        self,
        amount: int = 500,
        *,
        key: str = "key-1",
        currency: str = "EUR",
        reason: Any = "damaged",
        order: str = ORDER,
    ) -> Reply:
        self._requests += 1
        correlation = f"request-{self._requests}"
        request = make_request({"id": order}, headers={"Idempotency-Key": key}, correlation_id=correlation)
        return self.api.refund(request, RefundRequest(RefundAmount(amount, currency), reason))

    def of_refund(self, name: str, order: str = ORDER) -> Request:
        return make_request({"id": order, "refund": name})

    def retry(self, name: str = "r-1", order: str = ORDER) -> RefundView:
        return self.api.retry(self.of_refund(name, order))

    def settle(self, name: str = "r-1", order: str = ORDER) -> RefundView:
        return self.api.settle(self.of_refund(name, order))


@pytest.fixture
def shop() -> PaymentApi:
    return PaymentApi()


def refusal(action: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Problem) as raised:
        action()
    return raised.value.rule.status, raised.value.rule.title


def event(shop: PaymentApi, key: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """Return the answer to a request of customer-1 to an HTTP API."""
    claims = {"token_use": "id", "sub": "customer-1"}
    request = {
        "routeKey": key,
        "rawPath": "/",
        "pathParameters": {"id": ORDER},
        "headers": headers,
        "body": json.dumps(body),
        "requestContext": {"requestId": "request-1", "authorizer": {"jwt": {"claims": claims}}},
    }
    request["rawPath"] = f"/orders/{ORDER}/payment"
    return serve(shop.api, lambda _: False)(request, cast("Any", None))


# The owner's route


@pytest.mark.parametrize("status", OPENED)
def test_the_owner_sees_the_payment_and_the_gateway_is_not_asked(shop: PaymentApi, status: Status) -> None:
    shop.store(replace(CAPTURED, status=status))
    assert shop.show() == OwnPayment(status, TOTAL, "stripe", (), None)
    assert shop.gateway.asked == []


def test_the_owner_of_a_payment_that_awaits_an_approval_gets_what_the_browser_needs(shop: PaymentApi) -> None:
    shop.store(WAITING)
    assert shop.show() == OwnPayment("action_required", TOTAL, "stripe", (), APPROVAL)
    assert shop.gateway.asked == ["pi_1"]


def test_an_approval_that_has_just_ended_is_not_shown(shop: PaymentApi) -> None:
    shop.store(WAITING)
    shop.gateway.answer = None
    assert shop.show().approval is None


@pytest.mark.parametrize("payment", [WAITING, CAPTURED])
@pytest.mark.parametrize("caller", ["customer-2", "Customer-1"])
def test_to_a_stranger_the_payment_does_not_exist(shop: PaymentApi, payment: Payment, caller: str) -> None:
    shop.store(payment)
    assert refusal(lambda: shop.show(caller)) == (404, "No such payment")
    assert shop.gateway.asked == []


def test_a_payment_that_has_not_begun_is_answered_as_that_of_a_stranger(shop: PaymentApi) -> None:
    assert refusal(shop.show) == (404, "No such payment")
    assert refusal(lambda: shop.show(order=order_id(7))) == (404, "No such payment")


def test_the_tombstone_of_a_cancelled_order_belongs_to_nobody(shop: PaymentApi) -> None:
    shop.store(Payment("forbidden"))
    assert refusal(shop.show) == (404, "No such payment")


def test_a_free_order_has_a_payment_of_nothing(shop: PaymentApi) -> None:
    free = Money(0, "EUR")
    shop.store(Payment("not_needed", amount=free, customer="customer-1"))
    assert shop.show() == OwnPayment("not_needed", free, "stripe", (), None)


def test_the_owner_sees_the_refunds_without_the_gateways_ids_and_reasons(shop: PaymentApi) -> None:
    shop.store(replace(CAPTURED, refunds=(FAILED,)))
    (shown,) = shop.show().refunds
    assert msgspec.to_builtins(shown) == {
        "id": "r-1",
        "amount": {"amount": 500, "currency": "EUR"},
        "status": "failed",
        "at": NOON,
    }


def test_an_answer_with_an_approval_must_not_be_stored_and_its_secret_is_in_no_log_and_no_table(
    shop: PaymentApi, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    shop.store(WAITING)
    answer = event(shop, "GET /orders/{id}/payment")
    assert (answer["statusCode"], answer["headers"]["Cache-Control"]) == (200, "no-store")
    assert json.loads(answer["body"])["approval"] == {
        "publishable_key": "pk_test_1",
        "client_secret": SECRET,
        "url": "",
    }
    assert SECRET not in str([vars(record) for record in caplog.records])
    assert SECRET not in "".join(capsys.readouterr())
    assert SECRET not in str(shop.scenario.table.entities)


def test_while_the_gateway_is_down_the_request_may_be_repeated(
    shop: PaymentApi, caplog: pytest.LogCaptureFixture
) -> None:
    shop.store(WAITING)
    shop.gateway.down = True
    answer = event(shop, "GET /orders/{id}/payment")
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")
    assert [record.message for record in caplog.records] == ["busy"]
    shop.gateway.down = False
    assert event(shop, "GET /orders/{id}/payment")["statusCode"] == 200


# The operators' view


def test_operators_see_the_payment_with_its_refunds_and_disputes(shop: PaymentApi) -> None:
    made = replace(FAILED, id="r-2", status="succeeded", code="")
    shop.store(replace(CAPTURED, refunds=(FAILED, made), disputes=(Dispute("dp_1", "open"),), due=NOON))
    assert json.loads(msgspec.json.encode(shop.api.show_any(make_request({"id": ORDER})))) == {
        "status": "captured",
        "payment": "pi_1",
        "amount": {"amount": 2000, "currency": "EUR"},
        "left": {"amount": 1500, "currency": "EUR"},
        "due": NOON,
        "refunds": [
            {
                "id": "r-1",
                "payment": "pi_1",
                "amount": {"amount": 500, "currency": "EUR"},
                "reason": "damaged",
                "status": "failed",
                "attempt": 1,
                "code": "expired_or_canceled_card",
                "at": NOON,
            },
            {
                "id": "r-2",
                "payment": "pi_1",
                "amount": {"amount": 500, "currency": "EUR"},
                "reason": "damaged",
                "status": "succeeded",
                "attempt": 1,
                "code": "",
                "at": NOON,
            },
        ],
        "disputes": [{"id": "dp_1", "status": "open"}],
    }


@pytest.mark.parametrize("status", [each for each in OPENED if each != "captured"] + ["action_required"])
def test_nothing_is_left_of_a_payment_that_is_not_captured(shop: PaymentApi, status: Status) -> None:
    shop.store(replace(CAPTURED, status=status))
    assert shop.api.show_any(make_request({"id": ORDER})).left == Money(0, "EUR")


def test_operators_see_a_tombstone_without_amounts(shop: PaymentApi) -> None:
    shop.store(Payment("forbidden"))
    view = shop.api.show_any(make_request({"id": ORDER}))
    assert (view.status, view.payment, view.amount, view.left, view.due) == ("forbidden", None, None, None, None)


def test_every_route_of_operators_refuses_an_order_without_a_payment(shop: PaymentApi) -> None:
    unknown = order_id(7)
    actions: list[Callable[[], object]] = [
        lambda: shop.api.show_any(make_request({"id": unknown})),
        lambda: shop.refund(order=unknown),
        lambda: shop.retry(order=unknown),
        lambda: shop.settle(order=unknown),
    ]
    assert {refusal(action) for action in actions} == {(404, "Unknown payment")}


# Refunds


def test_a_refund_is_recorded_announced_and_reported_to_the_consumer(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    reply = shop.refund()
    name = refund_name(ORDER, "key-1")
    assert reply.body == RefundView(name, "pi_1", Money(500, "EUR"), "damaged", "pending", 1, "", NOON)
    assert reply.headers == {}
    assert shop.state.left == Money(1500, "EUR")
    assert shop.scenario.announced(ORDER) == [
        RefundRequested(payment="pi_1", refund=name, amount=Money(500, "EUR"), reason="damaged")
    ]
    (report,) = shop.reports.sent
    assert (report.payment, report.about, report.order, report.time) == ("pi_1", "refund", ORDER, NOON)
    assert (report.correlationid, report.traceparent) == ("request-1", TRACEPARENT)


def test_the_consumer_understands_the_report(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    shop.refund()
    (report,) = shop.reports.sent
    parsed = with_reports(parse_any)(msgspec.json.encode(report).decode())
    assert (parsed.subject, parsed.data) == (ORDER, PaymentReported(payment="pi_1", about="refund"))


def test_the_refund_is_known_to_the_job_if_the_report_cannot_be_sent(
    shop: PaymentApi, caplog: pytest.LogCaptureFixture
) -> None:
    shop.store(CAPTURED)
    shop.reports.down = True
    assert shop.refund().body.status == "pending"
    assert shop.state.due != ""
    (record,) = caplog.records
    assert record.message == "a refund could not be reported, so the next check makes it"
    assert vars(record)["error"].startswith("ConnectionError at tests.unit.functions.test_payment_api:")


def test_a_repeat_has_the_same_answer_and_sends_a_report_that_the_queue_drops(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    first, second = shop.refund(), shop.refund()
    assert second.body == first.body
    assert second.headers == {"Idempotent-Replayed": "true"}
    assert len(shop.state.refunds) == 1
    assert len({report.deduplication_id for report in shop.reports.sent}) == 1


def test_a_repeat_after_the_refund_has_ended_shows_its_outcome_and_reports_nothing(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    shop.refund()
    (refund,) = shop.state.refunds
    shop.store(replace(shop.state, refunds=(replace(refund, status="succeeded"),)))
    shop.reports.sent.clear()
    assert shop.refund().body.status == "succeeded"
    assert shop.reports.sent == []


@pytest.mark.parametrize("changes", [{"amount": 501}, {"reason": "missing"}, {"currency": "USD"}])
def test_a_key_belongs_to_one_refund_of_an_order(shop: PaymentApi, changes: dict[str, Any]) -> None:
    shop.store(CAPTURED)
    shop.refund()
    assert refusal(lambda: shop.refund(**changes)) == (422, "The key is taken")


def test_a_key_means_another_refund_in_another_order() -> None:
    assert refund_name(ORDER, "key-1") != refund_name(order_id(7), "key-1")


def test_a_key_has_the_refund_that_another_process_recorded_at_the_same_moment(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    shop.scenario.table.commit_faults.next(preceded_by(lambda: shop.refund()))
    assert shop.refund().headers == {"Idempotent-Replayed": "true"}
    assert len(shop.state.refunds) == 1


def test_of_two_requests_at_once_that_exceed_the_capture_together_one_is_accepted(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    shop.scenario.table.commit_faults.next(preceded_by(lambda: shop.refund(1500, key="key-2")))
    assert refusal(lambda: shop.refund(1500)) == (409, "Too much")
    assert [refund.id for refund in shop.state.refunds] == [refund_name(ORDER, "key-2")]


def test_of_two_requests_at_once_that_do_not_exceed_it_both_are_accepted(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    shop.scenario.table.commit_faults.next(preceded_by(lambda: shop.refund(1000, key="key-2")))
    shop.refund(1000)
    assert shop.state.left == Money(0, "EUR")
    assert refusal(lambda: shop.refund(1, key="key-3")) == (409, "Too much")


def test_no_more_than_what_is_left_is_refunded(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    with pytest.raises(Problem, match=r"The payment has 20\.00 EUR left to refund\.") as raised:
        shop.refund(2001)
    assert (raised.value.rule.status, raised.value.rule.title) == (409, "Too much")
    assert shop.scenario.announced(ORDER) == []
    assert shop.reports.sent == []


def test_another_currency_is_refused(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    assert refusal(lambda: shop.refund(currency="JPY")) == (422, "Another currency")


@pytest.mark.parametrize("status", [each for each in OPENED if each != "captured"] + ["forbidden", "action_required"])
def test_a_payment_that_is_not_captured_is_not_refunded(shop: PaymentApi, status: Status) -> None:
    shop.store(replace(CAPTURED, status=status))
    assert refusal(shop.refund) == (409, "Not captured")


def test_a_free_order_is_not_refunded(shop: PaymentApi) -> None:
    shop.store(Payment("not_needed", amount=Money(0, "EUR"), customer="customer-1"))
    assert refusal(shop.refund) == (409, "Not captured")


def test_an_order_has_a_maximum_number_of_refunds(shop: PaymentApi) -> None:
    shop.store(replace(CAPTURED, refunds=tuple(replace(FAILED, id=f"r-{n}") for n in range(MAX_REFUNDS))))
    assert refusal(shop.refund) == (409, "Too many")


@pytest.mark.parametrize(
    "body",
    [
        {"amount": {"amount": 0, "currency": "EUR"}, "reason": "damaged"},
        {"amount": {"amount": -1, "currency": "EUR"}, "reason": "damaged"},
        {"amount": {"amount": 5, "currency": "EURO"}, "reason": "damaged"},
        {"amount": {"amount": 5, "currency": "EUR"}, "reason": "cancelled"},
        {"amount": {"amount": 5, "currency": "EUR"}, "reason": "damaged", "note": ""},
        {"amount": {"amount": 5, "currency": "EUR"}},
    ],
)
def test_a_request_that_is_no_refund_is_refused(shop: PaymentApi, body: Any) -> None:
    shop.store(CAPTURED)
    answer = event(shop, "POST /operators/orders/{id}/refunds", body, **{"idempotency-key": "key-1"})
    assert answer["statusCode"] == 422
    assert shop.state == CAPTURED


def test_a_refund_over_http_needs_a_key(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    body = {"amount": {"amount": 5, "currency": "EUR"}, "reason": "goodwill"}
    assert event(shop, "POST /operators/orders/{id}/refunds", body)["statusCode"] == 422
    answer = event(shop, "POST /operators/orders/{id}/refunds", body, **{"idempotency-key": "key-1"})
    assert (answer["statusCode"], json.loads(answer["body"])["reason"]) == (202, "goodwill")


# Failed refunds


def test_a_failed_refund_is_tried_again_as_a_new_attempt(shop: PaymentApi) -> None:
    shop.store(replace(CAPTURED, refunds=(FAILED,)))
    assert shop.retry() == RefundView("r-1", "pi_1", Money(500, "EUR"), "damaged", "pending", 2, "", NOON)
    assert shop.scenario.announced(ORDER) == [
        RefundRequested(payment="pi_1", refund="r-1", amount=Money(500, "EUR"), reason="damaged", attempt=2)
    ]
    assert [(report.payment, report.about, report.order) for report in shop.reports.sent] == [("pi_1", "refund", ORDER)]


def test_each_attempt_has_a_report_of_its_own(shop: PaymentApi) -> None:
    for attempt in (1, 2):
        shop.store(replace(CAPTURED, refunds=(replace(FAILED, attempt=attempt),)))
        shop.retry()
    first, second = shop.reports.sent
    assert first.id != second.id


def test_the_refund_of_an_unexpected_payment_is_reported_under_that_payment(shop: PaymentApi) -> None:
    shop.store(replace(CAPTURED, refunds=(replace(FAILED, id="unexpected-pi_2", payment="pi_2"),)))
    shop.retry("unexpected-pi_2")
    assert [report.payment for report in shop.reports.sent] == ["pi_2"]


@pytest.mark.parametrize("status", ["succeeded", "settled"])
def test_only_a_failed_refund_is_tried_again(shop: PaymentApi, status: Any) -> None:
    shop.store(replace(CAPTURED, refunds=(replace(FAILED, status=status),)))
    assert refusal(shop.retry) == (409, "Not failed")


def test_a_failed_refund_is_settled_and_not_tried_again_if_its_amount_has_gone_back_meanwhile(shop: PaymentApi) -> None:
    other = replace(FAILED, id="r-2", amount=Money(1600, "EUR"), status="succeeded")
    shop.store(replace(CAPTURED, refunds=(FAILED, other)))
    assert refusal(shop.retry) == (409, "Too much")
    assert shop.settle().amount == Money(400, "EUR")


def test_a_failed_refund_is_settled_once(shop: PaymentApi) -> None:
    shop.store(replace(CAPTURED, refunds=(FAILED,)))
    assert shop.settle().status == "settled"
    assert shop.settle().status == "settled"
    assert shop.scenario.announced(ORDER) == [RefundSettled(payment="pi_1", refund="r-1", amount=Money(500, "EUR"))]
    assert shop.state.left == Money(1500, "EUR")
    assert shop.reports.sent == []


@pytest.mark.parametrize("status", ["pending", "succeeded"])
def test_only_a_failed_refund_is_settled(shop: PaymentApi, status: Any) -> None:
    shop.store(replace(CAPTURED, refunds=(replace(FAILED, status=status),)))
    assert refusal(shop.settle) == (409, "Not failed")


def test_a_refund_that_the_order_does_not_have_is_refused(shop: PaymentApi) -> None:
    shop.store(CAPTURED)
    assert refusal(shop.retry) == (404, "Unknown refund")
    assert refusal(shop.settle) == (404, "Unknown refund")
