import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.errors import CommandError
from ops.local.cloud import LocalCloud, Running, settings


@pytest.fixture
def cloud(tmp_path: Path) -> LocalCloud:
    return LocalCloud(tmp_path)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Path]:
    """The record of a running cloud, which is locked."""
    path = tmp_path / "cloud.json"
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield path


def test_a_cloud_that_was_not_started_does_not_run(cloud: LocalCloud) -> None:
    assert cloud.running() is None
    assert not cloud.stop()


def test_a_cloud_runs_while_its_record_is_locked(cloud: LocalCloud, record: Path) -> None:
    record.write_text(json.dumps({"pid": 12, "port": 4566}))
    assert cloud.running() == Running(12, 4566)


def test_a_cloud_whose_record_is_not_locked_has_ended(cloud: LocalCloud, tmp_path: Path) -> None:
    (tmp_path / "cloud.json").write_text(json.dumps({"pid": 12, "port": 4566}))
    assert cloud.running() is None


@pytest.mark.usefixtures("record")
def test_a_cloud_whose_locked_record_is_empty_is_being_started(cloud: LocalCloud) -> None:
    with pytest.raises(CommandError, match="another command is starting the local cloud"):
        cloud.running()


def test_a_stop_sets_the_contents_aside_and_says_that_it_deletes_them(
    cloud: LocalCloud, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.write_text(json.dumps({"pid": 12, "port": 4566}))
    (cloud.directory / "cloud" / "tmp").mkdir(parents=True)

    def end(self: LocalCloud, running: Running) -> None:
        assert (self, running) == (cloud, Running(12, 4566))

    monkeypatch.setattr(LocalCloud, "_end", end)
    steps: list[tuple[str, bool]] = []
    assert cloud.stop(lambda text: steps.append((text.partition(".")[0], (cloud.directory / "cloud").exists())))
    assert steps == [("Stopping the local cloud", True), ("No local cloud runs any more", False)]
    assert [path.name for path in cloud.directory.iterdir()] == ["cloud.json"]


def test_what_an_interrupted_stop_has_left_is_deleted_by_the_next(cloud: LocalCloud) -> None:
    (cloud.directory / "ended-cloud-1" / "tmp").mkdir(parents=True)
    steps: list[str] = []
    assert not cloud.stop(steps.append)
    assert "Deleting its contents" in steps[0]
    assert list(cloud.directory.iterdir()) == []


def test_no_aws_setting_of_the_user_reaches_the_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL"} & settings(4566, tmp_path).keys()


def test_the_cloud_enforces_iam_and_listens_on_this_machine_only(tmp_path: Path) -> None:
    chosen = settings(4600, tmp_path)
    assert (chosen["AUTH"], chosen["BIND_HOST"], chosen["GATEWAY_PORT"]) == ("true", "127.0.0.1", "4600")
