"""A JSON decoder that refuses what parsers read differently, so that a text has one meaning for everybody."""

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

MAX_DEPTH = 64
"""Maximum number of objects and arrays within each other. Every reader of an accepted text can decode it again."""
MAX_DIGITS = len(str(int(sys.float_info.max)))
"""The number of digits of the largest float."""

TOO_DEEP = f"the JSON is nested more than {MAX_DEPTH} deep"


class StrictJsonError(ValueError):
    """A text that is not JSON, or that another parser may read differently. Its message is one sentence."""


def decode_strict(text: str) -> Any:
    """Decode a JSON text to builtins.

    A number without a fractional part becomes an int, however it is written: JSON Schema counts `2.0` as an integer.

    Raises:
        StrictJsonError: If the text is not JSON, repeats a name within an object, contains a number that a float
            cannot represent or a lone surrogate, or is nested more than `MAX_DEPTH` deep.
    """
    try:
        value = _decoder.decode(text)
        if text.count("[") + text.count("{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
            raise StrictJsonError(TOO_DEEP)
        if not text.isascii():
            text.encode()
        if "\\ud" in text or "\\uD" in text:
            # Only what the escapes mean tells a pair of surrogates from a lone one.
            json.dumps(value, ensure_ascii=False).encode()
    except StrictJsonError:
        raise
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"the text is not JSON at character {error.pos}: {error.msg}") from error
    except UnicodeEncodeError as error:
        raise StrictJsonError("the text contains a lone surrogate, which is no character") from error
    except RecursionError as error:
        raise StrictJsonError(TOO_DEEP) from error
    return value


def _is_deeper(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [child for each in level for child in _children(each)]
    return any(isinstance(each, dict | list) for each in level)


def _children(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        ((repeated, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise StrictJsonError(f"the name {repeated[:64]!r} appears twice in one object")
    return made


def _number(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        raise StrictJsonError(f"the number {text[:32]} is too large")
    return int(number) if number.is_integer() else number


def _integer(text: str) -> int:
    if len(text) >= MAX_DIGITS and math.isinf(float(text)):
        raise StrictJsonError(f"the number {text[:32]} is too large")
    return int(text)


def _constant(text: str) -> None:
    raise StrictJsonError(f"{text} is not a JSON number")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_integer, parse_constant=_constant
)
