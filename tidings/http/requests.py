"""Requests and replies, as an API's methods receive and return them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import msgspec

from tidings.core.entity import MessageMetadata
from tidings.http.problems import Problem


@dataclass(frozen=True)
class Caller:
    """The authenticated caller.

    Attributes:
        id: The token's subject.
        operator: Whether the caller is in the group `operators`.
    """

    id: str
    operator: bool


@dataclass(frozen=True)
class Request:
    """An HTTP request.

    Attributes:
        path: The path's parameters.
        query: The query's parameters.
        headers: The headers, by name in lower case.
        correlation_id: The request's own id.
        traceparent: The W3C trace context.
        caller: The caller; None on open routes.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    correlation_id: str
    traceparent: str
    caller: Caller | None = None

    def require_caller(self) -> Caller:
        """Return the caller.

        Raises:
            Problem: 401 if the API let a request without a token through.
        """
        if self.caller is None:
            raise Problem(401, "No token", "Sign in, and send the ID token as a bearer token.")
        return self.caller

    def path_parameter(self, name: str, form: Any) -> str:
        """Return a parameter of the path.

        Args:
            name: The parameter's name.
            form: The text's form, as an annotated `str` whose `Meta` has a `description`.

        Raises:
            Problem: 422 if the text does not have this form.
        """
        try:
            text: str = msgspec.convert(self.path[name], form)
        except msgspec.ValidationError as error:
            meta = next(each for each in get_args(form) if isinstance(each, msgspec.Meta))
            raise Problem(422, f"Not a valid {name}", f"{meta.description}.", field=name) from error
        return text

    def metadata(self, now: int) -> MessageMetadata:
        """Return the metadata of the command in this request, given the time in milliseconds since 1970."""
        return MessageMetadata(self.correlation_id, self.traceparent, now)


@dataclass(frozen=True)
class Reply:
    """An answer with headers, or with another status than its route's.

    Attributes:
        body: The struct to encode as JSON.
        headers: Headers of the answer.
        status: The HTTP status; None means the route's.
    """

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
