"""The services of this project, by their declarations."""

from importlib import import_module
from typing import Any

from ops.errors import CommandError
from ops.stage import ROOT
from tidings.core.service import Service


def service_names() -> list[str]:
    """Return the services' names, which are their folders' names."""
    return sorted(declaration.parent.name for declaration in ROOT.glob("functions/*/service.py"))


def service_named(name: str) -> Service[Any]:
    """Return the service with this name.

    Raises:
        CommandError: If it does not exist.
    """
    if name not in service_names():
        raise CommandError(f"there is no service {name!r}; there are {', '.join(service_names())}")
    service: Service[Any] = import_module(f"functions.{name}.service").service
    return service
