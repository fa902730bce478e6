from pathlib import Path

import pytest

from ops.stage import command_line, state_directory


def test_a_users_state_is_in_the_folder_of_the_xdg_specification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_directory() == tmp_path / "tidings"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_directory() == tmp_path / ".local" / "state" / "tidings"


@pytest.mark.parametrize(
    ("typed", "path", "program"),
    [
        ("bin/tidings", "other", "bin/tidings"),
        ("bin/tidings", "bin", "tidings"),
        ("other/pytest", "other", "tidings"),
        ("elsewhere/tidings", "other", "tidings"),
    ],
)
def test_a_hint_names_the_program_as_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, path: str, program: str
) -> None:
    for name in ("bin/tidings", "other/pytest"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [typed])
    monkeypatch.setenv("PATH", str(tmp_path / path))
    assert command_line("local", "dlq list") == f"{program} dlq list"
    assert command_line("dev", "dlq list") == f"{program} --stage dev dlq list"
