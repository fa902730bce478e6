"""The declarations of what still goes on with an order in each service."""

import pytest

from contracts.values.goods import Units
from contracts.values.money import Money
from functions.notification.handlers import Email, Mailbox
from functions.notification.handlers import Status as MailStatus
from functions.notification.handlers import under_way as mail_under_way
from functions.orders.handlers import Order
from functions.orders.handlers import Status as OrderStatus
from functions.orders.handlers import under_way as order_under_way
from functions.payment.state import Dispute, Payment, Refund, RefundStatus
from functions.payment.state import Status as PaymentStatus
from functions.payment.state import under_way as payment_under_way
from functions.warehouse.handlers import Shipment
from functions.warehouse.handlers import Status as ShipmentStatus
from functions.warehouse.handlers import under_way as shipment_under_way
from tidings.testing import NOON

TOTAL = Money(1000, "EUR")
LINES = (Units("tea", 1),)


@pytest.mark.parametrize(
    ("status", "expected"), [("PENDING", "order"), ("CONFIRMED", "order"), ("DISPATCHED", ""), ("CANCELLED", "")]
)
def test_an_order_is_under_way_until_its_dispatch_or_cancellation(status: OrderStatus, expected: str) -> None:
    assert order_under_way(Order(status)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("authorizing", "authorization"),
        ("action_required", "authorization"),
        ("processing", "authorization"),
        ("authorized", "capture"),
        ("captured", ""),
        ("failed", ""),
        ("voided", ""),
        ("forbidden", ""),
        ("not_needed", ""),
    ],
)
def test_a_payment_is_under_way_until_its_money_has_moved_or_cannot(status: PaymentStatus, expected: str) -> None:
    assert payment_under_way(Payment(status, "pay_1", TOTAL)) == expected


def test_a_payment_of_a_cancelled_order_is_to_be_voided() -> None:
    assert payment_under_way(Payment("authorized", "pay_1", TOTAL, cancelled=True)) == "void"


@pytest.mark.parametrize(
    ("status", "expected"),
    [("pending", "refund"), ("failed", "failed_refund"), ("succeeded", ""), ("settled", "")],
)
def test_a_refund_is_under_way_until_its_money_is_back(status: RefundStatus, expected: str) -> None:
    refund = Refund("cancellation", "pay_1", TOTAL, "cancelled", NOON, status)
    assert payment_under_way(Payment("captured", "pay_1", TOTAL, refunds=(refund,))) == expected


def test_a_dispute_is_under_way_while_it_is_open() -> None:
    disputes = (Dispute("d1", "lost"), Dispute("d2", "open"))
    assert payment_under_way(Payment("captured", "pay_1", TOTAL, disputes=disputes)) == "dispute"
    assert payment_under_way(Payment("captured", "pay_1", TOTAL, disputes=disputes[:1])) == ""


@pytest.mark.parametrize(
    ("status", "expected"), [("due", "mail"), ("sending", "mail"), ("sent", ""), ("failed", ""), ("withheld", "")]
)
def test_an_email_is_under_way_until_it_is_sent_or_cannot_be(status: MailStatus, expected: str) -> None:
    emails = {"receipt": Email(status="sent"), "dispatch": Email(status=status)}
    assert mail_under_way(Mailbox(emails=emails)) == expected  # type: ignore[arg-type]  # the keys are kinds


@pytest.mark.parametrize(
    ("status", "expected"),
    [("waiting", "shipment"), ("to_pick", "shipment"), ("dispatched", ""), ("cancelled", ""), ("returning", "")],
)
def test_a_shipment_is_under_way_until_the_goods_have_left(status: ShipmentStatus, expected: str) -> None:
    assert shipment_under_way(Shipment(status, lines=LINES)) == expected


def test_a_shipment_that_was_never_confirmed_holds_up_nothing() -> None:
    assert shipment_under_way(Shipment("waiting", paid=True)) == ""
