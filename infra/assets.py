"""The code of Lambda functions and layers, as folders below `.build`.

A folder's name is the digest of its contents, and a folder is built once. Docker is not needed.
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from uv import find_uv_bin

from infra.contract_imports import imported_contracts
from infra.discovery import ROOT, ServiceFolder
from infra.stages import Stage

BUILD = ROOT / ".build"
LIBRARY = ROOT / "tidings"
LOCK = ROOT / "requirements-layer.txt"
OPENAPI_FUNCTION = ROOT / "infra" / "openapi" / "function.py"
WATCH_FUNCTION = ROOT / "infra" / "watch" / "function.py"
PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}

MODELS = {
    "apigatewaymanagementapi",
    "cloudwatch",
    "cognito-idp",
    "dynamodb",
    "lambda",
    "s3",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
}
"""The services that functions call. Layers contain no other service's model: the models are most of botocore's size."""

Files = Mapping[str, bytes]
"""Contents of files, by their path in the asset."""


def layer(stage: Stage) -> Path:
    """Return the folder of the layer with the library and its packages, for the stage's Python and processor."""
    return _layer("layer", stage, LOCK, _read(LIBRARY, _files(LIBRARY, "testing"), prefix="python/tidings/"))


def packages(stage: Stage, lock: Path) -> Path:
    """Return the folder of a layer with the packages that a lock pins."""
    return _layer(lock.stem, stage, lock, {})


def service_code(service: ServiceFolder) -> Path:
    """Return the folder of a service's code: its own folder, and the contracts that it imports.

    Both are importable under the same names as in the project.
    """
    # No function recovers a table.
    sources = _files(service.folder, "stack.py", "recovery.py")
    contracts = imported_contracts(sources, service.contracts)
    return _build_once(service.package, _read(ROOT, [*sources, *contracts]))


def openapi_function(document: str) -> Path:
    """Return the folder of the function that returns the OpenAPI document."""
    files = {OPENAPI_FUNCTION.name: OPENAPI_FUNCTION.read_bytes(), "openapi.json": document.encode()}
    return _build_once("openapi", files)


def watch_function() -> Path:
    """Return the folder of the function that watches a stage."""
    return _build_once("watch", {WATCH_FUNCTION.name: WATCH_FUNCTION.read_bytes()})


def _files(folder: Path, *excluded: str) -> list[Path]:
    """Return a folder's files, without bytecode and without what is excluded at its top level."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.relative_to(folder).parts[0] not in excluded
    ]


def _read(root: Path, files: Iterable[Path], prefix: str = "") -> Files:
    return {f"{prefix}{file.relative_to(root).as_posix()}": file.read_bytes() for file in files}


def _layer(name: str, stage: Stage, lock: Path, files: Files) -> Path:
    # The emulator's machine may not run Linux. Without a platform uv chooses the wheels of the machine that it runs on.
    platform = [] if stage.emulated else ["--python-platform", PLATFORMS[stage.machine]]
    options = [*platform, "--python-version", stage.python]
    described = (*options, stage.machine, lock.read_text(), *sorted(MODELS))
    return _build_once(name, files, lambda folder: _install(folder / "python", lock, options), described)


def _install(target: Path, lock: Path, options: Iterable[str]) -> None:
    command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(target), "--requirements", str(lock)]
    command += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no input of others
    if done.returncode:
        raise RuntimeError(f"the layer of {lock.name} could not be built: {done.stderr.strip()}")
    for model in (target / "botocore" / "data").glob("*/"):
        if model.name not in MODELS:
            shutil.rmtree(model)
    # Scripts contain this machine's interpreter, and the records contain the scripts' digests. With them the same layer
    # would differ between machines. The file `.lock` is uv's own.
    shutil.rmtree(target / "bin", ignore_errors=True)
    for file in (*target.glob("*.dist-info/RECORD"), target / ".lock"):
        file.unlink(missing_ok=True)


def _build_once(
    name: str,
    files: Files,
    finish: Callable[[Path], None] = lambda _: None,
    options: Iterable[str] = (),
) -> Path:
    """Return the folder with these files, and build it if it does not exist.

    It is built elsewhere and then renamed, so that no other process finds it incomplete.

    Args:
        name: The name of the folder's parent.
        files: The files.
        finish: Adds to the folder what depends on `options` only.
        options: What the folder depends on besides its files.
    """
    folder = BUILD / name / _digest(files, options)
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        built = Path(scratch) / "built"
        for path, content in files.items():
            (built / path).parent.mkdir(parents=True, exist_ok=True)
            (built / path).write_bytes(content)
        finish(built)
        try:
            built.rename(folder)
        except OSError:
            # Another synthesis was faster and built the same folder.
            if not folder.exists():
                raise
    return folder


def _digest(files: Files, options: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in (*options, *(part for path in sorted(files) for part in (path, files[path]))):
        digest.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return digest.hexdigest()[:16]
