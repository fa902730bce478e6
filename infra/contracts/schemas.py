"""JSON Schema (2020-12) of the events, from the structs that encode and decode them."""

import inspect
from typing import Any

import msgspec

from tidings import contracts
from tidings.events import Contract, Event

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFINED_IN = "#/$defs/"


def catalogue() -> tuple[type[Contract], ...]:
    """The contracts of all events, by name: those that `tidings/contracts.py` defines."""
    defined = [each for each in vars(contracts).values() if isinstance(each, type) and issubclass(each, Contract)]
    return tuple(sorted((each for each in defined if each is not Contract), key=lambda each: each.__name__))


def event_schema(contract: type[Contract]) -> Json:
    """The schema of a whole event with this contract: the envelope, and in it the data."""
    envelope: Any = Event
    (root,), definitions = msgspec.json.schema_components([envelope[contract]], ref_template=f"{DEFINED_IN}{{name}}")
    schema: Json = portable(definitions.pop(root["$ref"].removeprefix(DEFINED_IN)))
    schema["properties"] |= {
        "type": {"type": "string", "const": contract.__name__},
        "dataschema": {"type": "string", "const": contract.schema()},
        "time": {**schema["properties"]["time"], "format": "date-time"},
    }
    # CloudEvents 1.0 requires it, and every event has it; only our decoder does without.
    schema["required"] = ["specversion", *schema["required"]]
    return {
        "$schema": DIALECT,
        "$id": contract.schema(),
        **schema,
        "title": contract.__name__,
        "description": f"{inspect.getdoc(contract)}\n\n{schema['description']}",
        "$defs": {name: portable(definitions[name]) for name in sorted(definitions)},
    }


def portable(schema: Any) -> Any:
    """The schema without what is Python's own.

    The end of text `\\Z` is no escape in JSON Schema, whose `$` means just that; and descriptions, which are
    docstrings, have their lines indented by some versions of Python and not by others.
    """
    if isinstance(schema, dict):
        return {key: _portable_text(key, value) or portable(value) for key, value in schema.items()}
    return [portable(value) for value in schema] if isinstance(schema, list) else schema


def _portable_text(key: str, value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if key == "pattern":
        return value.replace(r"\Z", "$")
    return inspect.cleandoc(value) if key == "description" else None


def kind(schema: Json) -> str:
    """What sort of value a schema is for, in a few words: `string`, `OrderLine[]`, `"receipt" or "dispatch"`."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(DEFINED_IN)
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"{kind(schema.get('items', {}))}[]"
    return str(schema.get("title") or schema.get("type", "anything"))
