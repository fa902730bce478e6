"""The limit of e-mails for each customer and hour."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.notification.email_failed import EmailFailed
from contracts.notification.email_sent import EmailSent
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.money import Money
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.notification.handlers import Mailbox
from functions.notification.limit import HOUR, KEPT_DAYS, LimitedMailer, count_key
from functions.notification.mail import Rejected, Send, Sent
from functions.notification.service import service
from functions.notification.templates import RenderedEmail
from tests.unit.facts import RECIPIENT, TRACE, fact, order_id, order_placed
from tidings.core.clock import from_rfc3339
from tidings.core.errors import RetryableError
from tidings.core.event import Event
from tidings.testing import FUNCTION_SECONDS, MemoryTable, Scenario, given

NOON = from_rfc3339("2026-01-31T12:00:00.000Z")
LIMITED = Rejected("receipt", "limited", address_bad=False)


class Accepting:
    """A mail system that accepts every e-mail. Something may happen before each."""

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.before: list[Callable[[], object]] = []

    def send(self, request: Send, email: RenderedEmail) -> Sent | Rejected:  # noqa: ARG002 - the port's shape
        if self.before:
            self.before.pop()()
        self.orders.append(request.order)
        return Sent(request.kind, "message-1")


def receipt(n: int, time: int = NOON, customer: str = "ann") -> Send:
    placed = replace(order_placed(), customer=customer)
    return Send("receipt", order_id(n), placed, RECIPIENT, "", time, "request-1", TRACE)


@pytest.fixture
def system() -> Accepting:
    return Accepting()


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def mailer(system: Accepting, table: MemoryTable) -> LimitedMailer:
    return LimitedMailer(system, table, per_hour=2)


def is_sent(mailer: LimitedMailer, send: Send) -> bool:
    return isinstance(send.perform(mailer), Sent)


def test_what_is_over_the_limit_is_not_sent(mailer: LimitedMailer, system: Accepting) -> None:
    assert [is_sent(mailer, receipt(n)) for n in range(4)] == [True, True, False, False]
    assert receipt(4).perform(mailer) == LIMITED
    assert system.orders == [order_id(0), order_id(1)]


def test_each_customer_and_each_hour_has_a_separate_limit(mailer: LimitedMailer) -> None:
    assert all(is_sent(mailer, receipt(n)) for n in range(2))
    assert not is_sent(mailer, receipt(2, NOON + HOUR - 1))
    assert is_sent(mailer, receipt(3, NOON + HOUR))
    assert is_sent(mailer, receipt(4, customer="bob"))


def test_an_email_that_is_tried_again_is_counted_once_and_not_limited(mailer: LimitedMailer) -> None:
    assert [is_sent(mailer, receipt(n)) for n in (0, 0, 0, 1, 1, 0)] == [True] * 6
    assert [is_sent(mailer, receipt(2)) for _ in range(2)] == [False] * 2


def test_the_kinds_of_an_orders_emails_count_each(mailer: LimitedMailer) -> None:
    dispatch = Send("dispatch", order_id(0), order_placed(customer="ann"), RECIPIENT, "", NOON, "request-1", TRACE)
    assert is_sent(mailer, receipt(0))
    assert is_sent(mailer, dispatch)
    assert not is_sent(mailer, receipt(1))


def test_an_email_costs_one_write_more(mailer: LimitedMailer, table: MemoryTable) -> None:
    receipt(0).perform(mailer)
    assert (table.attempts, table.reads) == (1, [])


def test_a_count_is_kept_until_no_message_of_its_hour_can_be_left(mailer: LimitedMailer, table: MemoryTable) -> None:
    receipt(0).perform(mailer)
    (expires,) = table.expires.values()
    assert expires == (NOON + HOUR) // 1000 + KEPT_DAYS * 24 * 60 * 60
    assert count_key("ann", NOON) == "#mails#ann#2026-01-31T12"


# With the handlers


def placed(n: int) -> Event[OrderPlaced]:
    return fact(order_placed(customer="ann"), order=order_id(n))


def captured(n: int) -> Event[PaymentCaptured]:
    return fact(PaymentCaptured(payment=f"pay_{n}", amount=Money(2000, "EUR")), order=order_id(n))


def limited(kind: Any) -> EmailFailed:
    return EmailFailed(kind=kind, code="limited", address_bad=False)


@pytest.fixture
def shop(system: Accepting) -> Scenario[Mailbox]:
    return given(service, port=LimitedMailer(system, MemoryTable(), per_hour=1))


def test_a_limited_email_is_announced_and_the_address_is_not_bad(shop: Scenario[Mailbox]) -> None:
    shop.given(placed(1), captured(1))
    shop.when(placed(2), captured(2)).then(announced=[limited("receipt")])
    state = shop.state(order_id(2))
    assert state is not None
    assert (state.emails["receipt"].status, state.bad) == ("failed", "")


def test_a_limited_email_does_not_stop_a_later_one(shop: Scenario[Mailbox], system: Accepting) -> None:
    shop.given(placed(1), captured(1), placed(2), captured(2))
    later = fact(OrderDispatched(tracking="RR1"), order=order_id(2), time=placed(2).millis + HOUR)
    shop.clock.now = later.millis
    shop.given(later)
    assert system.orders == [order_id(1), order_id(2)]


def test_an_email_whose_sending_crashed_is_sent_although_others_used_up_the_limit(
    shop: Scenario[Mailbox], system: Accepting
) -> None:
    def crash() -> None:
        raise TimeoutError

    shop.given(placed(1), placed(2))
    system.before.append(crash)
    shop.when(captured(1)).then_fails(RetryableError)
    shop.when(captured(2)).then(announced=[limited("receipt")])
    shop.clock.advance(seconds=FUNCTION_SECONDS)
    shop.when(captured(1)).then(announced=[EmailSent(kind="receipt", message="message-1")])
    assert system.orders == [order_id(1)]
