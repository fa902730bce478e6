from dataclasses import dataclass, field

import pytest
from typer.testing import CliRunner, Result

from ops.cli import app
from ops.jobs import ExpiryResult

DONE = ExpiryResult(cancelled=1, failed=0, finished=True, stopped=False, resumed=False)


@dataclass
class Job:
    """The expiry job.

    Attributes:
        result: The result of its next run.
        limits: The limits with which it was run.
        resumes: Whether each run should let it go on.
    """

    result: ExpiryResult = DONE
    limits: list[int | None] = field(default_factory=list)
    resumes: list[bool] = field(default_factory=list)

    def run(self, _stage: object, older_than: int | None, *, resume: bool = False) -> ExpiryResult:
        self.limits.append(older_than)
        self.resumes.append(resume)
        return self.result


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    job = Job()
    monkeypatch.setattr("ops.context.stage_named", lambda *_: type("Stage", (), {"name": "prod"}))
    monkeypatch.setattr("ops.orders.commands.expire_orders", job.run)
    return job


def expire(*options: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["orders", "expire", *options], input=answer)


def test_expiry_by_the_stages_limit_needs_no_confirmation(job: Job) -> None:
    assert expire().stdout == "1 cancelled, 0 failed\n"
    assert (job.limits, job.resumes) == ([None], [False])


@pytest.mark.parametrize(("answer", "expected"), [("n\n", []), ("", []), ("y\n", [90])])
def test_expiry_by_another_limit_needs_confirmation(job: Job, answer: str, expected: list[int | None]) -> None:
    result = expire("--older-than", "90s", answer=answer)
    assert "Every order of prod that has been pending for 90 s will be cancelled. Continue?" in result.stderr
    assert result.exit_code == (0 if expected else 1)
    assert job.limits == expected


def test_a_script_confirms_beforehand(job: Job) -> None:
    assert expire("--older-than", "90s", "--yes").exit_code == 0
    assert job.limits == [90]


def test_a_stopped_job_is_an_error_that_names_the_runbooks_entry_and_the_command_that_resumes_it(job: Job) -> None:
    job.result = ExpiryResult(cancelled=50, failed=0, finished=False, stopped=True, resumed=False)
    result = expire()
    assert result.stdout == "50 cancelled, 0 failed\n"
    assert result.exit_code == 1
    error = " ".join(result.stderr.split())
    assert "docs/runbook.md#expiry-stopped" in error
    assert "orders expire --resume" in error
    assert "time ran out" not in error


@pytest.mark.parametrize(("resumed", "said"), [(True, "The job goes on."), (False, "The job was not stopped.")])
def test_an_operator_resumes_a_stopped_job(job: Job, resumed: bool, said: str) -> None:
    job.result = ExpiryResult(cancelled=2, failed=0, finished=True, stopped=False, resumed=resumed)
    result = expire("--resume")
    assert (result.exit_code, result.stdout) == (0, "2 cancelled, 0 failed\n")
    assert said in result.stderr
    assert job.resumes == [True]


def test_a_job_whose_time_ran_out_continues_by_itself(job: Job) -> None:
    job.result = ExpiryResult(cancelled=2, failed=0, finished=False, stopped=False, resumed=False)
    result = expire()
    assert result.exit_code == 0
    assert "within a minute, continues" in result.stderr
