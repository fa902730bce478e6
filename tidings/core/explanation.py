"""Explanations of a value that a type refuses: which fields are wrong, and how."""

import re
from collections.abc import Iterator
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, UnsetType

MAX_FAULTS = 50
"""Maximum number of faults that are explained. A value from outside may have thousands."""

_AT_PATH = r"(?P<message>.*) - at (?:`key` in )?`\$\.?(?P<path>[^`]*)`"
_MISSING = r"Object missing required field `(?P<name>.*)`"
_UNKNOWN = r"Object contains unknown field `(?P<name>.*)`"

_MATCHING = " matching regex "

_MISSING_FIELD = "This field is missing"
_UNKNOWN_FIELD = "There is no such field"

_KINDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "null",
    "object": "an object",
    "str": "a text",
}
"""JSON's kinds of values by the names that msgspec has for them, which are those of Python's types."""

NOT_THE_FORM = "This text does not have the form that {} describes"
"""The fault of a text that does not match its pattern, if its type has no description. The braces are the place of what
describes the form."""

_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


def explain(error: str, schema: str) -> tuple[str, str]:
    """Return the field, such as `lines[0].quantity`, and the fault in words.

    Args:
        error: The text of a `msgspec.ValidationError`.
        schema: What describes the fields. It is named instead of a pattern, which helps few readers.

    Returns:
        The field, empty if the whole value is wrong, and the fault without a full stop. The fault repeats nothing of
        the value, and names no type of Python.
    """
    at_path = re.fullmatch(_AT_PATH, error, re.DOTALL)
    message, path = (at_path["message"], at_path["path"]) if at_path else (error, "")
    for pattern, fault in ((_MISSING, _MISSING_FIELD), (_UNKNOWN, _UNKNOWN_FIELD)):
        if named := re.fullmatch(pattern, message, re.DOTALL):
            return _joined(path, named["name"]), fault
    return path, _in_words(message, schema)


def explain_all(value: Any, form: Any, schema: str) -> list[tuple[str, str]]:
    """Return the faults of a value, as `explain` returns one: an empty list if it is valid.

    A text that does not match the pattern of its type is explained by the type's description, which people can read.

    Args:
        value: A value of JSON, in lists and dictionaries.
        form: The type.
        schema: What describes the fields.
    """
    return list(islice(_faults("", value, form, schema), MAX_FAULTS))


def explained(error: Exception) -> str:
    """Return an error's text for logs. It contains no value, and names the field first, in case it is cut off."""
    field, message = explain(str(error), "the schema")
    return f"{field}: {message}" if field else message


def _in_words(message: str, schema: str) -> str:
    if _MATCHING in message:
        return NOT_THE_FORM.format(schema)
    if message.startswith("Invalid enum value"):
        return "This is none of the allowed values"
    if found := re.fullmatch(r"Expected `(.+)`, got `(.+)`", message):
        got = "a number with a fraction" if found[2] == "float" else _kind(found[2])
        return f"This must be {_kind(found[1])}, not {got}"
    if found := re.fullmatch(r"Expected `(\w+)` of length (>=|<=) (\d+)", message):
        unit = "character" if found[1] == "str" else "item"
        return f"This must have {_BOUNDS[found[2]]} {found[3]} {unit}{'' if found[3] == '1' else 's'}"
    if found := re.fullmatch(r"Expected `(?:int|float)` (>=|<=|>|<) (\S+)", message):
        return f"This number must be {_BOUNDS[found[1]]} {found[2]}"
    return message


def _kind(names: str) -> str:
    return " or ".join(_KINDS.get(name, name) for name in names.split(" | "))


def _faults(path: str, value: Any, form: Any, schema: str) -> Iterator[tuple[str, str]]:
    """Iterate over the faults of a value's parts; yield that of the whole value if no part has one."""
    try:
        msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        form = _present(form)
        bare, *constraints = get_args(form) if get_origin(form) is Annotated else (form,)
        if isinstance(value, dict) and isinstance(bare, type) and issubclass(bare, Struct):
            parts = _faults_of_fields(path, value, bare, schema)
        elif isinstance(value, list) and get_origin(bare) is tuple and get_args(bare)[1:] == (...,):
            parts = _faults_of_items(path, value, get_args(bare)[0], constraints, schema)
        else:
            parts = iter(())
        found = False
        for fault in parts:
            found = True
            yield fault
        if not found:
            field, message = explain(str(error), schema)
            described = _description(constraints) if _MATCHING in str(error) else ""
            yield _joined(path, field), described or message


def _description(constraints: list[Any]) -> str:
    """Return what the texts of a type look like, without a full stop; empty if the type does not say it."""
    described = (each.description for each in constraints if isinstance(each, Meta) and each.description)
    return next(described, "").rstrip(".")


def _present(form: Any) -> Any:
    """Return the type of an optional value if it is there: `Tea` for `Tea | None` and `Tea | UnsetType`."""
    if get_origin(form) not in (Union, UnionType):
        return form
    options = [option for option in get_args(form) if option not in (NoneType, UnsetType)]
    return options[0] if len(options) == 1 else form


def _faults_of_fields(path: str, value: dict[str, Any], form: type[Struct], schema: str) -> Iterator[tuple[str, str]]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(form)}
    for name, field in fields.items():
        if name in value:
            yield from _faults(_joined(path, name), value[name], field.type, schema)
        elif field.required:
            yield _joined(path, name), _MISSING_FIELD
    if form.__struct_config__.forbid_unknown_fields:
        yield from ((_joined(path, name), _UNKNOWN_FIELD) for name in value if name not in fields)


def _faults_of_items(
    path: str, value: list[Any], form: Any, constraints: list[Any], schema: str
) -> Iterator[tuple[str, str]]:
    if constraints:
        yield from _faults(path, value, Annotated[list[Any], *constraints], schema)
    for n, item in enumerate(value):
        yield from _faults(f"{path}[{n}]", item, form, schema)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name and not name.startswith("[") else f"{path}{name}"
