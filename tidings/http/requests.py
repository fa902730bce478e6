"""Requests and replies, as an API's methods receive and return them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidings.core.entity import MessageMetadata
from tidings.http.problems import NO_TOKEN, Problem


@dataclass(frozen=True)
class Caller:
    """The authenticated caller.

    Attributes:
        id: The token's subject.
        email: The token's e-mail address, if the token says that it is verified; else empty.
    """

    id: str
    email: str = ""


@dataclass(frozen=True)
class Request:
    """An HTTP request. It has those parameters that its route declares, and they are valid.

    Attributes:
        path: The path's parameters.
        query: The query's parameters, each as a value of its declared type.
        headers: The headers, by name as declared.
        correlation_id: The request's own id.
        traceparent: The W3C trace context.
        caller: The caller; None on open routes.
    """

    path: Mapping[str, str]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    correlation_id: str
    traceparent: str
    caller: Caller | None = None

    def require_caller(self) -> Caller:
        """Return the caller.

        Raises:
            Problem: 401 if the request has no ID token.
        """
        if self.caller is None:
            raise Problem(NO_TOKEN, "Sign in, and send the ID token as a bearer token.")
        return self.caller

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
