"""The commands and the code of README and tutorial, executed as they are printed, in a copy of the project."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from msgspec import Struct

import tidings
from contracts.loyalty.points_awarded import PointsAwarded
from contracts.orders.order_confirmed import OrderConfirmed
from ops.local import is_taken
from ops.outputs import outputs_of
from ops.stage import ROOT, local_stage
from tests.system.checkout import Checkout, copy_checkout
from tests.system.deployed import SECONDS
from tests.unit.facts import order_confirmed
from tidings import Service, on
from tidings.recovery import wait_until
from tidings.testing import given, make_event

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial" / "first-consumer.md"
FENCED = re.compile(r"^(<!-- needs an AWS account -->\n)?```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SKU = "mug-blue"


class Block(NamedTuple):
    """A fenced block of a document."""

    language: Literal["sh", "python"]
    text: str


def blocks(document: Path) -> list[Block]:
    """Return a document's blocks of commands and code, except those that are marked as needing an AWS account."""
    found = FENCED.findall(document.read_text())
    return [Block(language, text) for marked, language, text in found if not marked]


def commands(document: Path) -> list[str]:
    """Return a document's blocks of commands. `make test` is not executed, because it would run this test again."""
    texts = [block.text for block in blocks(document) if block.language == "sh"]
    return [re.sub(r"^make test\b.*\n", "", text, flags=re.MULTILINE) for text in texts]


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
    for block in blocks(TUTORIAL):
        if block.language == "python":
            _write(checkout, block.text)
            continue
        output = checkout.sh(block.text)
        if "pytest" in block.text:
            assert re.search(r"^\d+ passed", output, re.MULTILINE), output
        if "curl" in block.text:
            show_units = block.text
            before = _wait_until_counted(checkout, show_units)
    rebuilt = _wait_until_counted(checkout, show_units)
    assert rebuilt > before
    checkout.sh(f".venv/bin/tidings orders place --sku {SKU}:3")
    wait_until(lambda: _units(checkout, show_units) == rebuilt + 3, SECONDS, "the units of the last order")


def _write(checkout: Checkout, code: str) -> None:
    """Write a file. Its first line is a comment with its path."""
    path = re.match(r"# ([\w/]+\.py)\n", code)
    assert path, code
    (checkout.folder / path[1]).write_text(code)


def _wait_until_counted(checkout: Checkout, show_units: str) -> int:
    """Wait until the tutorial's service has counted the units of all recorded orders, and return their number."""
    return wait_until(
        lambda: n if (n := _units(checkout, show_units)) == _recorded_units(checkout) else None,
        SECONDS,
        "the number of units",
    )


def _units(checkout: Checkout, show_units: str) -> int:
    answer = json.loads(checkout.sh(show_units))
    assert answer.keys() == {"sku", "units"}
    assert answer["sku"] == SKU
    return int(answer["units"])


def _recorded_units(checkout: Checkout) -> int:
    """Return the number of units in the event log."""
    running = checkout.cloud.running()
    assert running is not None
    stage = local_stage(running.endpoint)
    pages = stage.client("dynamodb").get_paginator("scan").paginate(TableName=outputs_of(stage).table("history"))
    events = [json.loads(item["event"]["S"]) for page in pages for item in page["Items"] if "event" in item]
    return sum(
        line["quantity"]
        for event in events
        if event["type"] == "OrderConfirmed"
        for line in event["data"]["lines"]
        if line["sku"] == SKU
    )
