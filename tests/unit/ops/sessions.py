"""Sessions of AWS for tests."""

from typing import Any

import boto3


class OneClient(boto3.Session):
    """A session with one client."""

    def __init__(self, client: Any) -> None:
        super().__init__(region_name="eu-west-1")
        self._client = client

    def client(self, *_: Any, **__: Any) -> Any:
        return self._client
