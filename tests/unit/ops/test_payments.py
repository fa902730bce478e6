"""The commands about payments, against an API that answers by a table, and jobs whose results are given."""

from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.jobs import CheckResult, DisputesResult
from ops.payments import refunds_table
from tests.unit.ops.api import Install
from tests.unit.ops.terminal import eighty_columns

ORDER = str(UUID(int=1))
REFUND = {
    "id": "r-1",
    "payment": "pi_1",
    "amount": {"amount": 500, "currency": "EUR"},
    "reason": "damaged",
    "status": "failed",
    "attempt": 1,
    "code": "expired_card",
    "at": "2026-01-31T08:30:00.123Z",
}
PAYMENT = {
    "status": "captured",
    "payment": "pi_1",
    "amount": {"amount": 2598, "currency": "EUR"},
    "left": {"amount": 2098, "currency": "EUR"},
    "due": "2026-01-31T08:31:00.000Z",
    "refunds": [REFUND],
    "disputes": [{"id": "dp_1", "status": "open"}],
}
PATH = f"/operators/orders/{ORDER}"
REFUND_PATH = f"{PATH}/refunds"


def test_a_payment_is_shown_with_what_is_left_its_dispute_and_its_refunds(api: Install) -> None:
    answer = api({f"GET {PATH}/payment": PAYMENT}).run("payments", "show", ORDER)
    assert answer.stdout.splitlines()[:4] == [
        f"{ORDER}: captured, 25.98 EUR, 20.98 EUR left",
        "payment pi_1",
        "dispute dp_1: open",
        "checked again at 2026-01-31T08:31:00.000Z",
    ]
    assert answer.stdout.split()[-7:] == [
        *("r-1", "5.00", "EUR", "failed"),
        *("2026-01-31T08:30:00.123Z", "damaged", "expired_card"),
    ]


def test_a_payment_that_moved_no_money_has_nothing_left(api: Install) -> None:
    none = {"amount": 0, "currency": "EUR"}
    waiting = {**PAYMENT, "status": "action_required", "left": none, "due": None, "refunds": [], "disputes": []}
    answer = api({f"GET {PATH}/payment": waiting}).run("payments", "show", ORDER)
    assert answer.stdout == f"{ORDER}: action required, 25.98 EUR\npayment pi_1\n"


def test_a_payment_that_was_never_opened_is_its_status_alone(api: Install) -> None:
    forbidden: dict[str, object] = {
        **{"status": "forbidden", "payment": None, "amount": None, "left": None, "due": None},
        **{"refunds": [], "disputes": []},
    }
    answer = api({f"GET {PATH}/payment": forbidden}).run("payments", "show", ORDER)
    assert answer.stdout == f"{ORDER}: forbidden\n"


def test_a_refund_is_sent_with_its_amount_reason_and_key(api: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    shop = api({f"POST {REFUND_PATH}": {**REFUND, "status": "pending", "code": ""}})
    answer: Callable[..., httpx.Response] = httpx.Client.send

    def send(_client: httpx.Client, request: httpx.Request, **options: object) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return answer(request, **options)

    monkeypatch.setattr(httpx.Client, "send", send)
    command = ("payments", "refund", ORDER, "5.00EUR", "--reason", "damaged")
    answers = [shop.run(*command, "--key", "k-1"), shop.run(*command), shop.run(*command)]

    assert [answer.stdout for answer in answers] == [f"{ORDER}: refund r-1, 5.00 EUR, pending\n"] * 3
    body = {"amount": {"amount": 500, "currency": "EUR"}, "reason": "damaged"}
    assert shop.sent == [(f"POST {REFUND_PATH}", body)] * 3
    assert keys[0] == "k-1"
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["5.0EUR", "--reason", "damaged"], "'5.0EUR' is not an amount of money"),
        (["5.00EUR", "--reason", "sorry"], "'sorry' is not one of damaged, missing, returned, goodwill, other"),
        (["5.00EUR", "--reason", "other", "--key", ""], "'' is not an idempotency key"),
        (["5.00EUR"], "--reason"),
    ],
)
def test_a_refund_that_is_not_well_formed_reaches_no_api(api: Install, arguments: list[str], sentence: str) -> None:
    shop = api({})
    answer = shop.run("payments", "refund", ORDER, *arguments)
    assert answer.exit_code != 0
    assert sentence in answer.stderr
    assert shop.sent == []


@pytest.mark.parametrize(("command", "part"), [("retry", "attempts"), ("settle", "settlement")])
def test_a_failed_refund_is_tried_again_or_settled(api: Install, command: str, part: str) -> None:
    shop = api({f"POST {REFUND_PATH}/unexpected-pi_2/{part}": {**REFUND, "id": "unexpected-pi_2"}})
    answer = shop.run("payments", command, ORDER, "unexpected-pi_2")
    assert answer.stdout == f"{ORDER}: refund unexpected-pi_2, 5.00 EUR, failed (expired_card)\n"


@pytest.mark.parametrize("command", ["retry", "settle"])
def test_an_unknown_refund_is_refused_with_the_command_that_names_the_known_ones(api: Install, command: str) -> None:
    answer = api({}).run("--stage", "dev", "payments", command, ORDER, "r-2")
    assert (answer.exit_code, answer.stderr) == (
        1,
        f"Error: order {ORDER} has no refund r-2; tidings --stage dev payments show {ORDER} names its refunds\n",
    )


@pytest.mark.parametrize("command", ["retry", "settle"])
@pytest.mark.parametrize("refund", ["", "a b", "a" * 65, "\x1b[31m"])
def test_a_text_that_is_no_refunds_name_reaches_no_api(api: Install, command: str, refund: str) -> None:
    shop = api({})
    answer = shop.run("payments", command, ORDER, refund)
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"Error: {refund!r} is not a refund's name")
    assert shop.sent == []


@pytest.mark.parametrize(
    "command", [["show", ORDER], ["refund", ORDER, "1.00EUR", "--reason", "other"]], ids=lambda command: command[0]
)
def test_the_payment_of_an_unknown_order_is_refused(api: Install, command: list[str]) -> None:
    answer = api({}).run("payments", *command)
    assert (answer.exit_code, answer.stderr) == (
        1,
        f"Error: there is no order {ORDER}, or payment has not received it yet\n",
    )


@pytest.mark.parametrize(
    "command",
    [
        ["show", ORDER],
        ["refund", ORDER, "1.00EUR", "--reason", "other"],
        ["retry", ORDER, "r-1"],
        ["settle", ORDER, "r-1"],
    ],
    ids=lambda command: command[0],
)
def test_another_refusal_about_a_payment_is_shown_as_it_is(api: Install, command: list[str]) -> None:
    refusal = {"title": "Too much", "detail": "The payment has 0.02 EUR left to refund."}
    paths = [f"GET {PATH}/payment", f"POST {REFUND_PATH}", *(f"POST {REFUND_PATH}/r-1/{part}" for part in PARTS)]
    answer = api({path: httpx.Response(409, json=refusal) for path in paths}).run("payments", *command)
    assert (answer.exit_code, answer.stderr) == (1, "Error: 409 Too much: The payment has 0.02 EUR left to refund.\n")


PARTS = ("attempts", "settlement")


def test_the_table_of_refunds_breaks_no_amount_in_eighty_columns() -> None:
    long = {
        **REFUND,
        "id": "[b]" + "r" * 61,
        "amount": {"amount": 10**12, "currency": "EUR"},
        "attempt": 1000,
        "code": "c" * 64,
    }
    page = eighty_columns(refunds_table([long]))
    assert "10000000000.00 EUR" in page
    assert "[b]" in page
    assert "2026-01-31T08:30:00.123Z" in page
    assert max(map(len, page.splitlines())) <= 80


# Checks


def run_check(monkeypatch: pytest.MonkeyPatch, result: CheckResult, *options: str) -> tuple[int, str, str, list[bool]]:
    """Run `tidings payments check`, whose job has this result. Return exit status, stdout, stderr and its options."""
    asked: list[bool] = []

    def check(_stage: object, *, everything: bool) -> CheckResult:
        asked.append(everything)
        return result

    monkeypatch.setattr("ops.context.stage_named", lambda *_: type("Stage", (), {"name": "prod"}))
    monkeypatch.setattr("ops.payments.commands.check_payments", check)
    monkeypatch.setattr("ops.payments.commands.report_disputes", lambda _stage: DisputesResult(3))
    done = CliRunner().invoke(app, ["--stage", "prod", "payments", "check", *options])
    return done.exit_code, done.stdout, done.stderr, asked


@pytest.mark.parametrize(("options", "everything"), [((), False), (("--all",), True)])
def test_the_check_of_payments_says_how_many_have_ended(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], everything: bool
) -> None:
    found = run_check(monkeypatch, CheckResult(2, 1, 0, finished=True), *options)
    assert found == (0, "2 ended, 1 still wait, 0 failed\n", "", [everything])


def test_payments_that_could_not_be_checked_are_an_error_that_names_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    status, shown, error, _ = run_check(monkeypatch, CheckResult(0, 0, 1, finished=False))
    assert (status, shown) == (1, "0 ended, 0 still wait, 1 failed\n")
    assert "The job's time ran out. Its next run, within a minute, continues." in error
    assert "read tidings --stage prod logs payment-checks --problems" in error


def test_the_search_for_disputes_says_how_many_payments_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run_check(monkeypatch, CheckResult(0, 0, 0, finished=True), "--disputes")
    assert found == (0, "Payments with a dispute that are checked now: 3\n", "", [])


def test_a_check_of_all_payments_is_no_search_for_disputes(monkeypatch: pytest.MonkeyPatch) -> None:
    status, shown, error, asked = run_check(monkeypatch, CheckResult(0, 0, 0, finished=True), "--all", "--disputes")
    assert (status, shown, asked) == (1, "", [])
    assert error == "Error: name one of --all and --disputes\n"
