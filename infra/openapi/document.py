"""The OpenAPI 3.1 document, generated from the routes that services declare."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from infra.application import Application
from infra.published_language.schemas import Json, portable
from tidings.http.routes import OPERATORS, Route

FAILED = {500, 503}
"""The statuses of an internal error and of contention, on every route."""

BAD_BODY = {400, 413, 422}
"""The statuses of a body that is not JSON, too large or invalid, on every route with a body."""

OPERATORS_ONLY = {403}

PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Phrases of RFC 9110 that Python knows only from 3.13 on. The document must not depend on Python's version."""

TEXT: Json = {"type": "string"}
IDEMPOTENCY_KEY: Json = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}


class Problem(msgspec.Struct):
    """A problem (RFC 9457): why a request was refused, and what the caller can do. `field` names the invalid field."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    field: str | None = None


class Message(msgspec.Struct):
    """The gateway's answer to a request without a valid token, or to one too many."""

    message: str


def openapi_document(application: Application) -> Json:
    """Return the document of an application's routes."""
    routes = [(service.name, route) for service in application.services for route in service.routes]
    schemas, components = _schemas(routes)
    paths: Json = {}
    for name, route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(name, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": application.title,
            "version": "1",
            "description": f"{application.description} Errors are problem+json (RFC 9457).",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": service.name} for service in application.services if service.routes],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _schemas(routes: Iterable[tuple[str, Route]]) -> tuple[Mapping[Any, Json], Json]:
    types = list(dict.fromkeys(t for _, route in routes for t in (route.body, route.answer) if t is not None))
    types += [Problem, Message]
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(zip(types, portable(list(found)), strict=True)), portable(components)


def _operation(service: str, route: Route, schemas: Mapping[Any, Json]) -> Json:
    operation: Json = {
        "operationId": f"{service}_{route.name}",
        "tags": [service],
        "summary": route.summary,
        "security": [] if route.open else [{"token": []}],
    }
    if route.operators:
        operation["description"] = f"For members of the group `{OPERATORS}` only."
    if parameters := _parameters(route):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, **_media("application/json", schemas[route.body])}
    operation["responses"] = _responses(route, schemas)
    return operation


def _parameters(route: Route) -> list[Json]:
    names = re.findall(r"{(\w+)}", route.path)
    path = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]
    query = [{"name": name, "in": "query", "description": text, "schema": TEXT} for name, text in route.query.items()]
    return [*path, *query, *(_header(name, text) for name, text in route.headers.items())]


def _header(name: str, text: str) -> Json:
    header = {"name": name, "in": "header", "description": text, "schema": TEXT}
    return header | ({"required": True, "schema": IDEMPOTENCY_KEY} if name == "Idempotency-Key" else {})


def _responses(route: Route, schemas: Mapping[Any, Json]) -> Json:
    success: Json = {"description": _phrase(route.status)}
    if route.answer is not None:
        success |= _media("application/json", schemas[route.answer])
    if route.replies:
        success["headers"] = {name: {"description": text, "schema": TEXT} for name, text in route.replies.items()}
    answers = {route.status: success}
    for status in _problems(route):
        answers[status] = _answer(status, "application/problem+json", schemas[Problem])
    for status in {429} if route.open else {401, 429}:
        answers[status] = _answer(status, "application/json", schemas[Message])
    return {str(status): answers[status] for status in sorted(answers)}


def _problems(route: Route) -> set[int]:
    problems = FAILED | set(route.problems)
    if route.body is not None:
        problems |= BAD_BODY
    if route.operators:
        problems |= OPERATORS_ONLY
    return problems


def _answer(status: int, media: str, schema: Json) -> Json:
    return {"description": _phrase(status), **_media(media, schema)}


def _phrase(status: int) -> str:
    return PHRASES.get(status) or HTTPStatus(status).phrase


def _media(media: str, schema: Json) -> Json:
    return {"content": {media: {"schema": schema}}}
