from collections.abc import Callable
from typing import Any

import pytest

from ops.local.deploy import describe_failure, environment, progress_of
from ops.stage import local_stage

IN_PROGRESS = "tidings-local-bus | 1/9 | 1:10:22 AM | CREATE_IN_PROGRESS   | AWS::SNS::Topic | topic (topicBFC)"
COMPLETE = "tidings-local-bus | 2/9 | 1:10:23 AM | CREATE_COMPLETE      | AWS::SNS::Topic | topic (topicBFC)"
FAILED = "tidings-local-api | 3/7 | 1:10:24 AM | CREATE_FAILED        | AWS::X::Y | thing (thing1) no such type"


class MemoryStep:
    """A step that keeps what it is given to show."""

    def __init__(self) -> None:
        self.updates: list[str] = []
        self.finished: list[str] = []

    def update(self, detail: str) -> None:
        self.updates.append(detail)

    def finish_part(self, part: str) -> None:
        self.finished.append(part)


@pytest.fixture
def shown() -> MemoryStep:
    return MemoryStep()


@pytest.fixture
def on_line(shown: Any) -> Callable[[str], None]:
    return progress_of(shown)


def test_the_progress_of_each_stack_is_shown(shown: MemoryStep, on_line: Callable[[str], None]) -> None:
    for line in (IN_PROGRESS, COMPLETE, FAILED):
        on_line(line)
    assert shown.updates[-1] == "tidings-local-bus 2/9 · tidings-local-api 3/7"


@pytest.mark.parametrize("line", [" ✅  tidings-local-bus", "✅  tidings-local-bus (no changes)"])
def test_a_finished_stack_is_shown_once_and_is_no_longer_in_progress(
    shown: MemoryStep, on_line: Callable[[str], None], line: str
) -> None:
    on_line(IN_PROGRESS)
    on_line(line)
    assert shown.finished == ["tidings-local-bus"]
    assert shown.updates[-1] == ""


def test_a_failure_is_described_by_cloudformations_text_about_the_first_failed_resource() -> None:
    lines = [IN_PROGRESS, FAILED, FAILED.replace("no such type", "cancelled"), "❌ failed"]
    assert describe_failure(lines) == "deploying tidings-local-api failed: AWS::X::Y | thing (thing1) no such type"


def test_another_failure_is_described_by_the_last_lines() -> None:
    text = describe_failure([f"line {n}" for n in range(100)] + ["ModuleNotFoundError: no such module"]).splitlines()
    assert text[-1] == "ModuleNotFoundError: no such module"
    assert len(text) < 20


def test_no_aws_setting_of_the_user_reaches_the_cdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    settings = environment(local_stage("http://127.0.0.1:4566"))
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & settings.keys()
    assert settings["AWS_ENDPOINT_URL"] == settings["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:4566"
