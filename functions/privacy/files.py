"""The files of exports in a private bucket. The bucket's lifecycle deletes each after a week."""

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import boto3
from botocore.config import Config

from tidings.aws import clients

LINK_SECONDS = 15 * 60
"""Seconds for which a link is valid."""

KEPT_DAYS = 7
"""Days for which a file is kept."""

KEPT = KEPT_DAYS * 24 * 60 * 60 * 1000
"""The same in milliseconds."""


class Links(Protocol):
    """Links to files."""

    def link(self, name: str, seconds: int) -> str:
        """Return a link to a file that is valid for these seconds."""
        ...


class Files(Links, Protocol):
    """The files of exports."""

    def write(self, name: str, text: bytes) -> None:
        """Write a file, in place of the one that has its name."""

    def join(self, name: str, parts: Sequence[str | bytes]) -> None:
        """Write a file from texts, and from other files that are given by their names.

        Raises:
            FileNotFoundError: If one of those files does not exist.
        """

    def delete(self, prefix: str) -> None:
        """Delete the files whose names begin with a prefix, if there are any."""


class S3Client(Protocol):
    """The part of the client of Amazon S3 that the adapter calls."""

    @property
    def exceptions(self) -> Any:
        """The types of the client's errors."""
        ...

    def put_object(self, **request: Any) -> Any:
        """Write an object."""

    def get_object(self, **request: Any) -> Mapping[str, Any]:
        """Read an object."""
        ...

    def list_objects_v2(self, **request: Any) -> Mapping[str, Any]:
        """List a page of objects."""
        ...

    def delete_object(self, **request: Any) -> Any:
        """Delete an object."""

    def generate_presigned_url(self, operation: str, **options: Any) -> str:
        """Return a link by which one request is made with the permission of the function."""
        ...


def file_of(person: str, job: str) -> str:
    """Return the name of the file of an export."""
    return f"{files_of(person)}{job}.json"


def part_of(person: str, job: str, number: int) -> str:
    """Return the name of a part of an export."""
    return f"{parts_of(person, job)}{number:06}"


def parts_of(person: str, job: str) -> str:
    """Return the beginning of the names of an export's parts."""
    return f"{files_of(person)}{job}/"


def files_of(person: str) -> str:
    """Return the beginning of the names of all files of a person."""
    return f"{person}/"


def s3() -> S3Client:
    """Return the client of Amazon S3. Its links are signed by version 4, the only one that all regions accept."""
    client: S3Client = boto3.client("s3", config=clients.CONFIG.merge(Config(signature_version="s3v4")))
    return client


class S3Files:
    """The files in a bucket of Amazon S3; see `Files`."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def link(self, name: str, seconds: int) -> str:
        """Return a link to a file that is valid for these seconds. It makes no request."""
        parameters = {"Bucket": self._bucket, "Key": name, "ResponseContentDisposition": "attachment"}
        return self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)

    def write(self, name: str, text: bytes) -> None:
        """Write a file, in place of the one that has its name."""
        self._put(name, text)

    def join(self, name: str, parts: Sequence[str | bytes]) -> None:
        """Write a file from texts, and from other files that are given by their names, one of them in memory.

        Raises:
            FileNotFoundError: If one of those files does not exist.
        """
        with tempfile.TemporaryFile() as joined:
            for part in parts:
                joined.write(part if isinstance(part, bytes) else self._read(part))
            joined.seek(0)
            self._put(name, joined)

    def delete(self, prefix: str) -> None:
        """Delete the files whose names begin with a prefix, if there are any."""
        while True:
            answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
            for each in answer.get("Contents", ()):
                self._client.delete_object(Bucket=self._bucket, Key=each["Key"])
            if not answer.get("IsTruncated"):
                return

    def _read(self, name: str) -> bytes:
        try:
            text: bytes = self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        except self._client.exceptions.NoSuchKey as error:
            raise FileNotFoundError("a part of an export was deleted") from error
        return text

    def _put(self, name: str, body: Any) -> None:
        self._client.put_object(Bucket=self._bucket, Key=name, Body=body, ContentType="application/json")
