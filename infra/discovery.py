"""Discovery of an application's services and contracts from its folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidings.core.contract import Contract
from tidings.core.service import Service
from tidings.http.routes import Route, routes_of

if TYPE_CHECKING:
    from infra.stacks.service import ServiceStack

ROOT = Path(__file__).resolve().parent.parent
"""The folder that modules are imported from."""

AddResources = Callable[["ServiceStack", Any], None]
"""A function that adds a service's own resources to its stack; the second argument is the application's settings."""


@dataclass(frozen=True)
class ServiceFolder:
    """A service, as its folder declares it.

    Attributes:
        folder: The folder.
        contracts: The folder of the application's contracts.
        service: The declaration in `service.py`.
        routes: The routes in `api.py`; none if there is no such file.
        add_resources: The function `add_resources` in `stack.py`; None if there is no such file.
    """

    folder: Path
    contracts: Path
    service: Service[Any]
    routes: tuple[Route, ...]
    add_resources: AddResources | None

    @property
    def name(self) -> str:
        """The service's name, which is the folder's."""
        return self.service.name

    @property
    def package(self) -> str:
        """The name under which the folder is imported: `examples.helpdesk.services.desk`."""
        return package_of(self.folder)

    @property
    def summary(self) -> str:
        """The first line of `service.py`'s docstring."""
        return summary_of(import_module(f"{self.package}.service"))


def discover_services(folder: Path, contracts: Path) -> tuple[ServiceFolder, ...]:
    """Return the services in a folder by name: each subfolder with a `service.py`.

    Args:
        folder: The folder of services, below `ROOT`.
        contracts: The folder of their contracts, below `ROOT`.

    Raises:
        ValueError: If a service's name is not its folder's.
    """
    return tuple(_read(declaration.parent, contracts) for declaration in sorted(folder.glob("*/service.py")))


def discover_contracts(folder: Path, services: Iterable[ServiceFolder]) -> tuple[type[Contract], ...]:
    """Return the contracts of all events by name: those in the folders that are named for a service.

    An older version that an upcaster reads is no contract by itself.

    Raises:
        ValueError: If two contracts have the same name, and neither is an older version of the other.
    """
    defined = [
        value
        for service in services
        for file in sorted((folder / service.name).glob("[!_]*.py"))
        for value in vars(import_module(package_of(file))).values()
        if isinstance(value, type) and issubclass(value, Contract) and value.__module__ == package_of(file)
    ]
    older = {version for contract in defined for version in contract.versions() if version is not contract}
    found: dict[str, type[Contract]] = {}
    for contract in defined:
        if contract in older:
            continue
        if contract.__name__ in found:
            others = f"{found[contract.__name__].__module__} and {contract.__module__}"
            raise ValueError(f"{others} define the contract {contract.__name__}")
        found[contract.__name__] = contract
    return tuple(found[name] for name in sorted(found))


def package_of(path: Path) -> str:
    """Return the name under which a folder or a module below `ROOT` is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def summary_of(value: Any) -> str:
    """Return the first line of a docstring."""
    return (value.__doc__ or "").strip().partition("\n")[0]


def _read(folder: Path, contracts: Path) -> ServiceFolder:
    package = package_of(folder)
    service: Service[Any] = import_module(f"{package}.service").service
    if service.name != folder.name:
        raise ValueError(f"{folder} declares the service {service.name!r}: its name must be its folder's")
    routes = routes_of(import_module(f"{package}.api").Api) if (folder / "api.py").exists() else ()
    add_resources = import_module(f"{package}.stack").add_resources if (folder / "stack.py").exists() else None
    return ServiceFolder(folder, contracts, service, routes, add_resources)
