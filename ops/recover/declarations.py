"""The declarations of how services are recovered."""

from importlib import import_module
from typing import Any

from ops.errors import CommandError
from ops.services import service_named
from ops.stage import ROOT
from tidings.recovery import Recovery


def recoverable() -> list[str]:
    """Return the names of the services that can be recovered: those with a `recovery.py`."""
    return sorted(declaration.parent.name for declaration in ROOT.glob("functions/*/recovery.py"))


def recovery_of(name: str) -> Recovery[Any]:
    """Return how a service is recovered.

    Raises:
        CommandError: If there is no such service, or it announces no events.
    """
    service = service_named(name)
    if name not in recoverable():
        other = f"rebuild it with replay {name} --rebuild" if service.rebuildable else "its table is not recovered"
        raise CommandError(f"{name} announces no events; {other}; these can be recovered: {', '.join(recoverable())}")
    recovery: Recovery[Any] = import_module(f"functions.{name}.recovery").recovery
    return recovery
