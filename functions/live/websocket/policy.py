"""The answer of the WebSocket API's authorizer."""

from typing import Any

from msgspec.structs import asdict

from functions.live.viewers import Viewer


def policy(viewer: Viewer | None, arn: str) -> dict[str, Any]:
    """Return the authorizer's answer: it lets a viewer connect, and refuses a request without one.

    Its form is API Gateway's (Amazon API Gateway Developer Guide, "Output from an API Gateway Lambda authorizer").
    """
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if viewer else "Deny", "Resource": arn}
    return {
        "principalId": viewer.user if viewer else "unknown",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": asdict(viewer) if viewer else {},
    }
