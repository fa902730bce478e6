"""What a service serves over HTTP, said beside the method that answers it and read by the API and its document."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from tidings.contracts import Sku

Method = Literal["GET", "PUT", "POST"]
Handler = TypeVar("Handler", bound=Callable[..., Any])

OPERATORS = "operators"
"""The group whose members may do what customers may not."""

_ORDER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation of the API.

    `path` has its parameters in braces, as the HTTP API writes them. `status` is that of success, `body` and
    `answer` are the structs of the request's and the response's JSON. `open` needs no token; `operators` lets
    nobody else in. `query` and `headers` name what else is read, with a sentence for each; `replies` are the
    headers of the answer. `problems` are the statuses of its refusals, beside those that every route has.
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
        """The HTTP API's route key: `POST /orders`."""
        return f"{self.method} {self.path}"


def route(method: Method, path: str, answer: Any, *, status: int = 200, **options: Any) -> Callable[[Handler], Handler]:
    """Marks a method of an `Api` class as the answer to an operation; its docstring's first line sums it up."""

    def mark(handler: Handler) -> Handler:
        summary = (handler.__doc__ or "").partition("\n")[0]
        declared = Route(
            method=method,
            path=path,
            answer=answer,
            status=status,
            summary=summary,
            name=handler.__name__,
            **options,
        )
        handler.route = declared  # type: ignore[attr-defined]  # a function's attributes have no declared types
        return handler

    return mark


def routes_of(api: type) -> tuple[Route, ...]:
    """The routes that a class declares, in the order of its methods."""
    return tuple(member.route for member in vars(api).values() if hasattr(member, "route"))


@dataclass(frozen=True)
class Caller:
    """Who asks: the token's subject, and whether it is of the group `operators`."""

    id: str
    operator: bool


@dataclass(frozen=True)
class Request:
    """What an operation needs to know of the HTTP request; header names are in lower case.

    `correlation` is the request's own id, `traceparent` its W3C trace context. `caller` is None on open routes.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    correlation: str
    traceparent: str
    caller: Caller | None = None

    def require_caller(self) -> Caller:
        """Who asks; Problem where nobody signed in, should the API ever let such a request through."""
        if self.caller is None:
            raise Problem(401, "No token", "Sign in, and send the ID token as a bearer token.")
        return self.caller


@dataclass(frozen=True)
class Reply:
    """An answer with more than a body: headers, or another status than the route's own."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """A refusal, answered as problem+json (RFC 9457): `detail` says what to do, `field` what was wrong."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field
        self.headers = headers or {}


def is_order_id(text: str) -> bool:
    """Whether a text from a path can be an order's id: a UUID as orders writes it."""
    return _ORDER_ID.fullmatch(text) is not None


def require_sku(text: str) -> str:
    """A SKU from a path; Problem where it cannot be one."""
    try:
        return msgspec.convert(text, Sku)
    except msgspec.ValidationError as error:
        detail = "A SKU is 1 to 64 letters, digits, `.`, `_` or `-`, and begins with a letter or digit."
        raise Problem(422, "Not a SKU", detail, field="sku") from error
