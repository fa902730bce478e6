"""Contracts and services as they might come to be."""

from types import NoneType
from typing import Any, ClassVar, cast

import msgspec

from infra.contracts.schemas import Json, event_schema
from tidings.events import Contract
from tidings.service import Service


def contract(*fields: Any, major: int = 1, name: str = "ParcelLost", open_ended: bool = True) -> type[Contract]:
    """A contract with these fields, each as `msgspec.defstruct` takes it: a name, a type, and maybe a default.

    One that is not open-ended forbids the fields that it does not know.
    """
    made = msgspec.defstruct(
        name,
        fields,
        bases=(Contract,),
        namespace={"major": major, "__annotations__": {"major": ClassVar[int]}},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=not open_ended,
    )
    return cast(type[Contract], made)


def schema(*fields: Any, **options: Any) -> Json:
    """The schema of the event with such a contract."""
    return event_schema(contract(*fields, **options))


def service(
    name: str,
    *,
    announces: tuple[type[Contract], ...] = (),
    reacts: tuple[type[Contract], ...] = (),
    thin: bool = False,
) -> Service[None]:
    reactions = dict.fromkeys(reacts, print)
    return Service(name=name, state=NoneType, announces=announces, reactions=reactions, thin=thin)
