"""Routes, declared beside the methods that answer them. The API's gateway and document are derived from them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from tidings.http.problems import BUSY, FAILED, INVALID, NO_TOKEN, NOT_JSON, NOT_JSON_TYPE, TOO_LARGE, Rule

Method = Literal["GET", "PUT", "POST"]
Operation = TypeVar("Operation", bound=Callable[..., Any])

OPERATORS = "/operators/"
"""The beginning of the paths of everything that operators do. A route of an HTTP API has one authorizer, and an
authorizer has one issuer, so operators, who have their own user pool, have their own routes."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation of the API.

    Attributes:
        method: The HTTP method.
        template: The path, with its parameters in braces.
        status: The status of success.
        answer: The struct of the response's JSON.
        path: The types of the path's parameters; see `tidings.http.parameters`.
        query: The types of the query's parameters.
        headers: The types of the request's headers.
        body: The struct of the request's JSON, if it has a body.
        open: Whether the route needs no token.
        replies: The response's headers, each with a description.
        rules: The rules by which the method refuses a valid request.
        summary: The first line of the method's docstring.
        name: The method's name.
    """

    method: Method
    template: str
    status: int
    answer: Any
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    open: bool = False
    replies: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    summary: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        names = re.findall(r"{(\w+)}", self.template)
        if names != list(self.path):
            raise TypeError(f"{self.key} declares other parameters of the path than {names}")
        if self.open and self.operators:
            raise TypeError(f"{self.key} is a route of operators, so it cannot be open")

    @property
    def key(self) -> str:
        """The route key of an HTTP API: `POST /tickets`."""
        return f"{self.method} {self.template}"

    @property
    def operators(self) -> bool:
        """True if the route needs a token of the operators' pool, instead of one of the users' pool."""
        return self.template.startswith(OPERATORS)

    @property
    def refusals(self) -> tuple[Rule, ...]:
        """All rules by which a request is refused: of the caller, the request's form, the method, and failures."""
        caller = () if self.open else (NO_TOKEN,)
        form = (NOT_JSON_TYPE, TOO_LARGE, NOT_JSON) if self.body else ()
        valid = (INVALID,) if self.body or self.path or self.query or self.headers else ()
        return (*caller, *form, *valid, *self.rules, FAILED, BUSY)


def route(
    method: Method, template: str, answer: Any, *, status: int = 200, **options: Any
) -> Callable[[Operation], Operation]:
    """Declare a method of an `Api` class as the answer to an operation.

    Args:
        method: The HTTP method.
        template: The path, with its parameters in braces.
        answer: The struct of the response's JSON.
        status: The status of success.
        options: Further attributes of the `Route`.
    """

    def mark(operation: Operation) -> Operation:
        summary = (operation.__doc__ or "").partition("\n")[0]
        declared = Route(
            method=method,
            template=template,
            answer=answer,
            status=status,
            summary=summary,
            name=operation.__name__,
            **options,
        )
        operation.route = declared  # type: ignore[attr-defined]  # a function's attributes have no declared types
        return operation

    return mark


def routes_of(api: type) -> tuple[Route, ...]:
    """Return the routes that a class declares, sorted like its methods."""
    return tuple(member.route for member in vars(api).values() if hasattr(member, "route"))
