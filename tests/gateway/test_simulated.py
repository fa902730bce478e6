"""The simulated gateway over its table: its webhooks, its pace, its secrets, and concurrent changes."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import boto3
import pytest
from moto import mock_aws

from functions.payment.gateway import ActionRequired, Authorized, Captured, RefundPending
from functions.payment.simulated import News, SimulatedGateway
from infra.shop import CHARGES
from tests.gateway.providers import APPROVED, ORIGIN, TOTAL, new_attempt, new_order, payment_of
from tests.integration.cloud import create_table
from tidings.core.errors import RetryableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

APPROVAL = "pm_card_authentication_required"


class Shop:
    """The gateway as the shop sees it: its webhooks, and the waits before its calls."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.webhooks: list[News] = []
        self.waits = 0
        self.client = client
        self.gateway = SimulatedGateway(client, "payments", CHARGES, "dev", self.webhooks.append, self.wait)

    def wait(self) -> None:
        self.waits += 1

    def opened(self, method: str = APPROVED) -> str:
        return payment_of(self.gateway.open(new_order(), TOTAL, method, ORIGIN))

    def captured(self, method: str = APPROVED) -> str:
        payment = self.opened(method)
        assert self.gateway.authorize(payment) == Authorized()
        assert self.gateway.capture(payment) == Captured()
        return payment

    def item(self, payment: str) -> Any:
        return self.client.get_item(TableName="payments", Key={"pk": {"S": payment}})["Item"]

    @property
    def types(self) -> list[str]:
        return [news.type for news in self.webhooks]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with mock_aws():
        client = boto3.client("dynamodb")
        create_table(client, "payments")
        yield Shop(client)


def test_a_method_that_fails_once_is_authorized_at_the_second_try(shop: Shop) -> None:
    payment = shop.opened("pm_card_error_once")
    with pytest.raises(RetryableError):
        shop.gateway.authorize(payment)
    assert shop.gateway.authorize(payment) == Authorized()


def test_a_call_about_an_unknown_payment_is_an_error(shop: Shop) -> None:
    for call in (shop.gateway.authorize, shop.gateway.capture, shop.gateway.void, shop.gateway.inspect):
        with pytest.raises(LookupError, match="pay_unknown"):
            call("pay_unknown")


def test_each_call_waits_once_for_its_turn(shop: Shop) -> None:
    payment = shop.captured()
    assert shop.waits == 3
    calls: list[Callable[[], object]] = [
        lambda: shop.gateway.void(payment),
        lambda: shop.gateway.refund(payment, new_attempt(), TOTAL),
        lambda: shop.gateway.inspect(payment),
        lambda: shop.gateway.approval(payment),
        lambda: shop.gateway.labels(payment),
        lambda: list(shop.gateway.disputed_since(0)),
    ]
    for number, call in enumerate(calls, start=4):
        call()
        assert shop.waits == number


def test_the_banks_page_waits_for_no_turn(shop: Shop) -> None:
    payment = shop.opened(APPROVAL)
    shop.gateway.authorize(payment)
    before = shop.waits
    shop.gateway.answer(payment, "approved")
    assert shop.waits == before


def test_a_decision_on_the_banks_page_is_sent_once(shop: Shop) -> None:
    payment = shop.opened(APPROVAL)
    assert shop.gateway.authorize(payment) == ActionRequired()
    assert shop.types == []
    assert [shop.gateway.answer(payment, "approved").answer for _ in range(2)] == ["approved"] * 2
    assert shop.types == ["payment_intent.amount_capturable_updated"]


def test_a_webhook_is_sent_after_the_change_is_stored(shop: Shop) -> None:
    payment = shop.captured("pm_card_refund_pending")
    seen: list[str] = []
    gateway = SimulatedGateway(
        shop.client, "payments", CHARGES, "dev", lambda _news: seen.append(str(shop.item(payment)["refunds"]))
    )
    assert gateway.refund(payment, "the-attempt/1", None) == RefundPending()
    assert len(seen) == 1
    assert "the-attempt/1" in seen[0]


def test_a_call_that_another_call_overtakes_is_decided_again_and_sends_its_webhook_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = shop.captured("pm_card_refund_pending")
    other = SimulatedGateway(boto3.client("dynamodb"), "payments", CHARGES, "dev", lambda _news: None)
    put = shop.client.put_item
    overtaken = 0

    def overtake(**request: Any) -> Any:
        nonlocal overtaken
        overtaken += 1
        if overtaken == 1:
            other.refund(payment, "first/1", TOTAL)
        return put(**request)

    monkeypatch.setattr(shop.client, "put_item", overtake)
    shop.gateway.refund(payment, "second/1", None)
    assert overtaken == 2
    assert shop.item(payment)["refunds"]["M"].keys() == {"first/1", "second/1"}
    # Nothing was left of the payment, so the second refund is not pending.
    assert shop.types == []


@pytest.mark.parametrize("api", ["https://api.example", "https://shop.example/v1", "http://cloud/_aws/api/a1"])
def test_an_approval_has_the_address_of_the_banks_page_wherever_the_api_is(shop: Shop, api: str) -> None:
    payment = shop.opened(APPROVAL)
    shop.gateway.authorize(payment)
    approval = shop.gateway.approval(payment)
    assert approval is not None
    page = urljoin(f"{api}/orders/an-order/payment", approval.url)
    assert page == f"{api}/simulated-bank?client_secret={approval.client_secret}"
    found = shop.gateway.payment_of(approval.client_secret)
    assert found is not None
    assert found.id == payment


def test_two_payments_have_different_secrets(shop: Shop) -> None:
    first, second = (shop.item(shop.opened())["client_secret"]["S"].partition("_secret_")[2] for _ in range(2))
    assert first != second
    assert len(first) == 32


@pytest.mark.parametrize(
    "wrong",
    [
        lambda secret: secret[:-1] + ("1" if secret[-1] == "0" else "0"),
        lambda secret: secret.partition("_secret_")[0],
        lambda secret: f"{secret}0",
        lambda secret: "0".join(secret.rsplit(secret[-1], 1)).replace("pay_", "pay_0")[:76],
        lambda _secret: "",
        lambda _secret: "_secret_",
        lambda _secret: "x" * 3000,
        lambda _secret: "pay_ä_secret_ä",
    ],
)
def test_a_wrong_secret_finds_no_payment(shop: Shop, wrong: Callable[[str], str]) -> None:
    secret = shop.item(shop.opened())["client_secret"]["S"]
    assert shop.gateway.payment_of(secret) is not None
    assert shop.gateway.payment_of(wrong(secret)) is None


def test_the_amount_that_went_back_tells_one_refund_from_two(shop: Shop) -> None:
    payment = shop.captured()
    assert [shop.item(payment)[name]["N"] for name in ("captured", "refunded")] == ["1", "0"]
    shop.gateway.refund(payment, new_attempt(), None)
    assert [shop.item(payment)[name]["N"] for name in ("captured", "refunded")] == ["1", "1999"]
