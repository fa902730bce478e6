"""Sample contracts and services."""

from types import NoneType
from typing import Any, ClassVar, cast

import msgspec

from infra.published_language.schemas import Json, event_schema
from tidings.core.contract import Contract, Upcaster
from tidings.core.decisions import Skip
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.core.service import Service, on


def contract(
    *fields: Any,
    major: int = 1,
    name: str = "ParcelLost",
    open_ended: bool = True,
    producer: str = "post",
    older: type[Contract] | None = None,
) -> type[Contract]:
    """Return a contract with these fields, each as `msgspec.defstruct` takes it: a name, a type, and maybe a default.

    A contract that is not open-ended forbids unknown fields. If there is an older version, nothing can be read by the
    upcaster from it.
    """
    made = msgspec.defstruct(
        name,
        fields,
        bases=(Contract,),
        module=f"contracts.{producer}.sample",
        namespace={
            "major": major,
            "producer": producer,
            "upcaster": older and Upcaster(older, _fail),
            "__annotations__": {
                "major": ClassVar[int],
                "producer": ClassVar[str],
                "upcaster": ClassVar[Upcaster[Any, Any] | None],
            },
        },
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=not open_ended,
    )
    return cast(type[Contract], made)


def schema(*fields: Any, **options: Any) -> Json:
    """Return the schema of an event with such a contract."""
    return event_schema(contract(*fields, **options))


def service(
    name: str, *, announces: tuple[type[Contract], ...] = (), handles: tuple[type[Contract], ...] = ()
) -> Service[None]:
    handlers = tuple(on(contract, skip) for contract in handles)
    return Service(name=name, state=NoneType, announces=announces, handlers=handlers)


def skip(_entity: Entity[None], _event: Event[Contract]) -> Skip:
    return Skip()


def _fail(_older: Contract) -> Contract:
    raise NotImplementedError
