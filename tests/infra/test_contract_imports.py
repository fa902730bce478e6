"""The contracts that a service's asset contains: those that its modules import, and no others."""

from pathlib import Path

import pytest

from infra import contract_imports, discovery
from infra.contract_imports import imported_contracts


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with contracts: `a.one` imports `values.text`, `a.two` imports `a.one`, `b.three` imports neither."""
    monkeypatch.setattr(discovery, "ROOT", tmp_path)
    write(tmp_path, "contracts/__init__.py")
    write(tmp_path, "contracts/values/__init__.py")
    write(tmp_path, "contracts/values/text.py", "Text = str")
    write(tmp_path, "contracts/a/__init__.py")
    write(tmp_path, "contracts/a/one.py", "from contracts.values.text import Text\nclass One: ...")
    write(tmp_path, "contracts/a/two.py", "from .one import One\nclass Two: ...")
    write(tmp_path, "contracts/b/__init__.py")
    write(tmp_path, "contracts/b/three.py", "class Three: ...")
    return tmp_path


def write(root: Path, path: str, text: str = "") -> Path:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)
    return root / path


def imported_by(root: Path, text: str) -> set[str]:
    source = write(root, "functions/service/handlers.py", text)
    return {file.relative_to(root).as_posix() for file in imported_contracts([source], root / "contracts")}


PACKAGES = {"contracts/__init__.py", "contracts/a/__init__.py"}
ONE = {*PACKAGES, "contracts/a/one.py", "contracts/values/__init__.py", "contracts/values/text.py"}


@pytest.mark.parametrize(
    "text",
    [
        "from contracts.a.one import One",
        "import contracts.a.one",
        "import contracts.a.one as first",
        "from contracts.a import one",
        "def later():\n    from contracts.a.one import One",
    ],
)
def test_an_import_in_any_form_includes_the_module_and_what_it_imports(root: Path, text: str) -> None:
    assert imported_by(root, text) == ONE


def test_a_relative_import_between_contracts_is_followed(root: Path) -> None:
    assert imported_by(root, "from contracts.a.two import Two") == {*ONE, "contracts/a/two.py"}


def test_a_service_that_imports_no_contract_needs_none(root: Path) -> None:
    assert imported_by(root, "import json, contracts_of_others\nfrom tidings.core.event import Event") == set()


def test_files_that_are_not_python_are_not_read(root: Path) -> None:
    page = write(root, "functions/service/page.html", "<from contracts.a.one import One>")
    assert imported_contracts([page], root / "contracts") == set()


def test_an_import_of_a_contract_that_does_not_exist_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match=r"handlers\.py imports contracts\.c\.four\.Four, which .* does not contain"):
        imported_by(root, "from contracts.c.four import Four")


def test_the_shops_contracts_packages_import_nothing() -> None:
    for package in (discovery.ROOT / "contracts").rglob("__init__.py"):
        assert list(contract_imports._imports(package)) == []
