"""Random events: valid ones by a schema, and mutated ones."""

import copy
import random
from typing import Any

from infra.published_language.schemas import DEFINITIONS, Json
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
    *("b7ad6b71-6920-4333-9c31-8448eb211c80", "B7AD6B71-6920-4333-9C31-8448EB211C80", "#b7ad6b71"),
)
NUMBERS = (-1, 0, 1, 2, 50, 999, 1000, 1001, 10**12, 10**12 + 1, 2**64)
# Without 1.0: JSON Schema accepts it as an integer, the decoder does not, and no encoder of integers writes it.
JUNK: tuple[Any, ...] = (None, True, False, 1.5, [], {}, [None], {"amount": 1}, *NUMBERS, *TEXTS)

UNCHECKED = {"type", "dataschema", "specversion"}
"""Members that the decoder of an event's bytes does not check, and the schema does."""


def valid(rng: random.Random, schema: Json, document: Json) -> Any:
    """Return a random value that is valid by a schema of the document."""
    if "$ref" in schema:
        return valid(rng, document["$defs"][schema["$ref"].removeprefix(DEFINITIONS)], document)
    if schema.get("type") == "object":
        return {
            name: valid(rng, field, document)
            for name, field in schema["properties"].items()
            if name in schema.get("required", ()) or rng.random() < 0.5
        }
    if schema.get("type") == "array":
        length = rng.choice((schema.get("minItems", 0), 1, 2, schema.get("maxItems", 3)))
        return [valid(rng, schema["items"], document) for _ in range(length)]
    part = Schema({**schema, "$defs": {}})
    candidates = [schema["const"]] if "const" in schema else schema.get("enum", TEXTS + NUMBERS)
    return rng.choice([value for value in candidates if part.accepts(value)])


def mutated(rng: random.Random, event: Any) -> Any:
    """Return the event with one random change, which may or may not make it invalid."""
    event = copy.deepcopy(event)
    places = list(_places(event))
    holder, key = rng.choice([place for place in places if place[0] is not event or place[1] not in UNCHECKED])
    match rng.choice(("replace", "remove", "add", "repeat")):
        case "replace":
            holder[key] = rng.choice(JUNK)
        case "remove":
            del holder[key]
        case "add" if isinstance(holder, dict):
            holder[f"{key}_too"] = rng.choice(JUNK)
        case _:
            holder[key] = [holder[key]] * rng.choice((2, 20, 21, 50, 51))
    return event


def _places(value: Any) -> Any:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
