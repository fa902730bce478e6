"""Orders at a rate on the local cloud, against an API that answers by a table."""

from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import Any
from uuid import UUID

import boto3
import httpx
import pytest
from msgspec.structs import replace

from ops.errors import CommandError
from ops.local import traffic as traffic_module
from ops.local.traffic import PARALLEL, Traffic, in_parallel, run_traffic, ticks
from ops.orders import RefusedError
from ops.outputs import PagesOutputs
from ops.stage import DeployedStage
from tests.unit.ops.api import OUTPUTS

METHODS = ("pm_card_visa", "pm_card_declined", "pm_card_authentication_required")


class MemoryShop:
    """The API as a customer uses it. Its payments await an approval once they were looked at before."""

    def __init__(self, refusals: int = 0) -> None:
        self.placed: list[Any] = []
        self.decided: list[tuple[str, str]] = []
        self.stocked: dict[str, int] = {}
        self._looks: Counter[str] = Counter()
        self._refusals = refusals

    def place(self, order: Any) -> httpx.Response:
        if self._refusals:
            self._refusals -= 1
            raise RefusedError(httpx.Response(503, json={"title": "Busy", "detail": "Busy."}))
        self.placed.append(order)
        return httpx.Response(202, json={"id": str(UUID(int=len(self.placed)))})

    def payment(self, order: str) -> Any:
        self._looks[order] += 1
        if self._looks[order] == 1:
            raise RefusedError(httpx.Response(404, json={"title": "None", "detail": "None."}))
        return {"approval": None if self._looks[order] == 2 else {"url": f"page-of-{order}"}}

    def decide(self, order: str, url: str, decision: str) -> None:
        assert url == f"page-of-{order}"
        self.decided.append((order, decision))

    def put_product(self, sku: str, _product: Any) -> None:
        assert sku

    def put_stock(self, sku: str, on_hand: int) -> None:
        self.stocked[sku] = on_hand


def of(shop: MemoryShop) -> Traffic:
    return Traffic(shop, METHODS)  # type: ignore[arg-type]


def test_all_payment_methods_are_used_in_turn() -> None:
    shop = MemoryShop()
    traffic = of(shop)
    for _ in range(6):
        traffic.act()
    assert [order["payment_method"] for order in shop.placed] == [*METHODS, *METHODS]
    assert traffic.placed == dict.fromkeys(METHODS, 2)


def test_payments_that_wait_at_the_bank_are_approved_or_declined_once_they_await_it() -> None:
    shop = MemoryShop()
    traffic = of(shop)
    for _ in range(15):
        traffic.act()
    assert [decision for _, decision in shop.decided][:3] == ["approve", "approve", "decline"]
    decided = [order for order, _ in shop.decided]
    assert len(decided) == len(set(decided))
    waiting = {str(UUID(int=n)) for n, order in enumerate(shop.placed, 1) if order["payment_method"] == METHODS[2]}
    assert set(decided) <= waiting


def test_a_refused_order_is_counted_and_the_next_is_placed() -> None:
    traffic = of(MemoryShop(refusals=2))
    for _ in range(5):
        traffic.act()
    assert (traffic.refused, traffic.placed.total()) == (2, 3)


class Clock:
    """A clock that only sleeping moves, and what else the caller does."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


@pytest.mark.parametrize(("rate", "seconds", "orders"), [(1, 5, 5), (4, 2, 8), (0.1, 5, 1), (0.5, 4, 2)])
def test_a_rate_is_kept_for_a_time(rate: float, seconds: int, orders: int) -> None:
    clock = Clock()
    assert len(list(ticks(rate, seconds, clock, clock.sleep))) == orders
    assert clock.now == 100 + seconds


def test_a_caller_that_is_slower_than_the_rate_makes_up_for_nothing() -> None:
    clock = Clock()
    counted = 0
    for _ in ticks(10, 6, clock, clock.sleep):
        counted += 1
        clock.now += 2
    assert counted == 3


def test_no_more_is_begun_at_once_than_may_be() -> None:
    held = Lock()
    begun: list[int] = []

    def act() -> None:
        begun.append(1)
        with held:
            pass

    def beats() -> Iterator[int]:
        with held:
            yield from range(5 * PARALLEL)

    assert len(list(in_parallel(act, beats()))) == 5 * PARALLEL
    assert len(begun) == PARALLEL


def test_an_error_of_the_api_ends_the_traffic() -> None:
    def act() -> None:
        raise CommandError("the API does not answer")

    with pytest.raises(CommandError, match="the API does not answer"):
        list(in_parallel(act, range(3)))


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> MemoryShop:
    """The API that every client of the traffic gets."""
    shop = MemoryShop()
    monkeypatch.setattr(traffic_module, "ShopClient", lambda *_, **__: shop)
    monkeypatch.setattr(traffic_module, "token_for", lambda *_, **__: "a-token")
    return shop


STAGE = DeployedStage("local", "eu-west-1", boto3.Session(region_name="eu-west-1"), "http://127.0.0.1:4600")


def with_gateway(name: str) -> Any:
    return replace(OUTPUTS, pages=PagesOutputs("", "", "", {"gateway": name, "paymentMethods": METHODS}))


def test_ctrl_c_ends_the_traffic_and_says_how_much_there_was(
    shop: MemoryShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> Iterator[int]:
        yield from range(3)
        raise KeyboardInterrupt

    monkeypatch.setattr(traffic_module, "ticks", interrupted)
    run_traffic(STAGE, with_gateway("simulated"), 1, 60)
    assert capsys.readouterr().out == "Placed 3 orders by 3 payment methods.\n"
    assert len(shop.placed) == 3


def test_a_cloud_that_goes_away_ends_the_traffic_which_says_how_much_there_was(
    shop: MemoryShop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not shop.placed

    def gone(*_: object) -> Iterator[int]:
        yield 0
        raise CommandError("http://api does not answer")

    monkeypatch.setattr(traffic_module, "ticks", gone)
    with pytest.raises(CommandError, match="does not answer"):
        run_traffic(STAGE, with_gateway("simulated"), 1, 1)
    printed = capsys.readouterr()
    assert printed.out == "Placed 1 order by 1 payment method.\n"
    assert "Placing orders, 1 a second for 1 second; Ctrl-C ends it" in printed.err


def test_the_summary_counts_what_was_refused() -> None:
    traffic = of(MemoryShop(refusals=1))
    traffic.act()
    assert traffic.summary() == "Placed 0 orders; 1 order refused."


def test_the_ordered_products_are_in_stock(shop: MemoryShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic_module, "ticks", lambda *_: range(3))
    run_traffic(STAGE, with_gateway("simulated"), 1, 60)
    ordered = {line["sku"] for order in shop.placed for line in order["lines"]}
    assert ordered <= shop.stocked.keys()


@pytest.mark.parametrize("outputs", [OUTPUTS, with_gateway("stripe")])
def test_a_stage_that_charges_cards_gets_no_traffic(shop: MemoryShop, outputs: Any) -> None:
    with pytest.raises(CommandError, match="its payment gateway is not the simulated one"):
        run_traffic(STAGE, outputs, 1, 60)
    assert shop.placed == []
