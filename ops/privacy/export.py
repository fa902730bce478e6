"""The file of an export, which contains personal data, on the operator's disk."""

from http import HTTPStatus
from pathlib import Path

import httpx

from ops.errors import CommandError

TIMEOUT_SECONDS = 60


def require_free(path: Path) -> None:
    """Refuse a path at which a file cannot be created, before anything is exported.

    Raises:
        CommandError: If the file exists, or its folder does not.
    """
    if path.exists():
        raise CommandError(f"{path} exists; name a file that does not, because an export is not written over another")
    if not path.parent.is_dir():
        raise CommandError(f"the folder {path.parent} does not exist; create it, or name another file")


def download(url: str, path: Path) -> None:
    """Download an export to a file that only its owner can read.

    Args:
        url: The link, which is as good as the file for fifteen minutes. No error's text repeats it.
        path: The file, which does not exist.

    Raises:
        CommandError: If the link has expired or does not answer, or the file cannot be written.
    """
    try:
        # No token: the link itself is signed.
        answer = httpx.get(url, timeout=TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise CommandError(f"the export's link does not answer: {type(error).__name__}") from error
    if answer.status_code != HTTPStatus.OK:
        raise CommandError(f"the export's link was refused: {answer.status_code} {answer.reason_phrase}")
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(answer.content)
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror})") from error
