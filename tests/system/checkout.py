"""A copy of the project with a virtual environment, in which users' commands run as they are printed."""

import os
import shutil
import sqlite3
import sys
import sysconfig
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ops.local import LocalCloud, free_port
from ops.stage import ROOT
from tests.system.deployed import clean_environment, run

IGNORED = shutil.ignore_patterns(
    ".git", ".venv", ".build", ".local", ".*_cache", "__pycache__", "*.egg-info", "cdk.out", "node_modules"
)

STAMPS = (".installed", ".complete")
"""The files in a folder of npm that say which steps of its installation are done."""

SECONDS = 900
"""A timeout that is long enough for checking all types anew, on a machine on which other tests run too."""


@dataclass(frozen=True)
class Checkout:
    """A copy of the project, whose local cloud has its own port."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def cloud(self) -> LocalCloud:
        """The local cloud that `make run` starts."""
        return LocalCloud(self.folder / ".local")

    def sh(self, script: str) -> str:
        """Run a shell script in the copy, and return its output. It ends at the first command that fails."""
        done = run(["/bin/sh", "-eu", "-c", script], self.environment, self.folder, seconds=SECONDS)
        assert done.returncode == 0, f"{script}\nfailed:\n{done.stdout}\n{done.stderr}"
        return done.stdout


def copy_checkout(folder: Path) -> Checkout:
    """Copy the project to a folder that does not exist.

    The packages of this environment are installed there too. `make install` has only the project itself to install.
    """
    shutil.copytree(ROOT, folder, ignore=IGNORED)
    tools = Path(sys.executable).parent
    _share_packages(tools, folder / ".venv")
    # The steps of the installation that are done; see the Makefile.
    for stamp in (folder / ".venv" / ".uv", folder / ".venv" / ".packages"):
        stamp.touch()
    for modules in (Path("node_modules"), Path("web", "node_modules")):
        _share_modules(ROOT / modules, folder / modules)
    _share_types(folder)
    # A user's shell has no variables of an outer make or pytest, and not this environment's commands on its path.
    ignored = ("MAKE", "MFLAGS", "PYTEST_", "VIRTUAL_ENV")
    inherited = {name: value for name, value in clean_environment().items() if not name.startswith(ignored)}
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != tools)
    return Checkout(folder, inherited | {"PATH": path, "PORT": str(free_port())})


def _share_modules(source: Path, modules: Path) -> None:
    """Create a folder of npm with the modules of another, whose installation is done."""
    modules.mkdir()
    for module in source.iterdir():
        # npm would delete the contents of a linked folder, but only the links in this one.
        if module.name not in STAMPS:
            (modules / module.name).symlink_to(module)
    (modules / ".installed").touch()


def _share_types(folder: Path) -> None:
    """Copy what mypy knows of the project's types, so that `make lint` there checks only what changes in the copy."""
    for database in ROOT.glob(".mypy_cache/*/*.db"):
        target = folder / database.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Another mypy may be writing it, as when all checks run at once.
        with closing(sqlite3.connect(database)) as known, closing(sqlite3.connect(target)) as copy:
            known.backup(copy)


def _share_packages(tools: Path, environment: Path) -> None:
    """Create a virtual environment with the packages and commands of this one, except the project and its command."""
    done = run([sys.executable, "-m", "venv", "--without-pip", str(environment)], clean_environment())
    assert done.returncode == 0, done.stderr
    (site,) = environment.glob("lib/python*/site-packages")
    packages = sysconfig.get_path("purelib")
    (site / "shared.pth").write_text(f"import site; site.addsitedir({packages!r})\n")
    for command in tools.iterdir():
        target = environment / "bin" / command.name
        if command.is_dir() or command.name == "tidings" or target.exists():
            continue
        content = command.read_bytes()
        if content.startswith(b"#!"):
            # A script names its interpreter.
            target.write_bytes(content.replace(bytes(tools), bytes(target.parent)))
            target.chmod(0o755)
        else:
            target.symlink_to(command)
