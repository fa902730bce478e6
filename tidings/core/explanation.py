"""An explanation of a decoder's error: which field is wrong, and how."""

import re

_AT_PATH = r"(?P<message>.*) - at (?:`key` in )?`\$\.?(?P<path>[^`]*)`"
_NAMED_FIELD = r"Object (?:contains unknown|missing required) field `(?P<name>.*)`"


def explain(error: str, schema: str) -> tuple[str, str]:
    """Return the field, such as `lines[0].quantity`, and the fault in words.

    Args:
        error: The text of a `msgspec.ValidationError`.
        schema: What describes the fields. It is named instead of a pattern, which helps few readers.

    Returns:
        The field, empty if the whole value is wrong, and the fault without a full stop.
    """
    at_path = re.fullmatch(_AT_PATH, error, re.DOTALL)
    message, path = (at_path["message"], at_path["path"]) if at_path else (error, "")
    if " matching regex " in message:
        message = f"This text does not have the form that {schema} describes"
    if named := re.fullmatch(_NAMED_FIELD, message, re.DOTALL):
        path = f"{path}.{named['name']}".lstrip(".")
    return path, message


def explained(error: Exception) -> str:
    """Return an error's text for logs. It contains no value, and names the field first, in case it is cut off."""
    field, message = explain(str(error), "the schema")
    # The decoder's only message with the value (msgspec, "Invalid enum value 'x'").
    message = re.sub(r"\A(Invalid enum value) .*", r"\1", message, flags=re.DOTALL)
    return f"{field}: {message}" if field else message
