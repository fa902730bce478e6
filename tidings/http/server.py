"""The server: answers an HTTP API's requests with the methods of an `Api` object."""

import base64
import re
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tidings.core.errors import RetryableError, described
from tidings.core.explanation import explain
from tidings.core.strict_json import decode_strict
from tidings.http.parameters import Parameter, parameters, read_all
from tidings.http.problems import (
    BUSY,
    FAILED,
    INVALID,
    NO_SUCH_PATH,
    NOT_JSON,
    NOT_JSON_TYPE,
    OPERATORS_ONLY,
    TOO_LARGE,
    Problem,
)
from tidings.http.requests import Caller, Reply, Request
from tidings.http.routes import OPERATORS, Route, routes_of
from tidings.observability.log import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MAX_BODY_BYTES = 64 * 1024

Answer = dict[str, Any]
"""An answer in the form of an HTTP API (payload format 2.0)."""

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def serve(
    api: object, is_throttled: Callable[[BaseException], bool]
) -> Callable[[Mapping[str, Any], "LambdaContext"], Answer]:
    """Return the Lambda handler of all routes that an object's class declares.

    Args:
        api: The object.
        is_throttled: Whether an error asks to slow down. Such a request is answered with 503.

    Example:
        ```python
        handler = serve(Api(lambdas.executor(service)), is_throttled)
        ```
    """
    operations = {route.key: _Operation(route, getattr(api, route.name)) for route in routes_of(type(api))}

    def handler(event: Mapping[str, Any], _context: "LambdaContext") -> Answer:
        logger.append_keys(correlation_id=event["requestContext"]["requestId"])
        try:
            # The gateway chose the route and cut the parameters out of the path. Nothing is matched a second time.
            return operations[event["routeKey"]](event)
        except Problem as problem:
            return _refuse(problem)
        except Exception as error:  # noqa: BLE001 - every request is answered
            return _fail(error, busy=isinstance(error, RetryableError) or is_throttled(error))

    return handler


class _Operation:
    """A route and the method that answers it."""

    def __init__(self, route: Route, method: Callable[..., Any]) -> None:
        self._route = route
        self._method = method
        self._path = parameters(route.path)
        self._query = parameters(route.query)
        self._headers = parameters(route.headers)

    def __call__(self, event: Mapping[str, Any]) -> Answer:
        if "//" in event["rawPath"] or event["rawPath"].endswith("/"):
            # A gateway may route such a path as if the slash were not there. Each thing has one path.
            raise Problem(NO_SUCH_PATH, "A path has no empty segment; see /openapi.json.")
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        caller = _caller(event["requestContext"])
        if self._route.operators and not (caller and caller.operator):
            raise Problem(OPERATORS_ONLY, "Only members of the group operators may do this.")
        request = Request(
            path=read_all(self._path, event.get("pathParameters") or {}),
            query=read_all(self._query, event.get("queryStringParameters") or {}),
            headers=_declared_headers(self._headers, headers),
            correlation_id=event["requestContext"]["requestId"],
            traceparent=_trace(headers.get("traceparent", "")),
            caller=caller,
        )
        if self._route.body is None:
            return _respond(self._route, self._method(request))
        return _respond(self._route, self._method(request, _body(event, headers, self._route.body)))


def _declared_headers(declared: tuple[Parameter, ...], headers: Mapping[str, str]) -> dict[str, str]:
    named = {parameter.name: headers.get(parameter.name.lower()) for parameter in declared}
    return read_all(declared, {name: text for name, text in named.items() if text is not None})


def _caller(context: Mapping[str, Any]) -> Caller | None:
    claims = context.get("authorizer", {}).get("jwt", {}).get("claims")
    if not claims:
        return None
    groups = claims.get("cognito:groups", "")
    if isinstance(groups, str):
        # An HTTP API passes a list claim as the text "[operators others]".
        groups = groups.strip("[]").split()
    return Caller(claims["sub"], OPERATORS in groups)


def _trace(parent: str) -> str:
    return parent if _TRACEPARENT.fullmatch(parent) else f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"


def _body(event: Mapping[str, Any], headers: Mapping[str, str], form: Any) -> Any:
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(NOT_JSON_TYPE, "Send JSON with `Content-Type: application/json`.", field="Content-Type")
    text = event.get("body") or ""
    try:
        content = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
        if len(content) > MAX_BODY_BYTES:
            raise Problem(TOO_LARGE, f"The body may have {MAX_BODY_BYTES} bytes at most.", field="body")
        return msgspec.convert(decode_strict(content.decode()), form)
    except msgspec.ValidationError as error:
        message, field = _explain(str(error))
        raise Problem(INVALID, message, field=field) from error
    except ValueError as error:
        raise Problem(NOT_JSON, f"The body must be JSON in UTF-8: {error}.", field="body") from error


def _explain(error: str) -> tuple[str, str]:
    """Return a decoder's error as a sentence, and the field."""
    field, message = explain(error, "/openapi.json")
    return f"{message}.", field or "body"


def _respond(route: Route, result: Any) -> Answer:
    reply = result if isinstance(result, Reply) else Reply(result)
    return _answer(reply.status or route.status, "application/json", reply.body, reply.headers)


def _refuse(problem: Problem) -> Answer:
    members = {
        "type": "about:blank",
        "title": problem.rule.title,
        "status": problem.rule.status,
        "detail": problem.detail,
    }
    if problem.field is not None:
        members["field"] = problem.field
    return _answer(problem.rule.status, "application/problem+json", members, problem.headers)


def _answer(status: int, media_type: str, body: Any, headers: Mapping[str, str]) -> Answer:
    return {
        "statusCode": status,
        "headers": {"Content-Type": media_type, **headers},
        "body": msgspec.json.encode(body).decode(),
    }


def _fail(error: Exception, *, busy: bool) -> Answer:
    if busy:
        logger.warning("busy", extra={"error": described(error)})
        detail = "Others are changing the same thing, or there are too many requests; nothing was done. Try again."
        return _refuse(Problem(BUSY, detail, headers={"Retry-After": "1"}))
    logger.exception("the request failed")
    detail = "Something failed on our side. The same request, with the same Idempotency-Key, may safely be sent again."
    return _refuse(Problem(FAILED, detail))
