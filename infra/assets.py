"""What Lambda is given: folders under `.build`, named for what they are made of, made once and without Docker."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from uv import find_uv_bin

from infra.services import ROOT
from infra.stages import Stage

BUILD = ROOT / ".build"
RUNTIME = ROOT / "tidings"
LOCK = ROOT / "requirements-layer.txt"
DOCUMENT_HANDLER = ROOT / "infra" / "document" / "handler.py"
NOT_DEPLOYED = ("__pycache__", "stack.py")
PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}


def layer(stage: Stage) -> Path:
    """The runtime `tidings` and the packages that it needs, for the stage's Python and processor."""
    return _layer("layer", stage, LOCK, RUNTIME)


def packages(stage: Stage, lock: Path) -> Path:
    """The packages that a lock pins, for one service's own layer."""
    return _layer(lock.stem, stage, lock)


def code(service: Path) -> Path:
    """A service's folder, under the same importable name as here: `functions.<name>`."""
    place = service.relative_to(ROOT)
    return _made_once(str(place), _files(service), lambda folder: _copy(service, folder / place))


def document(text: str) -> Path:
    """The API's document, and the handler that serves it."""

    def fill(folder: Path) -> None:
        shutil.copy(DOCUMENT_HANDLER, folder)
        (folder / "openapi.json").write_text(text)

    return _made_once("document", [DOCUMENT_HANDLER], fill, text)


def _layer(kind: str, stage: Stage, lock: Path, *modules: Path) -> Path:
    """The packages that a lock pins and some of our own, as Lambda wants a layer of Python."""
    # The emulator's machine may be no Linux: uv then takes the wheels of the machine that it runs on itself.
    platform = [] if stage.emulated else ["--python-platform", PLATFORMS[stage.machine]]
    options = [*platform, "--python-version", stage.python]

    def fill(folder: Path) -> None:
        for module in modules:
            _copy(module, folder / "python" / module.name)
        _install(folder / "python", lock, options)

    sources = [file for module in modules for file in _files(module)]
    return _made_once(kind, [*sources, lock], fill, *options, stage.machine)


def _install(target: Path, lock: Path, options: Iterable[str]) -> None:
    command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(target), "--requirements", str(lock)]
    command += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no input of others
    if done.returncode:
        raise RuntimeError(f"the layer of {lock.name} could not be built: {done.stderr.strip()}")
    # Commands for a shell name this machine's interpreter, and the records hold their digests: with them the same
    # layer would be another one on every machine. The lock is uv's own.
    shutil.rmtree(target / "bin", ignore_errors=True)
    for file in (*target.glob("*.dist-info/RECORD"), target / ".lock"):
        file.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_DEPLOYED))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not {*path.parts} & {*NOT_DEPLOYED}]


def _made_once(kind: str, sources: Iterable[Path], fill: Callable[[Path], None], *options: str) -> Path:
    """Fills a folder elsewhere and renames it, so that nobody ever finds it half made."""
    folder = BUILD / kind / _digest(sources, options)
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        fill(made)
        try:
            made.rename(folder)
        except OSError:
            # Another synthesis was quicker, and has made the same.
            if not folder.exists():
                raise
    return folder


def _digest(sources: Iterable[Path], options: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for option in options:
        digest.update(hashlib.sha256(option.encode()).digest())
    for path in sorted(sources):
        digest.update(hashlib.sha256(str(path.relative_to(ROOT)).encode()).digest())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
