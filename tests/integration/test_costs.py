"""The short form of `make bench`: the figures that are counted, so they are the same on every machine."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bench import costs, shop
from bench.erasure import erasure_recording
from bench.figures import Figure
from bench.hot_sku import Way, reserve
from bench.shop import Invocation, Schema
from functions.inventory.service import service as inventory

Recording = tuple[tuple[Invocation, ...], Mapping[str, Schema]]


@pytest.fixture(scope="module")
def recording(templates: dict[str, dict[str, Any]]) -> Iterator[Recording]:
    """The calls of the deployed shop for a happy order of three lines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop, "templates", lambda: templates)
        yield shop.recording.__wrapped__()


def within(figure: Figure) -> None:
    """Assert that a figure's limit holds."""
    assert figure.limit
    assert figure.ok, f"{figure.key} is {figure.value:.4g}, and must be {figure.limit}. {figure.how}"


def test_placing_an_order_is_one_request(recording: Recording) -> None:
    invocations, _ = recording
    within(costs.place_order(invocations))


def test_a_handled_event_is_as_few_dynamodb_requests_as_before(recording: Recording) -> None:
    """The report's limit leaves room for more announced facts; until then the figure must not rise."""
    invocations, _ = recording
    figure = costs.handled_event(invocations)
    within(figure)
    # Two of them count the order's two e-mails against their customer's limit.
    assert figure.value <= 30 / 16


def test_an_orders_items_cost_at_most_half_the_write_units_of_three_items_each(recording: Recording) -> None:
    """The report's limit leaves room for more announced facts; until then the figure must not rise."""
    figure = costs.write_ratio(*recording)
    within(figure)
    assert figure.value <= 47 / 95


def test_the_erasure_of_a_thousand_orders_costs_less_than_two_cents(
    templates: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "templates", lambda: templates)
    figure = costs.erasures(*erasure_recording())
    assert 0 < figure.value < 0.02


def test_calls_per_order_do_not_grow_with_the_orders() -> None:
    within(costs.slope(100))


def test_the_layer_is_small() -> None:
    within(costs.package())


def test_a_flash_sale_reserves_twenty_times_as_fast_as_with_a_transaction_an_order() -> None:
    assert inventory.strategy.batch
    one_by_one = reserve(Way(batch=1), seconds=2)
    ours = reserve(Way(batch=inventory.strategy.batch.size), seconds=2)
    assert ours.rate >= 20 * one_by_one.rate
