"""The API's document: OpenAPI 3.1, generated from what the services declare of their routes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from infra.contracts.schemas import Json, portable
from infra.services import Found
from tidings.routes import Route

FAILED = {500, 503}
"""What every route may answer: it failed, or others kept it busy."""

BAD_BODY = {400, 413, 422}
"""What every route that takes a body may answer: it is no JSON, too large, or not valid."""

OPERATORS_ONLY = {403}

PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""RFC 9110's own words, where Python has them from 3.13 on only: the document must not depend on who generates it."""

TEXT: Json = {"type": "string"}
IDEMPOTENCY_KEY: Json = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}


class Problem(msgspec.Struct):
    """Why a request was refused, and what to do (RFC 9457); `field` names what was wrong."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    field: str | None = None


class Message(msgspec.Struct):
    """What the gateway says where no service was asked: without a valid token, or too often."""

    message: str


def document(services: Sequence[Found]) -> Json:
    """The document of all routes of these services."""
    routes = [(found.name, route) for found in services for route in found.routes]
    schemas, components = _schemas(routes)
    paths: Json = {}
    for service, route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(service, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tidings",
            "version": "1",
            "description": "Orders, and what became of them. Errors are problem+json (RFC 9457).",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": found.name} for found in services if found.routes],
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
        operation["description"] = "For members of the group `operators` only."
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
