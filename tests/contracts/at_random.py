"""Data at random: such as a schema describes, and such as it does not."""

import copy
import random
from typing import Any

from infra.contracts.schemas import DEFINED_IN, Json
from tests.contracts.validation import Schema

TEXTS = (
    *("", " ", "a", "A", "BE", "be", "BE\n", "EUR", "EURO", "EUR\n", "tea-assam", "-tea", "tea assam", "tea.", "tea\n"),
    *(
        "customer@example.com",
        "customer@example",
        "a@b@c.d",
        "customer@example.com\n",
        "a b@c.d",
        "1.0",
        "application/json",
    ),
    *("9000", "9000 AB", "-9000", "1 Mill Lane", "Łódź, Zażółć 1", "two\nlines", "tab\there", "\x00", "\x7f"),
    *("x" * 16, "x" * 17, "é" * 64, "é" * 65, "x" * 100, "x" * 101, "x" * 128, "x" * 129, "x" * 256, "x" * 257),
    *("2026-01-31T12:00:00.000Z", "orders", "orders/1/1", "customer", "receipt", "refund"),
)
NUMBERS = (-1, 0, 1, 2, 50, 999, 1000, 1001, 10**12, 10**12 + 1, 2**64)
# Not 1.0: JSON Schema takes it for an integer, our decoder does not, and no encoder of integers writes it.
JUNK: tuple[Any, ...] = (None, True, False, 1.5, [], {}, [None], {"amount": 1}, *NUMBERS, *TEXTS)

UNCHECKED = {"type", "dataschema", "specversion"}
"""What the decoder of an event's bytes leaves to others, and the schema does not."""


def described(chance: random.Random, schema: Json, document: Json) -> Any:
    """A value that a schema of the document describes."""
    if "$ref" in schema:
        return described(chance, document["$defs"][schema["$ref"].removeprefix(DEFINED_IN)], document)
    if schema.get("type") == "object":
        return {
            name: described(chance, field, document)
            for name, field in schema["properties"].items()
            if name in schema.get("required", ()) or chance.random() < 0.5
        }
    if schema.get("type") == "array":
        length = chance.choice((schema.get("minItems", 0), 1, 2, schema.get("maxItems", 3)))
        return [described(chance, schema["items"], document) for _ in range(length)]
    part = Schema({**schema, "$defs": {}})
    candidates = [schema["const"]] if "const" in schema else schema.get("enum", TEXTS + NUMBERS)
    return chance.choice([value for value in candidates if part.accepts(value)])


def spoiled(chance: random.Random, event: Any) -> Any:
    """The event with one thing changed, which may or may not matter."""
    event = copy.deepcopy(event)
    places = list(_places(event))
    holder, key = chance.choice([place for place in places if place[0] is not event or place[1] not in UNCHECKED])
    match chance.choice(("replace", "remove", "add", "repeat")):
        case "replace":
            holder[key] = chance.choice(JUNK)
        case "remove":
            del holder[key]
        case "add" if isinstance(holder, dict):
            holder[f"{key}_too"] = chance.choice(JUNK)
        case _:
            holder[key] = [holder[key]] * chance.choice((2, 20, 21, 50, 51))
    return event


def _places(value: Any) -> Any:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
