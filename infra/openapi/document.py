"""The OpenAPI 3.1 document, generated from the routes that services declare."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from infra.application import Application
from infra.published_language.schemas import Json, portable
from tidings.http.parameters import Parameter, parameters
from tidings.http.problems import Rule
from tidings.http.routes import Route

PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Phrases of RFC 9110 that Python knows only from 3.13 on. The document must not depend on Python's version."""

JSON, PROBLEM_JSON = "application/json", "application/problem+json"
TEXT: Json = {"type": "string"}

GATEWAY = {
    429: "There are too many requests.",
    500: "The function failed.",
    503: "The function is throttled, or took too long.",
}
"""When the gateway itself answers a request, by status."""

USER, OPERATOR = "user", "operator"
SCHEMES = {USER: "An ID token of the users' pool.", OPERATOR: "An ID token of the operators' pool."}
"""The security schemes with their descriptions."""

UNAUTHORIZED = {401: "The request has no token that is valid here."}
CONTENT_TOO_LARGE = {413: "The body is larger than the gateway's limit."}

RETRY_AFTER = {"Retry-After": "Seconds until it is worth asking again."}


class Error(msgspec.Struct):
    """One of several errors of a request. `field` names the invalid field.

    An error has the further members of its kind of problem, too.
    """

    title: str
    detail: str
    field: str | msgspec.UnsetType = msgspec.UNSET


class Problem(msgspec.Struct):
    """A problem (RFC 9457): why a request was refused, and what the caller can do. `field` names the invalid field.

    If a request has several errors, `errors` lists all of them, or the first fifty of a body. The other members are
    those of the first one.
    """

    type: str
    title: str
    status: int
    detail: str
    field: str | msgspec.UnsetType = msgspec.UNSET
    errors: tuple[Error, ...] | msgspec.UnsetType = msgspec.UNSET


class Message(msgspec.Struct):
    """The answer of the gateway itself, to a request that reaches no function or whose function fails."""

    message: str


def openapi_document(application: Application) -> Json:
    """Return the document of an application's routes."""
    routes = [(service.name, route) for service in application.services for route in service.routes]
    schemas, components = _schemas(routes)
    paths: Json = {}
    for name, route in routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(name, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": application.title,
            "version": "1",
            "description": f"{application.description} Errors are problem+json (RFC 9457).",
        },
        # Relative to the document, wherever the API's paths begin (OpenAPI Specification, "Server Object").
        "servers": [{"url": "./"}],
        "tags": [{"name": service.name} for service in application.services if service.routes],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                scheme: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description}
                for scheme, description in SCHEMES.items()
            },
        },
    }


def _schemas(routes: Iterable[tuple[str, Route]]) -> tuple[Mapping[Any, Json], Json]:
    bodies = [form for _, route in routes for form in (route.body, route.answer) if form is not None]
    members = [form for _, route in routes for rule in route.rules for form in rule.members.values()]
    types = [*dict.fromkeys([*bodies, *members]), Problem, Message]
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return dict(zip(types, portable(list(found)), strict=True)), portable(components)


def _operation(service: str, route: Route, schemas: Mapping[Any, Json]) -> Json:
    operation: Json = {
        "operationId": f"{service}_{route.name}",
        "tags": [service],
        "summary": route.summary,
        "security": [] if route.open else [{OPERATOR if route.operators else USER: []}],
    }
    if parameters := _parameters(route):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[route.body]}}}
    operation["responses"] = _responses(route, schemas)
    return operation


def _parameters(route: Route) -> list[Json]:
    declared = {"path": route.path, "query": route.query, "header": route.headers}
    return [_parameter(place, each) for place, types in declared.items() for each in parameters(types)]


def _parameter(place: str, parameter: Parameter) -> Json:
    schema = portable(msgspec.json.schema(parameter.form))
    del schema["description"]
    return {
        "name": parameter.name,
        "in": place,
        "description": parameter.description,
        "required": parameter.required,
        "schema": schema,
    }


def _responses(route: Route, schemas: Mapping[Any, Json]) -> Json:
    success: Json = {"description": _phrase(route.status)}
    if route.answer is not None:
        success |= {"content": {JSON: {"schema": schemas[route.answer]}}}
    if route.replies:
        success["headers"] = _headers(route.replies)
    messages = GATEWAY | ({} if route.open else UNAUTHORIZED) | (CONTENT_TOO_LARGE if route.body else {})
    answers = {route.status: success}
    for status in {*messages, *(rule.status for rule in route.refusals)}:
        rules = [rule for rule in route.refusals if rule.status == status]
        answers[status] = _refusal(status, rules, messages.get(status), schemas)
    return {str(status): answers[status] for status in sorted(answers)}


def _refusal(status: int, rules: list[Rule], message: str | None, schemas: Mapping[Any, Json]) -> Json:
    """Return the answers with a status: problems by the rules that have it, or a message of the gateway."""
    reasons = [f"- {rule.title}: {rule.description}" for rule in rules] + ([f"- {message}"] if message else [])
    content: Json = {}
    if rules:
        properties: Json = {"title": {"enum": [rule.title for rule in rules]}, "status": {"const": status}}
        properties |= {name: schemas[form] for rule in rules for name, form in rule.members.items()}
        content[PROBLEM_JSON] = {"schema": {"allOf": [schemas[Problem], {"properties": properties}]}}
    if message:
        content[JSON] = {"schema": schemas[Message]}
    answer: Json = {"description": "\n".join([_phrase(status), "", *reasons]), "content": content}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer["headers"] = _headers(RETRY_AFTER)
    return answer


def _headers(described: Mapping[str, str]) -> Json:
    return {name: {"description": text, "schema": TEXT} for name, text in described.items()}


def _phrase(status: int) -> str:
    return PHRASES.get(status) or HTTPStatus(status).phrase
