"""Validation by JSON Schema, with the standard's meaning of a pattern's `$`."""

import re
from collections.abc import Iterator
from typing import Any

from jsonschema import (  # type: ignore[import-untyped]  # it has no types, and their stubs are not in the lock
    Draft7Validator,
    Draft202012Validator,
    ValidationError,
    validators,
)

from infra.published_language.schemas import Json
from tidings.core.strict_json import StrictJsonError, decode_strict


def python_pattern(pattern: str) -> str:
    """Return a schema's pattern with the standard's meaning of its last `$`.

    Python's `$` also matches before a last line break. That of JSON Schema's regular expressions (ECMA-262) does not.
    """
    return re.sub(r"\$\Z", r"\\Z", pattern)


def _pattern(_validator: object, pattern: str, instance: object, _schema: Json) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not re.search(python_pattern(pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator = validators.extend(Draft202012Validator, {"pattern": _pattern})


class Schema:
    """A schema by which values are validated."""

    def __init__(self, schema: Json) -> None:
        self._validator = _Validator(schema)

    def accepts(self, value: Any) -> bool:
        return bool(self._validator.is_valid(value))

    def complaints(self, value: Any) -> list[str]:
        return [f"{error.json_path}: {error.message}" for error in self._validator.iter_errors(value)]

    def accepts_with_content(self, value: Any) -> bool:
        """Return whether the schema accepts an event, and the schema of its personal data the text of that.

        By the standard `contentSchema` is an annotation: a validator does not read the text.
        """
        if not self.accepts(value):
            return False
        content = self._validator.schema["properties"].get("personal", {}).get("contentSchema")
        if content is None or "personal" not in value:
            return True
        try:
            return self.part(content).accepts(decode_strict(value["personal"]))
        except StrictJsonError:
            return False

    def part(self, schema: Json) -> "Schema":
        """Return a part of the schema, with the definitions of the whole."""
        return Schema({**schema, "$defs": self._validator.schema["$defs"]})


def check_schema(schema: Json) -> None:
    """Fail if this is not a schema of the dialect that it names."""
    Draft202012Validator.check_schema(schema)


def check_draft_7_schema(schema: Json) -> None:
    """Fail if this is not a schema of the older dialect."""
    Draft7Validator.check_schema(schema)


def draft_7_complaints(schema: Json, value: Any) -> list[str]:
    """Return the errors of a value by a draft-07 schema."""
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(value)]
