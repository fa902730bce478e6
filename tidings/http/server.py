"""The server: answers an HTTP API's requests with the methods of an `Api` object."""

import re
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from tidings.core.errors import RetryableError
from tidings.http.problems import Problem
from tidings.http.requests import Caller, Reply, Request
from tidings.http.routes import OPERATORS, Route
from tidings.observability.log import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MAX_BODY_BYTES = 64 * 1024

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_AT_PATH = re.compile(r" - at `(?:key in )?\$\.?(?P<path>.*?)`$")
_NAMED_FIELD = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<name>.*)`$")


def serve(api: object) -> Callable[[dict[str, Any], "LambdaContext"], dict[str, Any]]:
    """Return the Lambda handler of all routes that an object's class declares."""
    app = APIGatewayHttpResolver()
    for member in vars(type(api)).values():
        if declared := getattr(member, "route", None):
            rule = declared.path.replace("{", "<").replace("}", ">")
            app.route(rule, declared.method)(_operation(app, declared, member.__get__(api)))
    app.exception_handler(Problem)(_refuse)
    app.exception_handler(NotFoundError)(
        lambda _: _refuse(Problem(404, "Not found", "There is nothing at this path; see /openapi.json."))
    )
    app.exception_handler(RetryableError)(_busy)
    app.exception_handler(Exception)(_fail)

    def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
        return app.resolve(event, context)

    return handler


def _operation(app: APIGatewayHttpResolver, route: Route, method: Callable[..., Any]) -> Callable[..., Response[str]]:
    decoder = msgspec.json.Decoder(route.body) if route.body else None

    def operation(**path: str) -> Response[str]:
        request = _request(app.current_event.raw_event, path)
        logger.append_keys(correlation_id=request.correlation_id)
        if route.operators and not (request.caller and request.caller.operator):
            raise Problem(403, "Operators only", "Only members of the group operators may do this.")
        arguments = (request,) if decoder is None else (request, _body(app, decoder))
        return _respond(route, method(*arguments))

    return operation


def _request(event: Mapping[str, Any], path: Mapping[str, str]) -> Request:
    context = event["requestContext"]
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    parent = headers.get("traceparent", "")
    return Request(
        path=path,
        query=event.get("queryStringParameters") or {},
        headers=headers,
        correlation_id=context["requestId"],
        traceparent=parent if _TRACEPARENT.fullmatch(parent) else _new_trace(),
        caller=_caller(context),
    )


def _caller(context: Mapping[str, Any]) -> Caller | None:
    claims = context.get("authorizer", {}).get("jwt", {}).get("claims")
    if not claims:
        return None
    groups = claims.get("cognito:groups", "")
    if isinstance(groups, str):
        # An HTTP API passes a list claim as the text "[operators others]".
        groups = groups.strip("[]").split()
    return Caller(claims["sub"], OPERATORS in groups)


def _new_trace() -> str:
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"


def _body(app: APIGatewayHttpResolver, decoder: "msgspec.json.Decoder[Any]") -> Any:
    try:
        text = app.current_event.decoded_body or ""
    except ValueError as error:
        raise Problem(400, "Not JSON", "The body must be JSON in UTF-8.", field="body") from error
    if len(text.encode(errors="surrogatepass")) > MAX_BODY_BYTES:
        raise Problem(413, "Too large", f"The body may have {MAX_BODY_BYTES} bytes at most.", field="body")
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        message, field = _explain(str(error))
        raise Problem(422, "Not valid", message, field=field) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem(400, "Not JSON", f"The body must be JSON: {error}.", field="body") from error


def _explain(error: str) -> tuple[str, str]:
    """Split a decoder's error into a sentence and a field, such as `lines[0].quantity`."""
    found = _AT_PATH.search(error)
    path = found["path"] if found else ""
    message = error[: found.start()] if found else error
    if " matching regex " in message:
        # A pattern helps few readers, and the API's document contains it.
        message = "This text does not have the form that /openapi.json describes"
    if named := _NAMED_FIELD.match(message):
        path = f"{path}.{named['name']}".lstrip(".")
    return f"{message}.", path or "body"


def _respond(route: Route, result: Any) -> Response[str]:
    reply = result if isinstance(result, Reply) else Reply(result)
    return Response(
        status_code=reply.status or route.status,
        content_type="application/json",
        body=msgspec.json.encode(reply.body).decode(),
        headers={**reply.headers},
    )


def _refuse(problem: Problem) -> Response[str]:
    members = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.field is not None:
        members["field"] = problem.field
    return Response(
        status_code=problem.status,
        content_type="application/problem+json",
        body=msgspec.json.encode(members).decode(),
        headers={**problem.headers},
    )


def _busy(error: RetryableError) -> Response[str]:
    logger.warning("busy", extra={"error": str(error)})
    detail = "Others are changing the same thing; nothing was done. Try again."
    return _refuse(Problem(503, "Busy", detail, headers={"Retry-After": "1"}))


def _fail(_: Exception) -> Response[str]:
    logger.exception("the request failed")
    detail = "Something failed on our side. The same request, with the same Idempotency-Key, may safely be sent again."
    return _refuse(Problem(500, "Failed", detail))
