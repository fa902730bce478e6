"""JSON Schema (2020-12) of the events, from the structs that encode and decode them."""

import inspect
from typing import Any

import msgspec

from tidings.core.contract import Contract
from tidings.core.event import MAX_CLOCK_SKEW, MAX_EVENT_BYTES, NUMBER_PATTERN, Event
from tidings.core.personal import PERSONAL
from tidings.core.strict_json import MAX_DEPTH

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFINITIONS = "#/$defs/"
PERSONAL_MARK = "x-personal"
"""The keyword that marks a property as personal data."""

PERSONAL_TEXT = """\
Personal data as JSON text, because an attribute of CloudEvents is a simple value. It is absent after it was erased."""

SCHEMAS = "schemas"
"""The folder of the events' schemas, beside the other documents."""

BEYOND = f"""\
A schema cannot say these rules, by which consumers refuse an event too: `id` is `<source>/<subject>/<number>` with this
event's subject. `time` is at most {MAX_CLOCK_SKEW // 60_000} minutes ahead. The text has at most {MAX_EVENT_BYTES} \
bytes in UTF-8, and is nested at most {MAX_DEPTH} deep.
It repeats no name within an object, and contains no lone surrogate and no number beyond the range of a double."""


def schema_path(contract: type[Contract]) -> str:
    """Return the path of an event's schema in the folder of documents: `schemas/desk/TicketOpened.1.json`."""
    return f"{SCHEMAS}/{contract.producer}/{contract.__name__}.{contract.major}.json"


def event_schema(contract: type[Contract]) -> Json:
    """Return the schema of a whole event with this contract: the envelope, its data, and its personal data if any."""
    envelope: Any = Event
    types = [envelope[contract], *([contract.personal] if contract.personal else [])]
    (root, *personal), definitions = msgspec.json.schema_components(types, ref_template=f"{DEFINITIONS}{{name}}")
    schema: Json = portable(definitions.pop(root["$ref"].removeprefix(DEFINITIONS)))
    properties = schema["properties"]
    text = properties.pop(PERSONAL)
    for content in personal:
        media = {"contentMediaType": "application/json", "contentSchema": content}
        properties[PERSONAL] = {**text, **media, PERSONAL_MARK: True, "description": PERSONAL_TEXT}
    subject = f"(?:{contract.subject_pattern})"
    properties |= {
        "id": {"type": "string", "pattern": f"^{contract.producer}/{subject}/{NUMBER_PATTERN}$"},
        "source": {"type": "string", "const": contract.producer},
        "type": {"type": "string", "const": contract.__name__},
        "dataschema": {"type": "string", "const": contract.schema()},
        "subject": {"type": "string", "pattern": f"^{subject}$"},
        "time": {**properties["time"], "format": "date-time"},
    }
    # The struct has a default for it, but the decoder requires it, as CloudEvents 1.0 does.
    schema["required"] = ["specversion", *schema["required"]]
    return {
        "$schema": DIALECT,
        "$id": contract.schema(),
        **schema,
        "title": contract.__name__,
        "description": f"{inspect.getdoc(contract)}\n\n{schema['description']}\n\n{BEYOND}",
        "$defs": {name: portable(definitions[name]) for name in sorted(definitions)},
    }


def portable(schema: Any) -> Any:
    r"""Return a schema without what is specific to Python.

    JSON Schema has no escape `\Z`; its `$` matches the end of the text only. Some versions of Python indent the
    lines of docstrings, which become descriptions, and others do not.
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


def describe_type(schema: Json) -> str:
    """Return a schema's type in a few words: `string`, `Ticket[]`, `"open" or "closed"`."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(DEFINITIONS)
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(describe_type(option) for option in schema["anyOf"])
    if schema.get("type") == "array":
        return f"{describe_type(schema.get('items', {}))}[]"
    return str(schema.get("title") or schema.get("type", "anything"))
