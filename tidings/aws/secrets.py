"""A cached secret of Secrets Manager."""

import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

MAX_AGE = 300.0
"""Number of seconds for which a value is cached. For that long a rotated secret's old value may be used."""


class Secret:
    """A secret's text. An error of the client reaches the caller and is not cached.

    Args:
        client: The client of Secrets Manager.
        name: The secret's name or ARN.
        max_age: Number of seconds for which the value is cached.
        clock: The current time in seconds.
    """

    def __init__(
        self,
        client: "SecretsManagerClient",
        name: str,
        max_age: float = MAX_AGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._name = name
        self._max_age = max_age
        self._clock = clock
        self._value = ""
        self._until = -math.inf
        self._lock = threading.Lock()

    def value(self) -> str:
        """Return the secret, not older than `max_age`."""
        # Threads that find it too old at the same time wait for the first of them, which reads it for all.
        with self._lock:
            return self._value if self._clock() < self._until else self._fetch()

    def other_than(self, refused: str) -> str | None:
        """Return the current secret after one was refused; None if the refused one is still current."""
        with self._lock:
            value = self._value if self._value != refused else self._fetch()
        return value if value != refused else None

    def _fetch(self) -> str:
        # Editors add a newline at the end.
        self._value = self._client.get_secret_value(SecretId=self._name)["SecretString"].strip()
        self._until = self._clock() + self._max_age
        return self._value
