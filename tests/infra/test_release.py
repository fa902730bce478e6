"""Changes of the last release's queues and indexes that CloudFormation refuses, or that lose messages."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from infra.application import Application
from infra.published_language.baseline import RELEASE, schemas_in
from infra.release.formats import read_formats
from infra.release.structure import (
    Structure,
    read_release,
    refused_changes,
    structure_of,
    write_release,
)
from infra.shop import shop
from infra.stages import STAGES
from tests.infra.projects import copy_project, run_app
from tidings.core.formats import parse_release
from tidings.core.service import Index, QueueKind


@pytest.fixture(scope="module")
def application() -> Application:
    return shop(STAGES["prod"])


@pytest.fixture(scope="module")
def released(application: Application) -> Structure:
    """A release of the shop: payment has a FIFO queue, and orders has two indexes."""
    return structure_of(application)


def with_queue(application: Application, name: str, kind: QueueKind) -> Structure:
    """Return the structure with another kind of one service's queue."""
    services = [
        replace(folder, service=replace(folder.service, queue=kind)) if folder.name == name else folder
        for folder in application.services
    ]
    return structure_of(replace(application, services=services))


def with_indexes(application: Application, name: str, indexes: Sequence[Index]) -> Structure:
    """Return the structure with other indexes of one service."""
    services = [
        replace(folder, service=replace(folder.service, indexes=tuple(indexes))) if folder.name == name else folder
        for folder in application.services
    ]
    return structure_of(replace(application, services=services))


def indexes_of(application: Application, name: str) -> tuple[Index, ...]:
    (service,) = [folder.service for folder in application.services if folder.name == name]
    return service.indexes


def test_a_change_of_a_queues_kind_is_refused_with_the_way_out(application: Application, released: Structure) -> None:
    assert released.queues["payment"] == "fifo"
    (problem,) = refused_changes(released, with_queue(application, "payment", "standard"))
    assert problem.startswith("The queue of payment is fifo in the last release and standard now.")
    assert problem.endswith('First drain both: see "Change the kind of a queue" in docs/guides/deploy.md.')


@pytest.mark.parametrize(
    "change",
    [
        lambda index: replace(index, projects=("other",)),
        lambda index: replace(index, partition="other"),
        lambda index: replace(index, sort="other"),
        lambda index: replace(index, numeric=True),
    ],
    ids=["projects", "partition", "sort", "numeric"],
)
def test_a_changed_index_under_the_same_name_is_refused_with_the_way_out(
    change: Callable[[Index], Index], application: Application, released: Structure
) -> None:
    first, pending = indexes_of(application, "orders")
    (problem,) = refused_changes(released, with_indexes(application, "orders", [change(first), pending]))
    assert problem.startswith("The index 'index' of orders has other keys or another projection")
    assert problem.endswith('add an index with another name: see "Change an index" in docs/guides/deploy.md.')


def test_two_index_changes_of_one_table_are_refused_with_the_way_out(
    application: Application, released: Structure
) -> None:
    first, pending = indexes_of(application, "orders")
    renamed = with_indexes(application, "orders", [replace(first, name="list"), pending])
    (problem,) = refused_changes(released, renamed)
    assert problem.startswith("The table of orders gains or loses 2 indexes since the last release (index, list).")
    assert problem.endswith('one after another: see "Change an index" in docs/guides/deploy.md.')


def test_one_new_or_removed_index_of_a_table_is_accepted(application: Application, released: Structure) -> None:
    first, pending = indexes_of(application, "orders")
    more = with_indexes(application, "orders", [first, pending, replace(first, name="list")])
    assert refused_changes(released, more) == []
    assert refused_changes(released, with_indexes(application, "orders", [pending])) == []


def test_a_new_service_may_have_any_queue_and_any_number_of_indexes(
    application: Application, released: Structure
) -> None:
    fewer = [folder for folder in application.services if folder.name not in ("orders", "payment")]
    assert refused_changes(structure_of(replace(application, services=fewer)), released) == []


def test_a_recorded_release_is_read_as_it_was_written(released: Structure, tmp_path: Path) -> None:
    write_release(released, tmp_path / "release.json")
    assert read_release(tmp_path / "release.json") == released


def test_nothing_is_refused_before_a_release_is_recorded(released: Structure, tmp_path: Path) -> None:
    assert read_release(tmp_path / "release.json") is None
    assert refused_changes(None, released) == []


def test_the_app_refuses_a_change_since_the_recorded_release_outside_the_local_stage(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    recorded = run_app(project, "-m", "infra.release")
    assert recorded.returncode == 0, recorded.stderr
    file = project / "infra" / "release" / "release.json"
    assert file.read_text().count('"payment": "fifo"') == 1
    file.write_text(file.read_text().replace('"payment": "fifo"', '"payment": "standard"'))
    done = run_app(project, stage="prod")
    assert done.returncode == 1
    assert done.stderr.startswith("The queue of payment is standard in the last release and fifo now.")
    assert done.stderr.count("\n") == 1
    assert run_app(project, stage="local").returncode == 0


NEXT_VERSION = """
from contracts.inventory import stock_released_1
from contracts.values.goods import AllUnits
from contracts.values.order import OrderEvent
from tidings.core.contract import Upcaster


def from_first(older: stock_released_1.StockReleased) -> "StockReleased":
    return StockReleased(units=older.lines)


class StockReleased(OrderEvent, frozen=True, kw_only=True):
    producer = "inventory"
    major = 2
    upcaster = Upcaster(stock_released_1.StockReleased, from_first)

    units: AllUnits
"""


def test_the_next_release_is_recorded_once_and_only_if_it_is_compatible(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    folder = project / "infra" / "release"
    last = read_formats(folder / "formats.json")
    assert last
    second, third = (f"{parse_release(last.release)[0] + n}.0" for n in (1, 2))
    done = run_app(project, "-m", "infra.release", second)
    assert done.returncode == 0, done.stderr
    recorded = read_formats(folder / "formats.json")
    assert recorded
    assert (recorded.release, recorded.item) == (second, last.item)
    assert schemas_in(folder).keys() >= schemas_in(RELEASE).keys()

    again = run_app(project, "-m", "infra.release", second)
    refusal = f"Release {second} is not after the recorded one, {second}."
    assert (again.returncode, again.stderr) == (1, f"{refusal}\nNothing was recorded.\n")

    contract = project / "contracts" / "inventory" / "stock_released.py"
    first = contract.read_text()
    contract.write_text(first.replace("lines: ", "units: "))
    refused = run_app(project, "-m", "infra.release", third)
    assert refused.returncode == 1
    assert "schemas/inventory/StockReleased.1.json: data.lines: the field is missing" in refused.stderr
    assert read_formats(folder / "formats.json") == recorded

    contract.with_stem("stock_released_1").write_text(first)
    contract.write_text(NEXT_VERSION)
    accepted = run_app(project, "-m", "infra.release", third)
    assert accepted.returncode == 0, accepted.stderr
    both = {f"schemas/inventory/StockReleased.{major}.json" for major in (1, 2)}
    assert both <= schemas_in(folder).keys()
