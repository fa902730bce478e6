"""Hypothesis strategies of JSON values: valid ones by a schema, and changed ones."""

import copy
import json
import operator
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

from infra.published_language.schemas import DEFINITIONS, Json
from tests.contracts.validation import python_pattern

Strategy = st.SearchStrategy[Any]

CHARACTERS = st.characters(codec="utf-8")
NAMES = st.text(CHARACTERS, min_size=1, max_size=8)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(CHARACTERS)
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)

TEXT_CHANGES: tuple[Callable[[str], Any], ...] = (
    *(lambda text: text + "\n", lambda text: "\n" + text, lambda text: text + " ", lambda text: "\t" + text),
    *(str.upper, str.lower, str.title, lambda text: text[1:], lambda text: text + text, lambda text: text * 40),
    lambda text: text.translate({ord("0") + n: 0x660 + n for n in range(10)}),  # other digits that Python's \d accepts
    lambda text: text.replace("-", "\u2010"),
    lambda text: text.replace("a", "\u0430"),  # another letter that looks alike
    lambda text: text.replace("Z", "+02:00"),
    lambda text: text.replace("T", " ").replace(".", ","),
    lambda text: text.replace("-01-", "-02-30-"),
    lambda text: text.replace("/", "//"),
    lambda text: "#" + text,
)
TEXTS = (
    *(
        "",
        " ",
        "\n",
        "\u00a0",
        "\u200b",
        "\ufeff",
        "\u2028",
        "\x00",
        "\x7f",
        "\x85",
        "\ufffe",
        "\uffff",
        "\U0001f375",
        "a",
    ),
    *("1.0", "application/json", "EUR", "eur", "BE", "orders", "payment", "OrderPlaced", "urn:tidings:OrderPlaced:1"),
    *("2026-01-31T12:00:00.000Z", "2026-01-31T14:00:00.000+02:00", "2026-01-31T12:00:00Z", "2026-01-31 12:00:00.000Z"),
    *("2026-02-29T12:00:00.000Z", "2024-02-29T12:00:00.000Z", "1969-12-31T23:59:59.999Z", "2026-12-31T23:59:60.000Z"),
    *(
        "a@b.example",
        "a@b",
        "a@b@c.example",
        "a b@c.example",
        "a,b@c.example",
        "a@b.example\n",
        "#stock",
        "stock#probe",
    ),
    *("x" * size for size in (16, 17, 64, 65, 100, 101, 128, 129, 200, 201, 254, 255, 256, 257)),
    *("\u00e9" * size for size in (64, 65, 100, 101, 256, 257)),
    *("\U0001f375" * size for size in (100, 101, 256, 257)),
)
NUMBERS = (
    0,
    -1,
    1,
    2.0,
    1.5,
    -0.0,
    1e2,
    1000,
    1001,
    10**9,
    10**9 + 1,
    10**12,
    10**12 + 1,
    2**63,
    2**64,
    1e300,
    10**300,
)


def valid(schema: Json, document: Json) -> Strategy:
    """Return the strategy of the values that a part of a document's schema accepts."""
    if "$ref" in schema:
        return valid(document["$defs"][schema["$ref"].removeprefix(DEFINITIONS)], document)
    if "const" in schema or "enum" in schema or schema.get("type") == "null":
        return st.sampled_from(schema.get("enum") or [schema.get("const")])
    if "anyOf" in schema:
        return st.one_of([valid(each, document) for each in schema["anyOf"]])
    match schema["type"]:
        case "object":
            return _objects(schema, document)
        case "array":
            least, most = schema.get("minItems", 0), schema.get("maxItems", 60)
            item = valid(schema["items"], document)
            # Many different items would take too long.
            return st.lists(item, min_size=least, max_size=least + 2) | item.map(lambda each: [each] * most)
        case "string":
            return _texts(schema, document)
        case "integer":
            numbers = st.integers(schema.get("minimum"), schema.get("maximum"))
            return numbers | numbers.filter(lambda number: number == float(number)).map(float)
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**64), 2**64)
        case "boolean":
            return st.booleans()
    raise NotImplementedError(f"no strategy for {schema}")


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """Return the value with one change somewhere, which may or may not make it invalid."""
    value = copy.deepcopy(value)
    holder, key = draw(st.sampled_from(list(_places(value))))
    match draw(st.sampled_from(("change", "replace", "remove", "add", "repeat"))), holder[key]:
        case "change", str() as text:
            holder[key] = draw(st.sampled_from(TEXT_CHANGES))(text)
        case "change", int() | float() as number:
            holder[key] = draw(st.sampled_from((number + 1, number - 1, float(number), number + 0.5, str(number))))
        case "remove", _:
            del holder[key]
        case "add", dict() as members:
            members[draw(NAMES)] = draw(ANYTHING)
        case "repeat", item:
            holder[key] = [item] * draw(st.sampled_from((1, 2, 20, 21, 48, 49)))
        case _:
            holder[key] = draw(st.sampled_from((*TEXTS, *NUMBERS)) | ANYTHING)
    return value


def _objects(schema: Json, document: Json) -> Strategy:
    known = {name: valid(field, document) for name, field in schema["properties"].items()}
    required = {name: field for name, field in known.items() if name in schema.get("required", ())}
    optional = {name: field for name, field in known.items() if name not in required}
    others = 0 if schema.get("additionalProperties") is False else 1
    unknown = st.dictionaries(NAMES.filter(lambda name: name not in known), ANYTHING, max_size=others)
    return st.builds(operator.or_, unknown, st.fixed_dictionaries(required, optional=optional))


def _texts(schema: Json, document: Json) -> Strategy:
    if "contentSchema" in schema:
        return valid(schema["contentSchema"], document).map(json.dumps)
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if "pattern" not in schema:
        return st.text(CHARACTERS, min_size=least, max_size=most)
    matching = st.from_regex(python_pattern(schema["pattern"]), alphabet=CHARACTERS)
    return matching.filter(lambda text: least <= len(text) <= (most or len(text)))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
