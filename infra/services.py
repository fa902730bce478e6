"""Finds the services: every folder of `functions/` with a `service.py` is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidings.routes import Route, routes_of
from tidings.service import Service

if TYPE_CHECKING:
    from infra.service import ServiceStack

ROOT = Path(__file__).resolve().parent.parent
Extend = Callable[["ServiceStack"], None]


@dataclass(frozen=True)
class Found:
    """A service as its folder says it: its declaration, its routes, what its stack has more than others'."""

    folder: Path
    service: Service[Any]
    routes: tuple[Route, ...]
    extend: Extend | None

    @property
    def name(self) -> str:
        """The service's name, which is its folder's."""
        return self.service.name


def discover() -> tuple[Found, ...]:
    """The project's services, by name."""
    return tuple(_read(declaration.parent) for declaration in sorted(ROOT.glob("functions/*/service.py")))


def _read(folder: Path) -> Found:
    package = f"functions.{folder.name}"
    service: Service[Any] = import_module(f"{package}.service").service
    if service.name != folder.name:
        raise ValueError(f"{folder} declares the service {service.name!r}: its name must be its folder's")
    routes = routes_of(import_module(f"{package}.api").Api) if (folder / "api.py").exists() else ()
    extend = import_module(f"{package}.stack").extend if (folder / "stack.py").exists() else None
    return Found(folder, service, routes, extend)
