"""The approval of a payment in a terminal, against an API that answers by a table."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace

from tests.unit.ops.api import OUTPUTS, Install

ORDER = str(UUID(int=1))
PAYMENT = f"GET /orders/{ORDER}/payment"
PAGE = "/simulated-bank?client_secret=secret-1"
APPROVAL = {"publishable_key": "pk_1", "client_secret": "secret-1", "url": f"../..{PAGE}"}
WAITING = {"status": "action_required", "gateway": "simulated", "refunds": [], "approval": APPROVAL}


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The decisions that the bank's page received: its address, and the decision."""
    decisions: list[tuple[str, str]] = []

    def post(url: httpx.URL, *, data: dict[str, str], timeout: float) -> httpx.Response:
        assert timeout
        decisions.append((str(url), data["decision"]))
        return httpx.Response(200)

    monkeypatch.setattr(httpx, "post", post)
    return decisions


@pytest.mark.parametrize(
    ("options", "decision", "said"), [([], "approve", "approved"), (["--decline"], "decline", "declined")]
)
def test_a_payment_is_approved_or_declined_on_the_banks_page(
    api: Install, bank: list[tuple[str, str]], options: list[str], decision: str, said: str
) -> None:
    answer = api({PAYMENT: WAITING}).run("orders", "approve", ORDER, *options)
    assert answer.stdout == f"{ORDER}: {said} at the bank\n"
    assert bank == [(f"http://api{PAGE}", decision)]


def test_the_banks_page_is_below_the_path_at_which_the_api_is(
    api: Install, bank: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = api({f"GET /_aws/execute-api/a1/orders/{ORDER}/payment": WAITING})
    below = replace(OUTPUTS, api="http://cloud/_aws/execute-api/a1")
    monkeypatch.setattr("ops.context.outputs_of", lambda _stage: below)
    assert shop.run("orders", "approve", ORDER).exit_code == 0
    assert bank == [(f"http://cloud/_aws/execute-api/a1{PAGE}", "approve")]


@pytest.mark.parametrize(
    ("payment", "sentence"),
    [
        (
            {**WAITING, "status": "captured", "approval": None},
            f"the payment of order {ORDER} awaits no approval; its status is: captured",
        ),
        (
            {**WAITING, "approval": None},
            f"the payment of order {ORDER} awaits no approval; its status is: action required",
        ),
        (
            {**WAITING, "gateway": "stripe", "approval": {**APPROVAL, "url": ""}},
            "at Stripe only the customer's browser can approve a payment; see docs/guides/take-payments-with-stripe.md",
        ),
    ],
)
def test_a_payment_that_cannot_be_approved_here_is_refused(
    api: Install, bank: list[tuple[str, str]], payment: Any, sentence: str
) -> None:
    answer = api({PAYMENT: payment}).run("orders", "approve", ORDER)
    assert answer.exit_code == 1
    assert answer.stderr.endswith(f"Error: {sentence}\n")
    assert bank == []


def test_a_strangers_order_is_refused_at_once(api: Install, bank: list[tuple[str, str]]) -> None:
    shop = api({})
    answer = shop.run("orders", "approve", ORDER)
    assert answer.exit_code == 1
    assert answer.stderr.endswith(f"Error: this customer has no order {ORDER}\n")
    assert [call for call, _ in shop.sent] == [PAYMENT, f"GET /orders/{ORDER}"]
    assert bank == []


def test_an_order_that_payment_has_not_received_yet_is_waited_for(
    api: Install, bank: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: dict[str, Any] = {f"GET /orders/{ORDER}": {"id": ORDER}}
    begun: dict[str, Any] = {**WAITING, "status": "authorizing", "approval": None}
    later = iter([{PAYMENT: begun}, {PAYMENT: WAITING}])
    monkeypatch.setattr("time.sleep", lambda _seconds: answers.update(next(later)))
    answer = api(answers).run("orders", "approve", ORDER)
    assert answer.exit_code == 0, answer.stderr
    assert len(bank) == 1


def test_another_refusal_of_payment_is_shown_as_it_is(api: Install) -> None:
    answer = api({PAYMENT: httpx.Response(503)}).run("orders", "approve", ORDER)
    assert answer.stderr.endswith("Error: 503 Service Unavailable: Service Unavailable\n")


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (httpx.Response(410), "the simulated bank refused: 410 Gone"),
        (httpx.ConnectError(f"no answer of {APPROVAL['url']}"), "the simulated bank does not answer: ConnectError"),
    ],
)
def test_an_error_of_the_bank_is_shown_without_the_payments_secret(
    api: Install, monkeypatch: pytest.MonkeyPatch, failure: Any, sentence: str
) -> None:
    def post(*_: object, **__: object) -> httpx.Response:
        if isinstance(failure, Exception):
            raise failure
        assert isinstance(failure, httpx.Response)
        return failure

    monkeypatch.setattr(httpx, "post", post)
    answer = api({PAYMENT: WAITING}).run("orders", "approve", ORDER)
    assert answer.exit_code == 1
    assert answer.stderr.endswith(f"Error: {sentence}\n")
    assert APPROVAL["client_secret"] not in answer.output
