"""The upload of the built pages to the bucket of a deployed stage."""

import mimetypes
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from ops.errors import CommandError
from ops.outputs import PagesOutputs
from ops.stage import ROOT, WORKERS, DeployedStage
from tidings.aws.recovery import reporting

BUILT = ROOT / "web" / "dist"
"""The folder of the built pages."""

PAGES = ("index.html", "console/index.html")
"""The files that every build has."""

CONFIG = "config.json"

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"

KEPT = timedelta(days=7)
"""Time for which replaced assets are kept. Pages that were opened before the upload still load them."""

LONGEST_UPLOAD = timedelta(hours=1)
"""Time within which all files of one upload are stored."""

MAX_DELETED = 1000
"""Maximum number of objects that are deleted by one request (Amazon S3 API Reference, "DeleteObjects")."""

INVALIDATED = ("/", "/index.html", "/console/*", "/config.json")
"""The paths of what changes under the same name."""

# The machine's own table may lack them, or have others.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class PageFile:
    """A file of the pages, as it is stored.

    Attributes:
        key: Its path below the pages' address.
        content: Its content.
    """

    key: str
    content: bytes

    @property
    def media_type(self) -> str:
        """Its media type, by the end of its name."""
        known = TYPES.get(Path(self.key).suffix)
        return known or mimetypes.guess_type(self.key)[0] or "application/octet-stream"

    @property
    def cache_control(self) -> str:
        """How long it may be cached: a year if its name contains a hash of its content."""
        return IMMUTABLE if self.key.startswith("assets/") else REVALIDATED


def is_built(folder: Path = BUILT) -> bool:
    """Return whether a folder contains the built pages."""
    return all((folder / page).is_file() for page in PAGES)


def upload(stage: DeployedStage, pages: PagesOutputs, config: Mapping[str, Any], folder: Path = BUILT) -> int:
    """Upload the built pages and their configuration, and return the number of files.

    A page is uploaded after everything that it loads. Files that were replaced more than a week ago are deleted.

    Args:
        stage: The stage.
        pages: Its pages.
        config: The configuration.
        folder: The folder of the built pages.

    Raises:
        CommandError: If the pages are not built.
        RecoveryError: If AWS refuses a call.
    """
    if not is_built(folder):
        raise CommandError(f"{folder} has no built pages; make web builds them")
    files = [*_files(folder), PageFile(CONFIG, msgspec.json.encode(config))]
    client = stage.client("s3")
    with reporting("the pages cannot be uploaded"):
        for part in ([file for file in files if file.key not in PAGES], [file for file in files if file.key in PAGES]):
            _put(client, pages.bucket, part)
        _delete_replaced(client, pages.bucket, {file.key for file in files})
        stage.client("cloudfront").create_invalidation(
            DistributionId=pages.distribution,
            InvalidationBatch={
                "Paths": {"Quantity": len(INVALIDATED), "Items": list(INVALIDATED)},
                "CallerReference": str(uuid4()),
            },
        )
    return len(files)


def _files(folder: Path) -> Iterator[PageFile]:
    """Iterate over the files of a build. Hidden files are the build's own, and a configuration is another stage's."""
    for path in sorted(folder.rglob("*")):
        key = path.relative_to(folder).as_posix()
        if path.is_file() and not path.name.startswith(".") and key != CONFIG:
            yield PageFile(key, path.read_bytes())


def _put(client: Any, bucket: str, files: Iterable[PageFile]) -> None:
    def put(file: PageFile) -> None:
        client.put_object(
            Bucket=bucket,
            Key=file.key,
            Body=file.content,
            ContentType=file.media_type,
            CacheControl=file.cache_control,
        )

    with ThreadPoolExecutor(WORKERS) as workers:
        for _ in workers.map(put, files):
            pass


def _delete_replaced(client: Any, bucket: str, current: set[str]) -> None:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    stored = {found["Key"]: found["LastModified"] for page in pages for found in page.get("Contents", ())}
    keys = replaced_before(datetime.now(UTC) - KEPT, stored, current)
    for start in range(0, len(keys), MAX_DELETED):
        objects = [{"Key": key} for key in keys[start : start + MAX_DELETED]]
        client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def replaced_before(limit: datetime, stored: Mapping[str, datetime], current: Set[str]) -> list[str]:
    """Return the files that were replaced before a time.

    Each upload stores all files of its build. So a file that is no longer part of the build was replaced when the next
    upload after its own stored a file.

    Args:
        limit: The time.
        stored: When each file was stored last.
        current: The files of the build that was just uploaded.
    """
    times = sorted(stored.values())
    replaced = []
    for key, time in stored.items():
        later = bisect_right(times, time + LONGEST_UPLOAD)
        if key not in current and later < len(times) and times[later] < limit:
            replaced.append(key)
    return replaced
