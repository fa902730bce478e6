"""A cold start: this program imports a handler, invokes it with one event, and ends. AWS answers from a recording.

The network is stubbed where botocore and Stripe's library pass a request to urllib3, on both sides of a comparison.
"""

import importlib
import io
import json
import os
import sys
from typing import Any


class Context:
    """The part of Lambda's context that the handlers use."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function's timeout."""
        return 20_000


def stub(answers: dict[str, list[Any]], others: dict[str, Any]) -> None:
    """Answer all requests of this process.

    Args:
        answers: The answers to botocore's requests, in their order by operation.
        others: The JSON answers to any other client's requests, by method and path.
    """
    from botocore.awsrequest import AWSResponse
    from botocore.httpsession import URLLib3Session
    from urllib3 import HTTPResponse
    from urllib3.connectionpool import HTTPConnectionPool

    class Raw(io.BytesIO):
        def stream(self, **_: Any) -> Any:
            yield self.read()

    def send(_: Any, request: Any) -> AWSResponse:
        target = request.headers.get("X-Amz-Target")
        name = target.decode() if isinstance(target, bytes) else target
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        operation = name.rpartition(".")[2] if name else body.partition("Action=")[2].partition("&")[0]
        status, headers, text = answers[operation].pop(0)
        return AWSResponse(request.url, status, headers, Raw(text.encode()))

    def urlopen(_: Any, method: str, url: str, **__: Any) -> HTTPResponse:
        body = json.dumps(others[f"{method} {url}"]).encode()
        return HTTPResponse(io.BytesIO(body), {"content-type": "application/json"}, 200, preload_content=False)

    URLLib3Session.send = send  # type: ignore[assignment,method-assign]
    HTTPConnectionPool.urlopen = urlopen  # type: ignore[assignment,method-assign]


def main() -> None:
    """Read the task from standard input, run it, and end the process as soon as the handler has returned."""
    task = json.load(sys.stdin)
    stub(task["answers"], task["others"])
    module, _, name = task["handler"].rpartition(".")
    answer = getattr(importlib.import_module(module), name)(task["event"], Context())
    failed = answer.get("batchItemFailures") or answer.get("statusCode", 200) >= 400
    sys.stdout.flush()
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main()
