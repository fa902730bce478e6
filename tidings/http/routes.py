"""Routes, declared beside the methods that answer them. The API's gateway and document are derived from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

Method = Literal["GET", "PUT", "POST"]
Operation = TypeVar("Operation", bound=Callable[..., Any])

OPERATORS = "operators"
"""The group whose members may use operators' routes."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation of the API.

    Attributes:
        method: The HTTP method.
        path: The path, with its parameters in braces.
        status: The status of success.
        answer: The struct of the response's JSON.
        body: The struct of the request's JSON, if it has a body.
        open: Whether the route needs no token.
        operators: Whether only operators may use it.
        query: The query's parameters, each with a description.
        headers: The request's headers, each with a description.
        replies: The response's headers, each with a description.
        problems: The statuses of its refusals, besides those of every route.
        summary: The first line of the method's docstring.
        name: The method's name.
    """

    method: Method
    path: str
    status: int
    answer: Any
    body: Any = None
    open: bool = False
    operators: bool = False
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    replies: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    summary: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """The route key of an HTTP API: `POST /tickets`."""
        return f"{self.method} {self.path}"


def route(
    method: Method, path: str, answer: Any, *, status: int = 200, **options: Any
) -> Callable[[Operation], Operation]:
    """Declare a method of an `Api` class as the answer to an operation.

    Args:
        method: The HTTP method.
        path: The path, with its parameters in braces.
        answer: The struct of the response's JSON.
        status: The status of success.
        options: Further attributes of the `Route`.
    """

    def mark(operation: Operation) -> Operation:
        summary = (operation.__doc__ or "").partition("\n")[0]
        declared = Route(
            method=method,
            path=path,
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
