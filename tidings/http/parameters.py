"""Parameters: the parts of a request's path, query and headers that a route declares, each with its type.

A type is an annotated `str` or `int` whose `Meta` has a description; with `| None` the parameter is optional.
The server refuses a text that is not valid by it, and the OpenAPI document contains its schema.
"""

import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args

import msgspec
from msgspec import Meta

from tidings.http.problems import INVALID, Problem

_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z")
"""The one way to write an integer."""


class Parameter(msgspec.Struct, frozen=True):
    """A declared parameter.

    Attributes:
        name: The name, as the API's document spells it.
        form: The annotated type of the value.
        required: Whether a request without it is refused.
        description: What its texts look like, as a sentence.
    """

    name: str
    form: Any
    required: bool
    description: str

    def read(self, text: str) -> Any:
        """Return the value that a text stands for. Each value has exactly one text.

        Raises:
            Problem: 422 if the text is not valid.
        """
        is_number = get_args(self.form)[0] is int
        try:
            if is_number and not _INTEGER.match(text):
                raise ValueError(text)
            return msgspec.convert(int(text) if is_number else text, self.form)
        except ValueError as error:
            raise Problem(INVALID, self.description, field=self.name) from error


def parameters(declared: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Return declared parameters, given their types by name."""
    return tuple(_parameter(name, form) for name, form in declared.items())


def _parameter(name: str, form: Any) -> Parameter:
    options = [option for option in get_args(form) if option is not NoneType]
    required = NoneType not in get_args(form)
    if not required:
        (form,) = options
    meta = next(each for each in get_args(form) if isinstance(each, Meta))
    return Parameter(name, form, required, f"{(meta.description or '').rstrip('.')}.")


def read_all(declared: tuple[Parameter, ...], texts: Mapping[str, str], problems: list[Problem]) -> dict[str, Any]:
    """Return the values of all declared parameters that a request has, by name.

    Args:
        declared: The declared parameters.
        texts: The request's texts by name.
        problems: A list, to which a problem is added for each invalid text and each missing required parameter.
    """
    values = {}
    for parameter in declared:
        text = texts.get(parameter.name)
        if text is not None:
            try:
                values[parameter.name] = parameter.read(text)
            except Problem as problem:
                problems.append(problem)
        elif parameter.required:
            detail = f"`{parameter.name}` is missing. {parameter.description}"
            problems.append(Problem(INVALID, detail, field=parameter.name))
    return values
