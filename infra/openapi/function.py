"""The Lambda function behind `GET /openapi.json`."""

from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).with_name("openapi.json").read_text()
"""The document, as it was generated at synthesis."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's shape
    """Return the document."""
    headers = {"content-type": "application/json", "cache-control": "public, max-age=300"}
    return {"statusCode": 200, "headers": headers, "body": DOCUMENT}
