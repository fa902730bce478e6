"""A new event type changes its producer and the services that handle it, and no other service."""

from pathlib import Path

import pytest

from tests.infra.projects import changed_stacks, code_of, copy_project, synthesize_project
from tests.infra.synthesis import SHARED, Synthesis

CONTRACT = '''"""The contract of `ParcelLost`."""

from contracts.values.order import OrderEvent
from contracts.values.text import Text


class ParcelLost(OrderEvent, frozen=True, kw_only=True):
    """The carrier lost the parcel."""

    producer = "warehouse"

    carrier: Text = ""
'''

HANDLER = '''

def on_parcel_lost(entity: Entity[Earning], event: Event[ParcelLost]) -> Decision[Earning]:
    """Change nothing."""
    return Skip()
'''

IMPORT = "from contracts.warehouse.parcel_lost import ParcelLost\n"


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """The project with an event that warehouse announces and loyalty handles."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    warehouse, loyalty = (project / "functions" / name for name in ("warehouse", "loyalty"))
    (project / "contracts" / "warehouse" / "parcel_lost.py").write_text(CONTRACT)
    edit(warehouse / "service.py", "from functions.", IMPORT + "from functions.")
    edit(warehouse / "service.py", "announces=(", "announces=(ParcelLost, ")
    edit(loyalty / "service.py", "from functions.", IMPORT + "from functions.")
    edit(loyalty / "service.py", "handlers=(", "handlers=(on(ParcelLost, handlers.on_parcel_lost), ")
    handlers = loyalty / "handlers.py"
    edit(handlers, "from contracts.", IMPORT + "from tidings.core.decisions import Skip\nfrom contracts.")
    handlers.write_text(handlers.read_text() + HANDLER)
    return synthesize_project(project)


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text where it first occurs."""
    text = file.read_text()
    assert old in text, (file, old)
    file.write_text(text.replace(old, new, 1))


def test_the_consumer_subscribes_to_the_new_event(extended: Synthesis) -> None:
    types = ["OrderCancelled", "OrderConfirmed", "ParcelLost"]
    extended.only("loyalty", "AWS::SNS::Subscription", FilterPolicy={"type": types})


def test_a_new_event_changes_no_third_services_template(dev: Synthesis, extended: Synthesis) -> None:
    assert extended.templates.keys() == dev.templates.keys()
    # Monitoring shows the number of each event; it is no service's.
    assert changed_stacks(dev, extended) == {"warehouse", "loyalty", "monitoring"}


def test_a_new_event_changes_no_third_services_code(dev: Synthesis, extended: Synthesis) -> None:
    before, after = code_of(dev), code_of(extended)
    changed = {name for name in before if before[name] != after[name]}
    assert {name.split("-")[2] for name in changed} == {"warehouse", "loyalty"}


def test_a_new_event_changes_no_layer(dev: Synthesis, extended: Synthesis) -> None:
    layers = [
        {(layer.stack, layer.properties["Content"]["S3Key"]) for layer in each.resources("AWS::Lambda::LayerVersion")}
        for each in (dev, extended)
    ]
    assert layers[0] == layers[1]
    # The watch of the stack `monitoring` has one too.
    assert {stack for stack, _ in layers[0]} == dev.templates.keys() - SHARED | {"monitoring"}
