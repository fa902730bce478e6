from pathlib import Path

import pytest

from ops.checkpoint import Checkpoint, Progress, alone
from ops.failure import Failure
from ops.sequence import Gap
from ops.stage import state_directory

DONE = Progress("2026-01-31T12:00:00.000Z/orders/a/1", {"OrderPlaced": 3}, (Gap("a", "orders", 2),), "handle")


def test_what_was_saved_is_found_by_the_same_command(tmp_path: Path) -> None:
    Checkpoint.of(tmp_path, "analytics", "local", None, ["OrderPlaced"]).save(DONE)
    assert Checkpoint.of(tmp_path, "analytics", "local", None, ["OrderPlaced"]).load() == DONE


def test_another_command_has_another_checkpoint(tmp_path: Path) -> None:
    Checkpoint.of(tmp_path, "analytics", "local", "2026-01-31").save(DONE)
    assert Checkpoint.of(tmp_path, "analytics", "local", None).load() is None
    assert Checkpoint.of(tmp_path, "loyalty", "local", "2026-01-31").load() is None


def test_what_is_finished_leaves_nothing(tmp_path: Path) -> None:
    checkpoint = Checkpoint.of(tmp_path, "analytics")
    checkpoint.save(DONE)
    checkpoint.remove()
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_cannot_be_read_is_told_with_the_way_out(tmp_path: Path) -> None:
    checkpoint = Checkpoint.of(tmp_path, "analytics")
    checkpoint.path.write_text("{")
    with pytest.raises(Failure, match="--restart"):
        checkpoint.load()


def test_two_replays_to_one_consumer_do_not_run_at_once(tmp_path: Path) -> None:
    with (
        alone(tmp_path, "analytics"),
        alone(tmp_path, "loyalty"),
        pytest.raises(Failure, match="another replay to analytics"),
        alone(tmp_path, "analytics"),
    ):
        pass
    with alone(tmp_path, "analytics"):
        pass


def test_a_users_state_lies_where_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_directory() == tmp_path / "tidings"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_directory() == tmp_path / ".local" / "state" / "tidings"
