from collections.abc import Callable
from typing import Any

import pytest

from ops.deploy import environment, failure_in, watch
from ops.stage import local_stage

IN_PROGRESS = "tidings-local-bus | 1/9 | 1:10:22 AM | CREATE_IN_PROGRESS   | AWS::SNS::Topic | topic (topicBFC)"
COMPLETE = "tidings-local-bus | 2/9 | 1:10:23 AM | CREATE_COMPLETE      | AWS::SNS::Topic | topic (topicBFC)"
FAILED = "tidings-local-api | 3/7 | 1:10:24 AM | CREATE_FAILED        | AWS::X::Y | thing (thing1) no such type"


class Shown:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.finished: list[str] = []

    def says(self, detail: str) -> None:
        self.said.append(detail)

    def done(self, part: str) -> None:
        self.finished.append(part)


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def on_line(shown: Any) -> Callable[[str], None]:
    return watch(shown)


def test_progress_says_how_far_each_stack_is(shown: Shown, on_line: Callable[[str], None]) -> None:
    for line in (IN_PROGRESS, COMPLETE, FAILED):
        on_line(line)
    assert shown.said[-1] == "tidings-local-bus 2/9 · tidings-local-api 3/7"


@pytest.mark.parametrize("line", [" ✅  tidings-local-bus", "✅  tidings-local-bus (no changes)"])
def test_a_finished_stack_is_reported_once_and_is_no_longer_under_way(
    shown: Shown, on_line: Callable[[str], None], line: str
) -> None:
    on_line(IN_PROGRESS)
    on_line(line)
    assert shown.finished == ["tidings-local-bus"]
    assert shown.said[-1] == ""


def test_the_first_failing_resource_is_told_in_cloudformations_words() -> None:
    lines = [IN_PROGRESS, FAILED, FAILED.replace("no such type", "cancelled"), "❌ failed"]
    assert failure_in(lines) == "deploying tidings-local-api failed: AWS::X::Y | thing (thing1) no such type"


def test_without_a_failing_resource_the_tools_last_lines_are_told() -> None:
    told = failure_in([f"line {n}" for n in range(100)] + ["ModuleNotFoundError: no such module"]).splitlines()
    assert told[-1] == "ModuleNotFoundError: no such module"
    assert len(told) < 20


def test_no_aws_setting_of_the_users_reaches_the_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    settings = environment(local_stage("http://127.0.0.1:4566"))
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & settings.keys()
    assert settings["AWS_ENDPOINT_URL"] == settings["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:4566"
