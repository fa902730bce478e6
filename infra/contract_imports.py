"""The contracts that a service imports, found in its source code.

Contracts ship with the services that import them, so a new contract changes no other service's code.
"""

import ast
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name
from pathlib import Path

from infra.discovery import package_of


def imported_contracts(sources: Iterable[Path], contracts: Path) -> set[Path]:
    """Return the contracts' modules that Python files import, directly or through other contracts.

    The `__init__.py` files of the modules' packages are included.

    Args:
        sources: The files of a service.
        contracts: The folder of the application's contracts.

    Raises:
        ValueError: If a file imports a contract that does not exist.
    """
    found: set[Path] = set()
    waiting = [source for source in sources if source.suffix == ".py"]
    while waiting:
        source = waiting.pop()
        for name in _imports(source):
            for file in _files_of(name, contracts, source) - found:
                found.add(file)
                waiting.append(file)
    return found


def _imports(source: Path) -> Iterator[str]:
    """Iterate over the full names that a module imports: modules, and names in modules."""
    for node in ast.walk(ast.parse(source.read_bytes(), str(source))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package_of(source.parent))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _files_of(name: str, contracts: Path, source: Path) -> set[Path]:
    """Return the files that are executed when a name is imported; none if it is not in the contracts' package."""
    package = package_of(contracts)
    if not f"{name}.".startswith(f"{package}."):
        return set()
    place, files = contracts, {contracts / "__init__.py"}
    for part in name.removeprefix(package).split(".")[1:]:
        module = place / f"{part}.py"
        if module.exists():
            return _existing({*files, module})
        if not (place / part).is_dir():
            raise ValueError(f"{source} imports {name}, which {contracts} does not contain")
        place /= part
        files.add(place / "__init__.py")
    return _existing(files)


def _existing(files: set[Path]) -> set[Path]:
    return {file for file in files if file.exists()}
