"""The commands and the code of README, tutorial and guides, executed as they are printed, in a copy of the project."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct

import tidings
from contracts.loyalty.points_awarded import PointsAwarded
from contracts.orders.order_confirmed import OrderConfirmed
from ops.local import is_taken
from ops.outputs import outputs_of
from ops.stage import local_stage
from tests.system.checkout import Checkout, copy_checkout
from tests.system.deployed import SECONDS
from tests.system.documents import GUIDES, IN_A_COPY, LONG, ON_THE_SHOP, README, TUTORIAL, blocks, commands
from tests.unit.facts import order_confirmed
from tidings import Service, on
from tidings.recovery import wait_until
from tidings.testing import given, make_event

SKU = "mug-blue"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy of the project. Its local cloud runs from the first `make run` to the last test."""
    checkout = copy_checkout(tmp_path_factory.mktemp("documents") / "project")
    try:
        yield checkout
        checkout.sh("make stop")
        assert not is_taken(int(checkout.environment["PORT"]))
    finally:
        checkout.cloud.stop()


def test_the_readmes_commands_succeed(checkout: Checkout) -> None:
    outputs = [checkout.sh(script) for script in commands(README)]

    assert "The outcomes of the orders" in outputs[0]
    assert "2 x mug-blue, 1 x tea-assam" in outputs[1]


def test_a_second_run_places_no_orders_and_says_that_the_cloud_is_running(checkout: Checkout) -> None:
    before = _recorded(checkout, "OrderPlaced")
    output = checkout.sh("make run")
    running = checkout.cloud.running()
    assert running is not None
    assert f"The local cloud is running at {running.endpoint}, and the example orders are placed." in output
    assert "The shop's API is " in output
    assert "The outcomes of the orders" not in output
    assert _recorded(checkout, "OrderPlaced") == before


class Bonus(Struct, frozen=True):
    """The state that the README's handler returns."""

    points: int


def test_the_readmes_handler_announces_what_its_text_says() -> None:
    (code,) = (block.text for block in blocks(README) if block.language == "python")
    names: dict[str, Any] = vars(tidings) | {
        "Bonus": Bonus,
        "OrderConfirmed": OrderConfirmed,
        "PointsAwarded": PointsAwarded,
    }
    exec(code, names)  # noqa: S102 - our own README
    service = Service(
        name="loyalty",
        state=Bonus,
        announces=(PointsAwarded,),
        handlers=(on(OrderConfirmed, names["on_order_confirmed"]),),
    )
    event = make_event(order_confirmed())
    points = event.data.total.amount // 100
    announced = PointsAwarded(customer=event.data.customer, points=points)

    given(service).when(event).then(state=Bonus(points), announced=[announced])
    given(service, event).when(event).then(writes=0, announced=[])


def test_the_tutorials_commands_and_code_lead_to_its_result(checkout: Checkout) -> None:
    show_units = ""
    counted: list[int] = []
    for block in blocks(TUTORIAL):
        if block.language == "python":
            _write(checkout, block.text)
            continue
        if block.language == "diff":
            _apply(checkout, block.text)
            continue
        removes = "tidings retire" in block.text
        if removes:
            # The new code counts ten of the last order's twelve units.
            assert _wait_until_counted(checkout, show_units, most=10) == counted[0] + 10
        output = checkout.sh(block.text)
        if removes:
            assert "popularity is removed." in output
            assert not [name for name in _tables(checkout) if "popularity" in name]
        if "pytest" in block.text:
            assert re.search(r"^\d+ passed", output, re.MULTILINE), output
        if "curl" in block.text:
            show_units = block.text
            counted.append(_wait_until_counted(checkout, show_units))
        if "orders place" in block.text:
            counted.append(_wait_until_grown(checkout, show_units, counted[0]))
    assert counted[1] == counted[0] + 12


@pytest.mark.parametrize("guide", IN_A_COPY)
def test_the_commands_of_a_guide_succeed_with_its_code(checkout: Checkout, guide: str) -> None:
    for block in blocks(GUIDES / f"{guide}.md"):
        if block.language == "sh":
            checkout.sh(LONG.sub("", block.text))
        elif guide == "add-a-projection" and block.text.startswith("# "):
            _write(checkout, block.text)
    if guide == "add-a-projection":
        running = checkout.cloud.running()
        assert running is not None
        rows = local_stage(running.endpoint).client("dynamodb").scan(TableName="tidings-local-demand")["Items"]
        counted = sum(int(row["units"]["N"]) for row in rows if row["pk"]["S"].startswith("#") and "units" in row)
        assert counted > 0


def test_the_commands_of_every_guide_are_executed_if_they_need_no_account() -> None:
    guides = {path.stem for path in GUIDES.glob("*.md") if commands(path)}
    assert guides == {*IN_A_COPY, *ON_THE_SHOP}


def _tables(checkout: Checkout) -> list[str]:
    running = checkout.cloud.running()
    assert running is not None
    names: list[str] = local_stage(running.endpoint).client("dynamodb").list_tables()["TableNames"]
    return names


def _write(checkout: Checkout, code: str) -> None:
    """Write a file. Its first line is a comment with its path."""
    path = re.match(r"# ([\w/]+\.py)\n", code)
    assert path, code
    file = checkout.folder / path[1]
    file.parent.mkdir(exist_ok=True)
    file.write_text(code)


def _apply(checkout: Checkout, diff: str) -> None:
    """Change lines of a file, each to the one that follows it."""
    header, new_header, *changes = diff.splitlines()
    path = checkout.folder / header.removeprefix("--- a/")
    assert new_header == f"+++ b/{path.relative_to(checkout.folder)}"
    text = path.read_text()
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert (old[0], new[0], text.count(f"{old[1:]}\n")) == ("-", "+", 1), old
        text = text.replace(old[1:], new[1:])
    path.write_text(text)


def _wait_until_counted(checkout: Checkout, show_units: str, most: int = 1000) -> int:
    """Wait until the tutorial's service has counted the units of all recorded orders, and return their number.

    Args:
        checkout: The copy of the project.
        show_units: The command that shows the number.
        most: The number of units of one order for which the service counts it at most.
    """
    return wait_until(
        lambda: n if (n := _units(checkout, show_units)) == _recorded_units(checkout, most) else None,
        SECONDS,
        "the number of units",
    )


def _wait_until_grown(checkout: Checkout, show_units: str, before: int) -> int:
    """Wait until the service has counted more units than before, and return their number."""
    return wait_until(
        lambda: n if (n := _units(checkout, show_units)) > before else None, SECONDS, "the units of the next order"
    )


def _units(checkout: Checkout, show_units: str) -> int:
    answer = json.loads(checkout.sh(show_units))
    assert answer.keys() == {"sku", "units"}
    assert answer["sku"] == SKU
    return int(answer["units"])


def _recorded_units(checkout: Checkout, most: int) -> int:
    """Return the number of units in the event log, of each order at most `most`."""
    return sum(
        min(line["quantity"], most)
        for event in _recorded(checkout, "OrderConfirmed")
        for line in event["data"]["lines"]
        if line["sku"] == SKU
    )


def _recorded(checkout: Checkout, event_type: str) -> list[dict[str, Any]]:
    """Return the events of a type in the event log."""
    running = checkout.cloud.running()
    assert running is not None
    stage = local_stage(running.endpoint)
    pages = stage.client("dynamodb").get_paginator("scan").paginate(TableName=outputs_of(stage).table("history"))
    events = [json.loads(item["event"]["S"]) for page in pages for item in page["Items"] if "event" in item]
    return [event for event in events if event["type"] == event_type]
