"""The server: answers an HTTP API's requests with the methods of an `Api` object."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tidings.core.errors import RetryableError, described
from tidings.core.event import new_traceparent
from tidings.core.explanation import explain_all
from tidings.core.strict_json import decode_strict
from tidings.http.parameters import Parameter, parameters, read_all
from tidings.http.problems import (
    BUSY,
    FAILED,
    INVALID,
    NO_SUCH_PATH,
    NOT_JSON,
    NOT_JSON_TYPE,
    TOO_LARGE,
    Problem,
    raise_all,
)
from tidings.http.requests import Caller, Reply, Request
from tidings.http.routes import Route, routes_of
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
        # The gateway chose the route and cut the parameters out of the path. Nothing is matched a second time.
        operation = operations[event["routeKey"]]
        try:
            answer = operation(event)
        except Problem as problem:
            answer = refuse(problem)
        except Exception as error:  # noqa: BLE001 - every request is answered
            answer = _fail(error, busy=isinstance(error, RetryableError) or is_throttled(error))
        if not operation.route.open:
            # It may be personal, and a browser or a proxy must not keep it (RFC 9111, section 5.2.2.5).
            answer["headers"]["Cache-Control"] = "no-store"
        return answer

    return handler


class _Operation:
    """A route and the method that answers it."""

    def __init__(self, route: Route, method: Callable[..., Any]) -> None:
        self.route = route
        self._method = method
        self._path = parameters(route.path)
        self._query = parameters(route.query)
        self._headers = parameters(route.headers)

    def __call__(self, event: Mapping[str, Any]) -> Answer:
        if "//" in event["rawPath"] or event["rawPath"].endswith("/"):
            # A gateway may route such a path as if the slash were not there. Each thing has one path.
            raise Problem(NO_SUCH_PATH, "A path has no empty segment; see /openapi.json.")
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        problems: list[Problem] = []
        request = Request(
            path=read_all(self._path, event.get("pathParameters") or {}, problems),
            query=read_all(self._query, event.get("queryStringParameters") or {}, problems),
            headers=read_all(self._headers, _named(self._headers, headers), problems),
            correlation_id=event["requestContext"]["requestId"],
            traceparent=_trace(headers.get("traceparent", "")),
            caller=_caller(event["requestContext"]),
        )
        if not self.route.open:
            request.require_caller()
        arguments = (
            (request,) if self.route.body is None else (request, _body(event, headers, self.route.body, problems))
        )
        raise_all(problems)
        return _respond(self.route, self._method(*arguments))


def _named(declared: tuple[Parameter, ...], headers: Mapping[str, str]) -> dict[str, str]:
    """Return the declared headers that a request has, by their declared names."""
    named = {parameter.name: headers.get(parameter.name.lower()) for parameter in declared}
    return {name: text for name, text in named.items() if text is not None}


def _caller(context: Mapping[str, Any]) -> Caller | None:
    claims = context.get("authorizer", {}).get("jwt", {}).get("claims", {})
    # The gateway accepts access tokens too. They do not say who somebody is (Amazon Cognito Developer Guide, "Verifying
    # JSON web tokens").
    if claims.get("token_use") != "id":
        return None
    # An HTTP API passes each claim as a text.
    return Caller(claims["sub"], claims.get("email", "") if claims.get("email_verified") == "true" else "")


def _trace(parent: str) -> str:
    return parent if _TRACEPARENT.fullmatch(parent) else new_traceparent()


def _body(event: Mapping[str, Any], headers: Mapping[str, str], form: Any, problems: list[Problem]) -> Any:
    """Return the body; None if it is not valid. Each fault of it is added to the problems.

    Raises:
        Problem: If the body cannot be read.
    """
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(NOT_JSON_TYPE, "Send JSON with `Content-Type: application/json`.", field="Content-Type")
    text = event.get("body") or ""
    try:
        content = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
        if len(content) > MAX_BODY_BYTES:
            raise Problem(TOO_LARGE, f"The body may have {MAX_BODY_BYTES} bytes at most.", field="body")
        value = decode_strict(content.decode())
    except ValueError as error:
        raise Problem(NOT_JSON, f"The body must be JSON in UTF-8: {error}.", field="body") from error
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError:
        faults = explain_all(value, form, "/openapi.json")
        problems += [Problem(INVALID, f"{fault}.", field=field or "body") for field, fault in faults]
        return None


def _respond(route: Route, result: Any) -> Answer:
    reply = result if isinstance(result, Reply) else Reply(result)
    return _answer(reply.status or route.status, "application/json", reply.body, reply.headers)


def refuse(problem: Problem) -> Answer:
    """Return the answer to a request that is refused, as problem+json."""
    members = {"type": "about:blank", "status": problem.rule.status, **_members(problem)}
    if problem.others:
        members["errors"] = [_members(each) for each in (problem, *problem.others)]
    return _answer(problem.rule.status, "application/problem+json", members, problem.headers)


def _members(problem: Problem) -> dict[str, Any]:
    field = {} if problem.field is None else {"field": problem.field}
    return {"title": problem.rule.title, "detail": problem.detail, **field, **problem.members}


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
        return refuse(Problem(BUSY, detail, headers={"Retry-After": "1"}))
    logger.exception("the request failed")
    detail = "Something failed on our side. The same request, with the same Idempotency-Key, may safely be sent again."
    return refuse(Problem(FAILED, detail))
