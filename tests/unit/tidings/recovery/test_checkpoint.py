from pathlib import Path

import pytest

from tidings.recovery import Checkpoint, Gap, RecoveryError, ReplayProgress, exclusive

PROGRESS = ReplayProgress(
    "2026-01-31T12:00:00.000Z/tickets/a/1", {"TicketClosed": 3}, (Gap("a", "tickets", 2),), "handle"
)


def test_the_same_command_finds_its_progress(tmp_path: Path) -> None:
    Checkpoint.of(tmp_path, "billing", "local", None, ["TicketClosed"]).save(PROGRESS)
    assert Checkpoint.of(tmp_path, "billing", "local", None, ["TicketClosed"]).load() == PROGRESS


def test_another_command_has_another_checkpoint(tmp_path: Path) -> None:
    Checkpoint.of(tmp_path, "billing", "local", "2026-01-31").save(PROGRESS)
    assert Checkpoint.of(tmp_path, "billing", "local", None).load() is None
    assert Checkpoint.of(tmp_path, "search", "local", "2026-01-31").load() is None


def test_a_removed_checkpoint_leaves_no_file(tmp_path: Path) -> None:
    checkpoint = Checkpoint.of(tmp_path, "billing")
    checkpoint.save(PROGRESS)
    checkpoint.remove()
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_error_about_an_unreadable_checkpoint_names_the_remedy(tmp_path: Path) -> None:
    checkpoint = Checkpoint.of(tmp_path, "billing")
    checkpoint.path.write_text("{")
    with pytest.raises(RecoveryError, match="delete it to begin again"):
        checkpoint.load()


def test_one_replay_to_a_consumer_runs_at_a_time(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path, "billing"),
        exclusive(tmp_path, "search"),
        pytest.raises(RecoveryError, match="a replay to billing, or its recovery, is in progress"),
        exclusive(tmp_path, "billing"),
    ):
        pass
    with exclusive(tmp_path, "billing"):
        pass
