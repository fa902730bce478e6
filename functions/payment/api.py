"""The routes of payments."""

from typing import Annotated, Literal
from uuid import UUID, uuid5

from msgspec import Meta, Struct

from contracts.values.money import MAX_AMOUNT, Currency, Money
from contracts.values.order import OrderId
from contracts.values.refund import OperatorsReason, RefundReason
from functions.payment.gateway import Approval
from functions.payment.refunds import request_refund, retry_refund, settle_refund
from functions.payment.reports import Ports, Report
from functions.payment.state import Dispute, Payment, Refund, RefundStatus, Status, attempt_of
from tidings.core.clock import to_rfc3339
from tidings.core.decisions import Reject
from tidings.core.entity import Entity
from tidings.core.errors import described
from tidings.handling.executor import HandlerExecutor, UnitOfWork
from tidings.http.idempotency import IdempotencyKey
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Reply, Request
from tidings.http.routes import route
from tidings.observability.log import logger

GatewayName = Literal["simulated", "stripe"]

NAMESPACE = UUID("b1b6a2d6-6a4e-4c1a-9d0e-2f3d7c5e8a41")
"""The namespace in which an order's id becomes the namespace of its refunds."""

RefundName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z", description="A refund's name has 1 to 64 letters, digits, `_` and `-`")
]

NO_SUCH_PAYMENT = Rule(404, "No such payment", "The caller has no order with this id, or its payment has not begun.")
UNKNOWN_PAYMENT = Rule(404, "Unknown payment", "No order has this id, or its payment has not begun.")
UNKNOWN_REFUND = Rule(404, "Unknown refund", "The order has no refund of this name.")
NOT_CAPTURED = Rule(409, "Not captured", "The order's payment was not captured, so there is nothing to refund.")
TOO_MUCH = Rule(409, "Too much", "The refund exceeds what is left of the payment.")
TOO_MANY = Rule(409, "Too many", "The order has the maximum number of refunds.")
NOT_FAILED = Rule(409, "Not failed", "The refund has not failed.")
OTHER_CURRENCY = Rule(422, "Another currency", "The payment was made in another currency.")
KEY_TAKEN = Rule(422, "The key is taken", "Another refund of the order was requested under this Idempotency-Key.")

REFUSALS = {
    "unknown": UNKNOWN_REFUND,
    "not_captured": NOT_CAPTURED,
    "too_much": TOO_MUCH,
    "too_many": TOO_MANY,
    "not_failed": NOT_FAILED,
    "currency": OTHER_CURRENCY,
    "key_taken": KEY_TAKEN,
}
"""The rules by the codes of rejections."""

FIELDS = {"currency": "amount.currency", "too_much": "amount", "key_taken": "Idempotency-Key"}
"""The refused parts of a request for a refund, by the codes of rejections."""


class RefundAmount(Struct, frozen=True, forbid_unknown_fields=True):
    """An amount to refund, in minor units of a currency (ISO 4217)."""

    amount: Annotated[int, Meta(ge=1, le=MAX_AMOUNT)]
    currency: Currency


class RefundRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of an order's payment to refund, and why."""

    amount: RefundAmount
    reason: OperatorsReason


class OwnRefund(Struct, frozen=True):
    """A refund as its customer sees it. `at` is the time of its last change."""

    id: str
    amount: Money
    status: RefundStatus
    at: str


class OwnPayment(Struct, frozen=True):
    """An order's payment as its customer sees it.

    `approval` is null unless the customer must approve the payment. It is secret: the gateway's script in the
    customer's browser needs it, and nobody else.
    """

    status: Status
    amount: Money | None
    gateway: GatewayName
    refunds: tuple[OwnRefund, ...]
    approval: Approval | None


class RefundView(Struct, frozen=True):
    """A refund as operators see it.

    `payment` is the gateway's id of the payment, and `code` the gateway's reason if the refund failed. `at` is the time
    of its last change.
    """

    id: str
    payment: str
    amount: Money
    reason: RefundReason
    status: RefundStatus
    attempt: int
    code: str
    at: str


class PaymentView(Struct, frozen=True):
    """An order's payment as operators see it.

    `payment` is the gateway's id; null if none was opened. `left` is what can still be refunded: zero unless the
    payment is captured. `due` is the time when the gateway is asked about it again; null if it awaits nothing.
    `amount` and `left` are null if the order was cancelled before its payment began.
    """

    status: Status
    payment: str | None
    amount: Money | None
    left: Money | None
    due: str | None
    refunds: tuple[RefundView, ...]
    disputes: tuple[Dispute, ...]


class Api:
    """The routes of payments. Those of refunds only record what is to be done; the consumer calls the gateway."""

    def __init__(self, payments: HandlerExecutor[Payment], ports: Ports, gateway: GatewayName) -> None:
        self._payments = payments
        self._ports = ports
        self._gateway: GatewayName = gateway

    @route("GET", "/orders/{id}/payment", OwnPayment, path={"id": OrderId}, rules=(NO_SUCH_PAYMENT,))
    def show(self, request: Request) -> OwnPayment:
        """Show the payment of one of the caller's orders, and what the browser needs if it awaits an approval."""
        payment = self._payments.entity(request.path["id"]).read().state
        # A tombstone has no customer.
        if payment is None or payment.customer != request.require_caller().id:
            detail = "You have no order under this id, or its payment has not begun. GET /orders lists your orders."
            raise Problem(NO_SUCH_PAYMENT, detail)
        approval = self._ports.gateway.approval(payment.id) if payment.status == "action_required" else None
        refunds = tuple(OwnRefund(each.id, each.amount, each.status, each.at) for each in payment.refunds)
        return OwnPayment(payment.status, payment.amount, self._gateway, refunds, approval)

    @route("GET", "/operators/orders/{id}/payment", PaymentView, path={"id": OrderId}, rules=(UNKNOWN_PAYMENT,))
    def show_any(self, request: Request) -> PaymentView:
        """Show any order's payment, with its refunds and disputes."""
        return _view(_existing(self._any(request).read()))

    @route(
        "POST",
        "/operators/orders/{id}/refunds",
        RefundView,
        status=202,
        path={"id": OrderId},
        headers={"Idempotency-Key": IdempotencyKey},
        body=RefundRequest,
        replies={"Idempotent-Replayed": "`true` if the refund had been requested before."},
        rules=(UNKNOWN_PAYMENT, NOT_CAPTURED, TOO_MUCH, TOO_MANY, OTHER_CURRENCY, KEY_TAKEN),
    )
    def refund(self, request: Request, body: RefundRequest) -> Reply:
        """Refund a part of an order's captured payment. A repeat with the same key shows the refund as it is by now."""
        amount, now = Money(body.amount.amount, body.amount.currency), self._payments.clock()
        name = refund_name(request.path["id"], request.headers["Idempotency-Key"])
        execution = self._any(request).execute(
            lambda entity: request_refund(entity, name, amount, body.reason, now), request.metadata(now)
        )
        if execution.rejection:
            raise _refused(execution.rejection, FIELDS.get(execution.rejection.code))
        refund = self._requested(request, execution.entity, name)
        return Reply(_refund_view(refund), {} if execution.changed else {"Idempotent-Replayed": "true"})

    @route(
        "POST",
        "/operators/orders/{id}/refunds/{refund}/attempts",
        RefundView,
        status=202,
        path={"id": OrderId, "refund": RefundName},
        rules=(UNKNOWN_PAYMENT, UNKNOWN_REFUND, NOT_FAILED, TOO_MUCH),
    )
    def retry(self, request: Request) -> RefundView:
        """Try a failed refund again, as a new attempt."""
        name, now = request.path["refund"], self._payments.clock()
        execution = self._any(request).execute(lambda entity: retry_refund(entity, name, now), request.metadata(now))
        if execution.rejection:
            raise _refused(execution.rejection)
        return _refund_view(self._requested(request, execution.entity, name))

    @route(
        "POST",
        "/operators/orders/{id}/refunds/{refund}/settlement",
        RefundView,
        path={"id": OrderId, "refund": RefundName},
        rules=(UNKNOWN_PAYMENT, UNKNOWN_REFUND, NOT_FAILED),
    )
    def settle(self, request: Request) -> RefundView:
        """Record that the money of a failed refund was returned in another way. A repeat changes nothing."""
        name, now = request.path["refund"], self._payments.clock()
        execution = self._any(request).execute(lambda entity: settle_refund(entity, name, now), request.metadata(now))
        if execution.rejection:
            raise _refused(execution.rejection)
        return _refund_view(_refund_of(execution.entity, name))

    def _any(self, request: Request) -> UnitOfWork[Payment]:
        """Return the payment of the order asked for, whoever placed the order."""
        unit = self._payments.entity(request.path["id"])
        if unit.read().state:
            return unit
        raise Problem(UNKNOWN_PAYMENT, "No order was placed under this id, or its payment has not begun.")

    def _requested(self, request: Request, entity: Entity[Payment], name: str) -> Refund:
        """Return a refund that was recorded. If it is pending, have the consumer make it at once."""
        refund = _refund_of(entity, name)
        if refund.status != "pending":
            return refund
        report = Report(
            # A repeat of the request has the same id, so the queue drops its report.
            id=f"refund-{uuid5(NAMESPACE, attempt_of(entity.key, refund))}",
            payment=refund.payment,
            about="refund",
            time=to_rfc3339(self._payments.clock()),
            order=entity.key,
            correlationid=request.correlation_id,
            traceparent=request.traceparent,
        )
        try:
            self._ports.reports.send(report)
        except Exception as error:  # noqa: BLE001 - the refund is recorded, and the job makes it
            logger.warning(
                "a refund could not be reported, so the next check makes it",
                extra={"order_id": entity.key, "refund": refund.id, "error": described(error)},
            )
        return refund


def refund_name(order: str, key: str) -> str:
    """Return the name of the refund that is requested under an idempotency key: the same for a repeat."""
    return str(uuid5(uuid5(NAMESPACE, order), key))


def _refused(rejection: Reject, field: str | None = None) -> Problem:
    return Problem(REFUSALS[rejection.code], rejection.detail, field=field)


def _existing(entity: Entity[Payment]) -> Payment:
    if entity.state is None:
        raise LookupError(f"{entity.key} has no payment")
    return entity.state


def _refund_of(entity: Entity[Payment], name: str) -> Refund:
    refund = _existing(entity).refund(name)
    if refund is None:
        raise LookupError(f"{entity.key} has no refund {name}")
    return refund


def _refund_view(refund: Refund) -> RefundView:
    return RefundView(
        id=refund.id,
        payment=refund.payment,
        amount=refund.amount,
        reason=refund.reason,
        status=refund.status,
        attempt=refund.attempt,
        code=refund.code,
        at=refund.at,
    )


def _view(payment: Payment) -> PaymentView:
    left = payment.amount
    if payment.amount is not None:
        left = payment.left if payment.status == "captured" else Money(0, payment.amount.currency)
    return PaymentView(
        status=payment.status,
        payment=payment.id or None,
        amount=payment.amount,
        left=left,
        due=payment.due or None,
        refunds=tuple(_refund_view(each) for each in payment.refunds),
        disputes=payment.disputes,
    )
