"""Sample data of contracts, as Python source."""

import re
from dataclasses import dataclass, field

import msgspec
from msgspec.inspect import BoolType, Field, IntType, LiteralType, Metadata, StrType, StructType, Type, VarTupleType

from ops.errors import CommandError
from tidings.core.contract import Contract

TEXTS = ("sample", "customer@example.com", "EUR", "BE", "9000", "3f2b8c1e-7a6d-4e0b-9c58-0d1e2f3a4b5c")
"""Texts of which one matches each pattern in the shop's contracts."""


@dataclass
class SampleSource:
    """The source of sample data, and the classes that it needs.

    Attributes:
        classes: The classes to import.
    """

    classes: set[type] = field(default_factory=set)

    def of_contract(self, contract: type[Contract]) -> str:
        """Return the source of a contract's data with its required fields.

        Raises:
            CommandError: If no sample matches a field.
        """
        return self._source(contract.__name__, msgspec.inspect.type_info(contract))

    def _source(self, name: str, kind: Type) -> str:
        match kind:
            case StructType():
                self.classes.add(kind.cls)
                fields = (self._field(each) for each in kind.fields if each.required)
                return f"{kind.cls.__name__}({', '.join(fields)})"
            case VarTupleType():
                return f"({self._source(name, kind.item_type)},)"
            case Metadata():
                return self._source(name, kind.type)
            case LiteralType():
                return repr(kind.values[0])
            case BoolType():
                return "True"
            case IntType():
                return str(max(2, kind.ge or 0, (kind.gt or 0) + 1))
            case StrType():
                for text in (name, *TEXTS):
                    if _matches(kind, text):
                        return repr(text)
        raise CommandError(f"no sample data is known for the field {name}: write the test's events yourself")

    def _field(self, struct_field: Field) -> str:
        return f"{struct_field.name}={self._source(struct_field.name, struct_field.type)}"


def _matches(kind: StrType, text: str) -> bool:
    return (kind.min_length or 0) <= len(text) <= (kind.max_length or len(text)) and bool(
        re.search(kind.pattern or "", text)
    )
