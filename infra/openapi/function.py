"""The Lambda function behind `GET /openapi.json`, and behind the routes of all requests that no service serves.

These are `$default`, and `OPTIONS /{proxy+}` in a stage whose API other origins may call.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).with_name("openapi.json").read_text()
"""The document, as it was generated at synthesis."""

PATHS: Mapping[str, Mapping[str, Any]] = {**json.loads(DOCUMENT)["paths"], "/openapi.json": {"get": {}}}

DEFAULT = "$default"
PREFLIGHT = "OPTIONS /{proxy+}"


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
    """Return the document, or a problem (RFC 9457) if the request has no route.

    A preflight succeeds with any path, so that a page can read the problem. API Gateway adds the headers of CORS.
    """
    if event["routeKey"] == PREFLIGHT:
        return {"statusCode": 204}
    if event["routeKey"] == DEFAULT:
        return _refuse(allowed_methods(event["rawPath"]))
    return _answer(200, "application/json", DOCUMENT, {"cache-control": "public, max-age=300"})


def allowed_methods(path: str) -> list[str]:
    """Return the methods of a path, sorted; none if no route has this path."""
    segments = path.split("/")
    return sorted(
        {method.upper() for known in PATHS if _matches(known.split("/"), segments) for method in PATHS[known]}
    )


def _matches(known: list[str], segments: list[str]) -> bool:
    # A parameter is any text, but not none.
    pairs = zip(known, segments, strict=False)
    return len(known) == len(segments) and all(
        name == text or (name.startswith("{") and text != "") for name, text in pairs
    )


def _refuse(allowed: list[str]) -> dict[str, Any]:
    if allowed:
        methods = ", ".join(allowed)
        problem = _problem(405, "Method not allowed", f"This path has these methods: {methods}.")
        return _answer(405, "application/problem+json", problem, {"allow": methods})
    problem = _problem(404, "Not found", "Nothing is at this path; see /openapi.json.")
    return _answer(404, "application/problem+json", problem, {})


def _problem(status: int, title: str, detail: str) -> str:
    return json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})


def _answer(status: int, media_type: str, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": media_type, **headers}, "body": body}
