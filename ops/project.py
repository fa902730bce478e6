"""What the services of this project say of themselves."""

import sys
from importlib import import_module
from typing import Any

from ops.failure import Failure
from ops.stage import ROOT
from tidings.routes import routes_of
from tidings.service import Service


def make_importable() -> None:
    """Lets the project's own folders be imported, also where only the command is on the path."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))


def service_names() -> list[str]:
    """The services' names, which are their folders'."""
    return sorted(declaration.parent.name for declaration in ROOT.glob("functions/*/service.py"))


def service_named(name: str) -> Service[Any]:
    """The service of this name; Failure where there is none."""
    if name not in service_names():
        raise Failure(f"there is no service {name!r}; there are {', '.join(service_names())}")
    service: Service[Any] = import_module(f"functions.{name}.service").service
    return service


def writes_over_http(name: str) -> bool:
    """Whether a service is told things over the API that no event tells."""
    if not (ROOT / "functions" / name / "api.py").exists():
        return False
    return any(route.method != "GET" for route in routes_of(import_module(f"functions.{name}.api").Api))
