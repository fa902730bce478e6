"""An API for tests of commands: it answers by a table, and records what it is sent."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx
import pytest
from typer.testing import CliRunner, Result

from ops.cli import app
from ops.outputs import Outputs, Pool
from ops.stage import DeployedStage

NOT_FOUND = 404


@dataclass
class FakeApi:
    """The API. A path that `answers` does not list does not exist.

    Attributes:
        answers: The answers, by method and path with its query: the JSON of a success, or a whole response.
        sent: The requests: method, path with its query, and body.
    """

    answers: Mapping[str, Any]
    sent: list[tuple[str, Any]] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer the requests of all clients, on a stage that is deployed."""
        monkeypatch.setenv("TIDINGS_TOKEN", "a token")
        monkeypatch.setattr(
            "ops.context.stage_named", lambda name, _: DeployedStage(name, "eu-west-1", boto3.Session())
        )
        monkeypatch.setattr("ops.context.outputs_of", lambda _stage: OUTPUTS)
        monkeypatch.setattr(httpx.Client, "send", self._send)

    def run(self, *arguments: str) -> Result:
        """Run a command."""
        return CliRunner().invoke(app, arguments)

    def _send(self, request: httpx.Request, **_options: object) -> httpx.Response:
        call = f"{request.method} {request.url.raw_path.decode()}"
        self.sent.append((call, json.loads(request.content) if request.content else None))
        if call not in self.answers:
            return httpx.Response(NOT_FOUND, json={"title": "Nothing", "detail": "Nothing."}, request=request)
        answer = self.answers[call]
        if isinstance(answer, httpx.Response):
            answer.request = request
            return answer
        return httpx.Response(200, json=answer, request=request)


OUTPUTS = Outputs("http://api", None, "eu-west-1", "topic", Pool("", ""), Pool("", ""), {})

Install = Callable[[Mapping[str, Any]], FakeApi]
"""Installs an API that answers by a table."""
