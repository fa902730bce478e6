"""The short form of `make bench`: what can be counted, and so is the same on every machine."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bench import costs, shop
from bench.figures import Figure
from bench.hot_sku import Way, reserve
from bench.shop import Invocation, Schema
from functions.inventory.service import service as inventory

Recording = tuple[tuple[Invocation, ...], Mapping[str, Schema]]


@pytest.fixture(scope="module")
def recording(templates: dict[str, dict[str, Any]]) -> Iterator[Recording]:
    """A happy order of three lines, as the deployed shop carries it out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop, "templates", lambda: templates)
        yield shop.recording.__wrapped__()


def within(figure: Figure) -> None:
    """That a figure's limit holds; it has one."""
    assert figure.limit
    assert figure.ok, f"{figure.key} is {figure.value:.4g}, and must be {figure.limit}. {figure.how}"


def test_placing_an_order_is_one_request(recording: Recording) -> None:
    invocations, _ = recording
    within(costs.place_order(invocations))


def test_a_reaction_is_no_more_dynamodb_requests_than_it_was(recording: Recording) -> None:
    """Its limit in the report is lower: what came so far must not be lost."""
    invocations, _ = recording
    assert costs.reaction(invocations).value <= 27 / 15


def test_an_orders_items_cost_at_most_half_the_write_units_of_three_items_each(recording: Recording) -> None:
    within(costs.write_ratio(*recording))


def test_calls_per_order_do_not_grow_with_the_orders() -> None:
    within(costs.slope(100))


def test_the_layer_is_small() -> None:
    within(costs.package())


def test_a_flash_sale_takes_twenty_times_what_a_transaction_an_order_would() -> None:
    assert inventory.batching
    one_by_one = reserve(Way(batch=1), seconds=2)
    ours = reserve(Way(batch=inventory.batching.size), seconds=2)
    assert ours.rate >= 20 * one_by_one.rate
