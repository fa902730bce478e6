"""The library's wheel, as another project installs it."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from uv import find_uv_bin

import tidings

ROOT = Path(__file__).resolve().parents[2]


def run(command: Sequence[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(  # noqa: S603 - our own commands
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A copy, because building leaves files beside the sources.
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "tidings", project / "tidings", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    build = [find_uv_bin(), "build", "--quiet", "--offline", "--wheel", "--no-build-isolation"]
    run([*build, "--python", sys.executable, "--out-dir", str(project / "dist")], project)
    (built,) = (project / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an empty environment into which the wheel is installed, with the locked dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    versions = re.findall(r"^[\w.-]+==[^\s;\\]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    (folder / "constraints.txt").write_text("\n".join(versions))
    run([find_uv_bin(), "venv", "--quiet", "--offline", "--python", sys.executable, ".venv"], folder)
    interpreter = folder / ".venv" / "bin" / "python"
    install = [find_uv_bin(), "pip", "install", "--quiet", "--python", str(interpreter)]
    run([*install, "--constraint", "constraints.txt", str(wheel), "pytest"], folder)
    return interpreter


def test_the_wheel_contains_the_library_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.partition("/")[0] for name in names}
    assert packages == {"tidings", f"tidings-{tidings.__version__}.dist-info"}
    assert {"tidings/py.typed", "tidings/testing/__init__.py", "tidings/recovery/__init__.py"} <= set(names)


def test_an_installed_library_runs_the_tests_of_another_domain(python: Path, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "app.py", "demo.py")
    shutil.copytree(ROOT / "examples" / "helpdesk", tmp_path / "examples" / "helpdesk", ignore=ignored)
    output = run([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples"], tmp_path)
    assert re.search(r"^\d{2,} passed in ", output, re.MULTILINE), output


def test_an_installed_library_says_its_version_and_comes_from_the_wheel(python: Path, tmp_path: Path) -> None:
    output = run([str(python), "-c", "import tidings; print(tidings.__version__, tidings.__file__)"], tmp_path)
    version, place = output.split()
    assert version == tidings.__version__
    assert Path(place).is_relative_to(python.parents[1])
